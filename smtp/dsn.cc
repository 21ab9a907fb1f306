#include "smtp/dsn.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/utf8.h"
#include "smtp/address.h"
#include "smtp/noted_reply.h"
#include "smtp/trace.h"

namespace postern {
namespace {

constexpr size_t kLineSizeWanted = 76;
constexpr size_t kPieceSizeMax = 900;  // a word, or a value: with what stands before it, the line keeps below 998
constexpr std::string_view kIndent = "    ";

// A character that is shown, or a space; no control, and none of the two that end lines in Unicode.
bool IsGraphic(Utf8Character c) {
  return c.size > 0 && c.code >= 0x20 && (c.code < 0x7F || c.code > 0x9F) && c.code != 0x2028 && c.code != 0x2029;
}

bool IsGraphicText(std::string_view text) {
  while (!text.empty()) {
    const Utf8Character c = DecodeUtf8(text);
    if (!IsGraphic(c)) return false;
    text.remove_prefix(c.size);
  }
  return true;
}

// Whatever could end a line, or be no text, becomes '?'.
std::string Safe(std::string_view text, bool utf8) {
  std::string safe;
  while (!text.empty()) {
    const Utf8Character c = DecodeUtf8(text);
    const size_t size = std::max<size_t>(c.size, 1);
    if (IsGraphic(c) && (utf8 || c.code < 0x80)) {
      safe.append(text.substr(0, size));
    } else {
      safe.push_back('?');
    }
    text.remove_prefix(size);
  }
  return safe;
}

bool IsUtf8Content(const Report& report) {
  return report.returned != ReturnedContent::kNothing && report.header_eight_bit &&
         (report.original.flags & kEnvelopeUtf8) != 0;
}

// "+2B" is '+' (RFC 3461 4). Nothing when it is no xtext.
std::optional<std::string> DecodeXtext(std::string_view xtext) {
  std::string text;
  for (size_t i = 0; i < xtext.size(); ++i) {
    if (xtext[i] != '+') {
      text.push_back(xtext[i]);
      continue;
    }
    uint32_t code = 0;
    if (i + 2 >= xtext.size() || !absl::SimpleHexAtoi(xtext.substr(i + 1, 2), &code)) return std::nullopt;
    text.push_back(static_cast<char>(code));
    i += 2;
  }
  return text;
}

void AppendUtf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
    return;
  }
  const int rest = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;  // bytes after the first one
  out.push_back(static_cast<char>((0xFF00 >> (rest + 1) & 0xFF) | code >> (6 * rest)));
  for (int i = rest; i-- > 0;) out.push_back(static_cast<char>(0x80 | (code >> (6 * i) & 0x3F)));
}

// "\x{E9}" is U+00E9 (RFC 6533 3); what is not of that form stays.
std::string DecodeEmbedded(std::string_view text) {
  std::string decoded;
  while (!text.empty()) {
    const size_t end = text.starts_with("\\x{") ? text.find('}') : std::string_view::npos;
    uint32_t code = 0;
    // At most six digits: the hexadecimal reader takes no number for too large.
    if (end != std::string_view::npos && end <= 9 && absl::SimpleHexAtoi(text.substr(3, end - 3), &code)) {
      AppendUtf8(code, decoded);
      text.remove_prefix(end + 1);
    } else {
      decoded.push_back(text.front());
      text.remove_prefix(1);
    }
  }
  return decoded;
}

// The same backwards, for a report that has to do with ASCII.
std::string EncodeEmbedded(std::string_view text) {
  std::string encoded;
  while (!text.empty()) {
    const Utf8Character c = DecodeUtf8(text);
    const size_t size = std::max<size_t>(c.size, 1);
    if (c.code < 0x80) {
      encoded.append(text.substr(0, size));
    } else {
      absl::StrAppend(&encoded, "\\x{", absl::AsciiStrToUpper(absl::StrCat(absl::Hex(c.code))), "}");
    }
    text.remove_prefix(size);
  }
  return encoded;
}

// What the client said, decoded (RFC 3461 4.2, 4.4: the text before encoding is printable). What decodes to anything
// else goes back as it was said, which harms nobody and is still recognised.
std::string Original(std::string_view xtext, bool embedded, bool utf8) {
  std::optional<std::string> decoded = DecodeXtext(xtext);
  if (decoded.has_value() && embedded) decoded = utf8 ? DecodeEmbedded(*decoded) : EncodeEmbedded(*decoded);
  if (decoded.has_value() && IsGraphicText(*decoded) && (IsAscii(*decoded) || (embedded && utf8))) return *decoded;
  return Safe(xtext, utf8);
}

