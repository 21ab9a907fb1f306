#include "bench/load/mail.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "smtp/trace.h"

namespace postern {
namespace {

constexpr std::string_view kLine = "All that a mail server ever sees of a load is lines of text, and this is one";
constexpr size_t kLineSize = kLine.size() + 2;
static_assert(kLineSize == 78);

// `size` bytes of lines; not 1, which no line is.
void AppendLines(std::string& text, size_t size) {
  while (size > 0) {
    // What would leave a single byte for the last line is one longer: 77 characters.
    const size_t line_size = size == kLineSize + 1 ? size : std::min(size, kLineSize);
    text.append(kLine.substr(0, line_size - 2));
    text.append(line_size - 2 - std::min(line_size - 2, kLine.size()), '!');
    text += "\r\n";
    size -= line_size;
  }
}

}  // namespace

absl::StatusOr<Mail> Mail::Make(const Header& header, uint64_t size) {
  Mail mail;
  mail.text_ = absl::StrCat("From: <", header.from, ">\r\nTo: <", header.to, ">\r\nDate: ");
  AppendDate(header.date, mail.text_);
  absl::StrAppend(&mail.text_, "\r\nSubject: A message of ", size, " bytes\r\nMessage-ID: <");
  mail.id_offset_ = mail.text_.size();
  mail.text_.append(kIdSize, '0');
  absl::StrAppendFormat(&mail.text_, ".%016x@load.invalid>\r\n\r\n", header.run);
  const size_t size_min = mail.text_.size() + 2;
  if (size < size_min) {
    return absl::InvalidArgumentError(
        absl::StrCat("a message of ", size, " bytes has no room for its header: ", size_min, " is the least"));
  }
  mail.text_.reserve(size);
  AppendLines(mail.text_, size - mail.text_.size());
  return mail;
}

void Letter::Start(const Mail& mail, uint64_t number) {
  mail_ = &mail;
  offset_ = 0;
  first_piece_.assign(mail.text().substr(0, kFirstPieceSizeMax));
  char digits[Mail::kIdSize + 1];
  absl::SNPrintF(digits, sizeof digits, "%016x", number);
  std::copy_n(digits, Mail::kIdSize, first_piece_.begin() + static_cast<std::ptrdiff_t>(mail.id_offset()));
}

std::string_view Letter::NextPiece() {
  if (offset_ == 0) {
    offset_ = first_piece_.size();
    return first_piece_;
  }
  const std::string_view rest = mail_->text().substr(offset_);
  offset_ = mail_->text().size();
  return rest;
}

}  // namespace postern
