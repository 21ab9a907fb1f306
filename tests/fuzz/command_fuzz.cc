// A command that is accepted can be written down again from its values, and then says the same; one that is refused has
// a reply that says so.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/log/check.h"
#include "absl/log/log.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "smtp/command.h"

namespace postern {
namespace {

std::string WriteNotify(uint8_t notify) {
  if (notify == kNotifyNever) return " NOTIFY=NEVER";
  std::string list;
  for (const auto& [bit, name] :
       {std::pair(kNotifySuccess, "SUCCESS"), {kNotifyFailure, "FAILURE"}, {kNotifyDelay, "DELAY"}}) {
    if ((notify & bit) != 0) absl::StrAppend(&list, list.empty() ? " NOTIFY=" : ",", name);
  }
  return list;
}

std::string WriteMail(const Command& command) {
  std::string line = absl::StrCat("MAIL FROM:<", command.path.mailbox, ">");
  if (command.size.has_value()) absl::StrAppend(&line, " SIZE=", *command.size);
  if ((command.flags & kEnvelopeEightBit) != 0) line += " BODY=8BITMIME";
  if ((command.flags & kEnvelopeUtf8) != 0) line += " SMTPUTF8";
  if (command.ret != DsnReturn::kUnspecified) line += command.ret == DsnReturn::kFull ? " RET=FULL" : " RET=HDRS";
  if (!command.envid.empty()) absl::StrAppend(&line, " ENVID=", command.envid);
  return line;
}

std::string WriteRcpt(const Command& command) {
  std::string line = absl::StrCat("RCPT TO:<", command.path.mailbox, ">", WriteNotify(command.notify));
  if (!command.orcpt.empty()) absl::StrAppend(&line, " ORCPT=", command.orcpt);
  return line;
}

std::string Write(const Command& command) {
  switch (command.verb) {
    case Verb::kHelo: return absl::StrCat("HELO ", command.argument);
    case Verb::kEhlo: return absl::StrCat("EHLO ", command.argument);
    case Verb::kMail: return WriteMail(command);
    case Verb::kRcpt: return WriteRcpt(command);
    case Verb::kData: return "DATA";
    case Verb::kBdat: return absl::StrCat("BDAT ", command.chunk_size, command.last_chunk ? " LAST" : "");
    case Verb::kRset: return "RSET";
    case Verb::kNoop: return absl::StrCat("NOOP ", command.argument);
    case Verb::kVrfy: return absl::StrCat("VRFY ", command.argument);
    case Verb::kExpn: return absl::StrCat("EXPN ", command.argument);
    case Verb::kHelp: return absl::StrCat("HELP ", command.argument);
    case Verb::kQuit: return "QUIT";
    case Verb::kUnknown: break;
  }
  LOG(FATAL) << "an unknown verb was accepted";
}

void Check(std::string_view line, bool utf8) {
  const Command command = ParseCommand(line, utf8);
  if (command.error != nullptr) {
    CHECK(command.error->code >= 500 && command.error->code <= 555 && !command.error->text.empty());
    CHECK(command.error->enhanced.starts_with("5."));
    return;
  }
  for (const std::string_view text : {command.argument, command.path.mailbox, command.envid, command.orcpt}) {
    for (const unsigned char c : text) CHECK(!absl::ascii_iscntrl(c));
  }
  const std::string written = Write(command);
  const Command again = ParseCommand(written, utf8);
  CHECK(again.error == nullptr) << written << ": " << again.error->text;
  CHECK_EQ(Write(again), written);
  CHECK(again.verb == command.verb && again.notify == command.notify && again.flags == command.flags);
}

}  // namespace
}  // namespace postern

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  postern::Check(line, /*utf8=*/false);
  postern::Check(line, /*utf8=*/true);
  return 0;
}