constexpr std::string_view Word(ReportedAction action) {
  switch (action) {
    case ReportedAction::kFailed: return "failed";
    case ReportedAction::kDelayed: return "delayed";
    case ReportedAction::kDelivered: return "delivered";
    case ReportedAction::kRelayed: return "relayed";
  }
  return "failed";
}

// RFC 3463: the code of the reply, when it is of the class that the action has; else the least that is known.
std::string StatusCode(const ReportedStatus& status) {
  const NotedReply reply = ReadNote(status.note);
  switch (status.action) {
    case ReportedAction::kFailed:
      if (reply.expired) return "4.4.7";
      if (reply.enhanced.starts_with('5') || reply.enhanced.starts_with('4')) return std::string(reply.enhanced);
      return reply.code / 100 == 4 ? "4.0.0" : "5.0.0";
    case ReportedAction::kDelayed: return reply.enhanced.starts_with('4') ? std::string(reply.enhanced) : "4.0.0";
    case ReportedAction::kDelivered:
    case ReportedAction::kRelayed: return reply.enhanced.starts_with('2') ? std::string(reply.enhanced) : "2.0.0";
  }
  return "5.0.0";
}

enum class Reader { kSender, kPostmaster, kAdministrator };

Reader ReaderOf(const Report& report) {
  if ((report.original.flags & kEnvelopeReport) != 0) return Reader::kPostmaster;
  return report.to == report.original.sender ? Reader::kSender : Reader::kAdministrator;
}

std::string_view Subject(const Report& report) {
  switch (report.kind) {
    case ReportKind::kDelay: return "Delayed mail (it is still being tried)";
    case ReportKind::kSuccess: return "Delivered mail (the receipt that you asked for)";
    case ReportKind::kFailure: break;
  }
  switch (ReaderOf(report)) {
    case Reader::kSender: return "Undelivered mail returned to its sender";
    case Reader::kPostmaster: return "Undelivered report returned to postmaster";
    case Reader::kAdministrator: return "Undelivered mail (its sender wants no report)";
  }
  return "Undelivered mail";
}

// Writes one report from its start to its end.
class ReportWriter {
 public:
  explicit ReportWriter(const Report& report)
      : report_(report), utf8_(NeedsUtf8(report)), boundary_(ReportBoundary(report.id)) {}

  std::string Write() {
    WriteHeader();
    StartPart(utf8_ ? "text/plain; charset=utf-8" : "text/plain; charset=us-ascii", utf8_);
    WriteForPeople();
    StartPart(utf8_ ? "message/global-delivery-status" : "message/delivery-status", utf8_);
    WriteForPrograms();
    const bool global = IsUtf8Content(report_);
    switch (report_.returned) {
      case ReturnedContent::kNothing: break;
      case ReturnedContent::kHeader:
        StartPart(global ? "message/global-headers" : "text/rfc822-headers", report_.eight_bit);
        break;
      case ReturnedContent::kMessage: StartPart(global ? "message/global" : "message/rfc822", report_.eight_bit); break;
    }
    return std::move(out_);
  }

 private:
  void Line(std::string_view text = {}) { absl::StrAppend(&out_, text, "\r\n"); }
  void Field(std::string_view name, std::string_view value) {
    absl::StrAppend(&out_, name, ": ", Safe(value.substr(0, kPieceSizeMax), utf8_), "\r\n");
  }
  void DateField(std::string_view name, WallTime time) {
    absl::StrAppend(&out_, name, ": ");
    AppendDate(time, out_);
    Line();
  }
  // The words of `text`, on lines of the wanted size as far as words are so short; each but the first one is indented.
  // No line is made without a word on it, which would end a field.
  void Words(std::string_view text, std::string_view indent);
  void Paragraph(std::string_view text) {
    Words(text, "");
    absl::StrAppend(&out_, "\r\n\r\n");
  }

  void WriteHeader();
  void StartPart(std::string_view type, bool eight_bit);
  void WriteForPeople();
  void WriteIntroduction();
  void WriteForPeople(const ReportedStatus& status);
  void WriteForPrograms();
  void WriteForPrograms(const ReportedStatus& status);
  std::string Address(const ReportedStatus& status) const {
    const bool bare = !absl::StrContains(status.address, '@');  // postmaster
    return bare ? absl::StrCat(status.address, "@", report_.hostname) : std::string(status.address);
  }

  const Report& report_;
  const bool utf8_;
  const std::string boundary_;
  std::string out_;
};

void ReportWriter::Words(std::string_view text, std::string_view indent) {
  size_t column = out_.size() - (out_.rfind('\n') + 1);
  bool line_has_words = false;
  const auto add = [&](std::string_view word, bool on_new_line) {
    if (on_new_line || (column > indent.size() && column + 1 + word.size() > kLineSizeWanted)) {
      while (absl::EndsWith(out_, " ")) out_.pop_back();
      absl::StrAppend(&out_, "\r\n", indent);
      column = indent.size();
    } else if (line_has_words) {
      out_.push_back(' ');
      ++column;
    }
    out_.append(word);
    column += word.size();
    line_has_words = true;
  };
  for (const std::string_view line : absl::StrSplit(text, '\n')) {
    bool first = line_has_words;  // the next word starts a line
    for (const std::string_view raw : absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty())) {
      const std::string safe = Safe(raw, utf8_);
      std::string_view word = safe;
      while (!word.empty()) {
        size_t size = std::min(word.size(), kPieceSizeMax);
        while (size < word.size() && (static_cast<unsigned char>(word[size]) & 0xC0) == 0x80) --size;
        add(word.substr(0, size), first);
        first = false;
        word.remove_prefix(size);
      }
    }
  }
}

void ReportWriter::WriteHeader() {
  Field("From", absl::StrCat("Mail Delivery System <", report_.postmaster, ">"));
  Field("To", absl::StrCat("<", report_.to, ">"));
  Field("Subject", Subject(report_));
  DateField("Date", report_.date);
  Field("Message-ID", absl::StrCat("<", ToText(report_.id).view(), "@", report_.hostname, ">"));
  Field("Auto-Submitted", "auto-replied");  // RFC 3834
  Field("MIME-Version", "1.0");
  Line("Content-Type: multipart/report; report-type=delivery-status;");
  Line(absl::StrCat("\tboundary=\"", boundary_, "\""));
  if (utf8_ || report_.eight_bit) Field("Content-Transfer-Encoding", "8bit");
}

void ReportWriter::StartPart(std::string_view type, bool eight_bit) {
  absl::StrAppend(&out_, "\r\n--", boundary_, "\r\n");
  Field("Content-Type", type);
  if (eight_bit) Field("Content-Transfer-Encoding", "8bit");
  Line();
}

void ReportWriter::WriteForPeople() {
  Paragraph(absl::StrCat("This is the mail system at ", report_.hostname, "."));
  WriteIntroduction();
  for (const ReportedStatus& status : report_.recipients) WriteForPeople(status);
  switch (report_.returned) {
    case ReturnedContent::kNothing: return Paragraph("The message itself cannot be shown here.");
    case ReturnedContent::kHeader: return Paragraph("The header of the message is attached.");
    case ReturnedContent::kMessage: return Paragraph("The message is attached.");
  }
}

void ReportWriter::WriteIntroduction() {
  std::string arrived;
  AppendDate(report_.about.born(), arrived);
  const std::string id(ToText(report_.about).view());
  switch (report_.kind) {
    case ReportKind::kDelay:
      return Paragraph(
          absl::StrCat("Your message of ", arrived, " has not been delivered yet to the recipients below. You need do ",
                       "nothing: it is tried again and again, and you will hear of it if it has to be given up."));
    case ReportKind::kSuccess:
      return Paragraph(absl::StrCat("Your message of ", arrived,
                                    " was delivered to the recipients below, or was passed on to a ",
                                    "mail system that sends no such receipts. You get this since you asked for it."));
    case ReportKind::kFailure: break;
  }
  switch (ReaderOf(report_)) {
    case Reader::kSender:
      Paragraph(absl::StrCat("Your message of ", arrived, " could not be delivered to the recipients below, and will ",
                             "not be tried again. Below each of them stands why."));
      return Paragraph(
          absl::StrCat("Please look whether the addresses are right, and send the message again when the reason is ",
                       "gone. If you need help, write to ", report_.postmaster, " and name the message as ", id, "."));
    case Reader::kPostmaster:
      return Paragraph(
          absl::StrCat("A report of ", arrived, " (", id, ") could not be delivered to the recipients below, who are ",
                       "the senders of mail that passed through here. Nobody else is told, and you are told once."));
    case Reader::kAdministrator:
      return Paragraph(
          absl::StrCat("The message ", id, " of ", arrived, " from <", report_.original.sender, "> could not be ",
                       "delivered to the recipients below. Its sender asked not to be told; you get this since the ",
                       "configuration asks for copies."));
  }
}

void ReportWriter::WriteForPeople(const ReportedStatus& status) {
  Line(Safe(absl::StrCat("<", Address(status), ">"), utf8_));
  const auto line = [this](std::string_view text) {
    out_.append(kIndent);
    Words(text, kIndent);
    Line();
  };
  const NotedReply reply = ReadNote(status.note);
  const std::string speaker = status.remote.empty() || reply.code == 0 ? "" : absl::StrCat(status.remote, " said: ");
  if (reply.expired) line("It was tried until its time was over. The last reason was:");
  if (!reply.text.empty()) line(absl::StrCat(speaker, reply.text));
  if (status.action == ReportedAction::kRelayed) line("Passed on; you may hear nothing more of it.");
  if (status.retry_until != WallTime{}) {
    std::string until = "It is tried until ";
    AppendDate(status.retry_until, until);
    line(until + ".");
  }
  Line();
}

// RFC 3464 2.2, and 2.3 for each recipient.
void ReportWriter::WriteForPrograms() {
  Field("Reporting-MTA", absl::StrCat("dns; ", report_.hostname));
  Field("X-Postern-ID", ToText(report_.about).view());
  const EnvelopeHead& original = report_.original;
  if (!original.envid.empty()) Field("Original-Envelope-Id", Original(original.envid, /*embedded=*/false, utf8_));
  if (!original.peer.empty()) {
    // Of what the peer calls itself only what can be true is repeated.
    const bool named = IsAscii(original.helo) &&
                       (CheckDomain(original.helo) == AddressError::kNone || IsAddressLiteral(original.helo));
    Field("Received-From-MTA", named ? absl::StrCat("dns; ", original.helo, " ([", original.peer, "])")
                                     : absl::StrCat("dns; [", original.peer, "]"));
  }
  DateField("Arrival-Date", report_.about.born());
  for (const ReportedStatus& status : report_.recipients) WriteForPrograms(status);
}

void ReportWriter::WriteForPrograms(const ReportedStatus& status) {
  Line();
  if (const size_t semicolon = status.orcpt.find(';'); semicolon != std::string_view::npos) {
    const std::string_view type = status.orcpt.substr(0, semicolon);
    const bool embedded = absl::EqualsIgnoreCase(type, "utf-8");
    Field("Original-Recipient", absl::StrCat(type, ";", Original(status.orcpt.substr(semicolon + 1), embedded, utf8_)));
  }
  const std::string address = Address(status);
  Field("Final-Recipient", absl::StrCat(IsAscii(address) ? "rfc822;" : "utf-8;", address));
  Field("Action", Word(status.action));
  Field("Status", StatusCode(status));
  if (!status.remote.empty()) Field("Remote-MTA", absl::StrCat("dns; ", status.remote));
  if (const NotedReply reply = ReadNote(status.note); !reply.text.empty()) {
    absl::StrAppend(&out_, "Diagnostic-Code: ", reply.code != 0 ? "smtp; " : "X-Postern; ");
    Words(reply.text, kIndent);
    Line();
  }
  if (status.last_attempt != WallTime{}) DateField("Last-Attempt-Date", status.last_attempt);
  if (status.action == ReportedAction::kDelayed && status.retry_until != WallTime{}) {
    DateField("Will-Retry-Until", status.retry_until);
  }
}

}  // namespace

bool NeedsUtf8(const Report& report) {
  return IsUtf8Content(report) || !IsAscii(report.hostname) || !IsAscii(report.postmaster) || !IsAscii(report.to) ||
         std::any_of(report.recipients.begin(), report.recipients.end(),
                     [](const ReportedStatus& status) { return !IsAscii(status.address); });
}

std::string ReportBoundary(MessageId id) { return absl::StrCat("=_", ToText(id).view(), "_report"); }

std::string ComposeHead(const Report& report) { return ReportWriter(report).Write(); }

std::string ComposeTail(const Report& report) { return absl::StrCat("\r\n--", ReportBoundary(report.id), "--\r\n"); }

}  // namespace postern
