#include "smtp/command.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <span>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "core/limits.h"
#include "core/utf8.h"

namespace postern {
namespace {

// What is wrong with a command in itself. Null means nothing is.
using Error = const Reply*;

constexpr Reply kUnknownVerb = {500, "5.5.1", "Command not recognized"};
constexpr Reply kControlByte = {501, "5.5.2", "A control byte in a command"};
constexpr Reply kNoArgument = {501, "5.5.4", "This command takes no argument"};
constexpr Reply kHelloSyntax = {501, "5.5.4", "Say who you are, as in EHLO client.example"};
constexpr Reply kHelloBytes = {501, "5.5.4", "That is too long, or no text, for a name"};
constexpr Reply kMailSyntax = {501, "5.5.4", "The form is MAIL FROM:<address> [parameters]"};
constexpr Reply kRcptSyntax = {501, "5.5.4", "The form is RCPT TO:<address> [parameters]"};
constexpr Reply kBdatSyntax = {501, "5.5.4", "The form is BDAT size [LAST]"};
constexpr Reply kVrfySyntax = {501, "5.5.4", "The form is VRFY address"};
constexpr Reply kNeedsUtf8 = {553, "5.6.7", "An address beyond ASCII needs SMTPUTF8 on its MAIL command"};

constexpr Reply kUnknownParameter = {555, "5.5.4", "Parameter not recognized"};
constexpr Reply kParameterTwice = {501, "5.5.4", "A parameter may stand only once"};
constexpr Reply kParameterValue = {501, "5.5.4", "A parameter lacks its value, or has one that it may not have"};
constexpr Reply kSizeValue = {501, "5.5.4", "The form is SIZE=bytes"};
constexpr Reply kBodyValue = {501, "5.5.4", "The form is BODY=7BIT or BODY=8BITMIME"};
constexpr Reply kBinaryBody = {504, "5.5.4", "BINARYMIME is not offered here"};
constexpr Reply kRetValue = {501, "5.5.4", "The form is RET=FULL or RET=HDRS"};
constexpr Reply kEnvidValue = {501, "5.5.4", "ENVID must be xtext of 1 to 100 bytes"};
constexpr Reply kNotifyValue = {501, "5.5.4", "The form is NOTIFY=NEVER, or a list of SUCCESS, FAILURE and DELAY"};
constexpr Reply kOrcptValue = {501, "5.5.4", "The form is ORCPT=type;xtext, of at most 500 bytes"};

// By AddressError, behind kNone. RFC 3463 tells a sender's address from a recipient's.
constexpr size_t kAddressErrorCount = static_cast<size_t>(AddressError::kUtf8) + 1;
constexpr std::array<Reply, kAddressErrorCount> AddressReplies(std::string_view enhanced) {
  return {{
      {},
      {501, enhanced, "An address must stand in angle brackets"},
      {501, enhanced, "The source route is malformed"},
      {501, enhanced, "The local part is malformed"},
      {501, enhanced, "The local part is longer than 64 bytes"},
      {501, enhanced, "The address has no domain"},
      {501, enhanced, "The domain is malformed"},
      {501, enhanced, "The domain is longer than 255 bytes, or one of its labels than 63"},
      {501, enhanced, "The address literal is malformed"},
      {501, enhanced, "The address is longer than 254 bytes"},
      {501, enhanced, "The address is no UTF-8"},
  }};
}
constexpr std::array<Reply, kAddressErrorCount> kSenderReplies = AddressReplies("5.1.7");
constexpr std::array<Reply, kAddressErrorCount> kRecipientReplies = AddressReplies("5.1.3");

bool IsPrintable(char c) { return c > 0x20 && c < 0x7F; }

// RFC 3461 4. Bytes over 127 may stand in the address of type utf-8 in a transaction with SMTPUTF8 (RFC 6533 3).
bool IsXtext(std::string_view text, bool eight_bit = false) {
  const auto is_hex = [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c)) || (c >= 'A' && c <= 'F');
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
      i += 2;
    } else if (text[i] == '=' ||
               !(IsPrintable(text[i]) || (eight_bit && static_cast<unsigned char>(text[i]) >= 0x80))) {
      return false;
    }
  }
  return !text.empty() && (!eight_bit || IsUtf8(text));
}

// Takes the front of `text` up to `separator`, and the separator.
std::string_view TakeUpTo(char separator, std::string_view& text) {
  const size_t end = text.find(separator);
  const std::string_view front = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return front;
}

// A number of digits alone; one that is too large for us is the largest.
std::optional<uint64_t> ParseNumber(std::string_view text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), [](unsigned char c) { return absl::ascii_isdigit(c); })) {
    return std::nullopt;
  }
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() ? number : UINT64_MAX;
}

// --- parameters of MAIL and RCPT (RFC 5321 4.1.2) ------------------------------------------------

Error ReadSize(std::string_view value, bool, Command& command) {
  command.size = ParseNumber(value);
  return command.size.has_value() ? nullptr : &kSizeValue;
}

Error ReadBody(std::string_view value, bool, Command& command) {
  if (absl::EqualsIgnoreCase(value, "7BIT")) return nullptr;
  if (absl::EqualsIgnoreCase(value, "BINARYMIME")) return &kBinaryBody;
  if (!absl::EqualsIgnoreCase(value, "8BITMIME")) return &kBodyValue;
  command.flags |= kEnvelopeEightBit;
  return nullptr;
}

Error ReadUtf8(std::string_view, bool, Command& command) {
  command.flags |= kEnvelopeUtf8;
  return nullptr;
}

Error ReadRet(std::string_view value, bool, Command& command) {
  const bool full = absl::EqualsIgnoreCase(value, "FULL");
  if (!full && !absl::EqualsIgnoreCase(value, "HDRS")) return &kRetValue;
  command.ret = full ? DsnReturn::kFull : DsnReturn::kHeaders;
  return nullptr;
}

Error ReadEnvid(std::string_view value, bool, Command& command) {
  command.envid = value;
  return IsXtext(value) && value.size() <= kEnvidSizeMax ? nullptr : &kEnvidValue;
}

Error ReadNotify(std::string_view value, bool, Command& command) {
  struct Word {
    std::string_view name;
    uint8_t bit;
  };
  static constexpr Word kWords[] = {{"SUCCESS", kNotifySuccess}, {"FAILURE", kNotifyFailure}, {"DELAY", kNotifyDelay}};
  if (absl::EqualsIgnoreCase(value, "NEVER")) {
    command.notify = kNotifyNever;
    return nullptr;
  }
  if (value.ends_with(',')) return &kNotifyValue;
  while (!value.empty()) {
    const std::string_view name = TakeUpTo(',', value);
    const auto* const word = std::find_if(std::begin(kWords), std::end(kWords),
                                          [name](const Word& w) { return absl::EqualsIgnoreCase(w.name, name); });
    if (word == std::end(kWords)) return &kNotifyValue;
    command.notify |= word->bit;
  }
  return nullptr;
}

Error ReadOrcpt(std::string_view value, bool utf8, Command& command) {
  command.orcpt = value;
  const std::string_view type = TakeUpTo(';', value);
  const bool atom = !type.empty() && std::all_of(type.begin(), type.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-';
  });
  const bool eight_bit = utf8 && absl::EqualsIgnoreCase(type, "utf-8");
  return atom && IsXtext(value, eight_bit) && command.orcpt.size() <= kOrcptSizeMax ? nullptr : &kOrcptValue;
}

struct Parameter {
  std::string_view name;
  bool has_value;
  Error (*read)(std::string_view value, bool utf8, Command& command);
};

constexpr Parameter kMailParameters[] = {
    {"SIZE", true, ReadSize},       // RFC 1870
    {"BODY", true, ReadBody},       // RFC 6152
    {"SMTPUTF8", false, ReadUtf8},  // RFC 6531
    {"RET", true, ReadRet},         // RFC 3461 4.3
    {"ENVID", true, ReadEnvid},     // RFC 3461 4.4
};

constexpr Parameter kRcptParameters[] = {
    {"NOTIFY", true, ReadNotify},  // RFC 3461 4.1
    {"ORCPT", true, ReadOrcpt},    // RFC 3461 4.2
};

// `text` is what stands behind the path: nothing, or a space and parameters with spaces between them.
Error ReadParameters(std::string_view text, std::span<const Parameter> known, bool utf8, Command& command) {
  uint32_t seen = 0;
  while (!text.empty()) {
    std::string_view value = TakeUpTo(' ', text);
    if (value.empty()) continue;
    const bool has_value = value.find('=') != std::string_view::npos;
    const std::string_view name = TakeUpTo('=', value);
    const auto parameter = std::find_if(known.begin(), known.end(),
                                        [name](const Parameter& p) { return absl::EqualsIgnoreCase(p.name, name); });
    if (parameter == known.end()) return &kUnknownParameter;
    const uint32_t bit = 1u << (parameter - known.begin());
    if ((seen & bit) != 0) return &kParameterTwice;
    seen |= bit;
    if (has_value != parameter->has_value || value.empty() == has_value) return &kParameterValue;
    if (const Error error = parameter->read(value, utf8, command)) return error;
  }
  return nullptr;
}

// --- verbs ---------------------------------------------------------------------------------------

Error ReadNothing(std::string_view argument, bool, Command&) { return argument.empty() ? nullptr : &kNoArgument; }

Error ReadAnything(std::string_view argument, bool, Command& command) {
  command.argument = argument;
  return nullptr;
}

// What stands here is often no domain: real clients say underscores, bare words and names with spaces. It is believed
// by nobody, so it only has to be text.
Error ReadHello(std::string_view argument, bool, Command& command) {
  command.argument = argument;
  if (argument.empty()) return &kHelloSyntax;
  return argument.size() <= kDomainSizeMax && IsUtf8(argument) ? nullptr : &kHelloBytes;
}

Error ReadVrfy(std::string_view argument, bool, Command& command) {
  command.argument = argument;
  return argument.empty() ? &kVrfySyntax : nullptr;
}

// Takes "FROM:" and the spaces that many clients put behind it, though RFC 5321 3.3 forbids them.
bool TakeKeyword(std::string_view keyword, std::string_view& text) {
  if (!absl::StartsWithIgnoreCase(text, keyword)) return false;
  text.remove_prefix(std::min(text.find_first_not_of(' ', keyword.size()), text.size()));
  return true;
}

Error ReadMail(std::string_view text, bool, Command& command) {
  if (!TakeKeyword("FROM:", text)) return &kMailSyntax;
  const ParsedPath parsed = ParseReversePath(text);
  if (parsed.error != AddressError::kNone) return &kSenderReplies[static_cast<size_t>(parsed.error)];
  text.remove_prefix(parsed.size);
  if (!text.empty() && text.front() != ' ') return &kMailSyntax;
  command.path = parsed.path;
  if (const Error error = ReadParameters(text, kMailParameters, false, command)) return error;
  return parsed.path.eight_bit && (command.flags & kEnvelopeUtf8) == 0 ? &kNeedsUtf8 : nullptr;
}

Error ReadRcpt(std::string_view text, bool utf8, Command& command) {
  if (!TakeKeyword("TO:", text)) return &kRcptSyntax;
  const ParsedPath parsed = ParseForwardPath(text);
  if (parsed.error != AddressError::kNone) return &kRecipientReplies[static_cast<size_t>(parsed.error)];
  text.remove_prefix(parsed.size);
  if (!text.empty() && text.front() != ' ') return &kRcptSyntax;
  if (parsed.path.eight_bit && !utf8) return &kNeedsUtf8;
  command.path = parsed.path;
  return ReadParameters(text, kRcptParameters, utf8, command);
}

Error ReadBdat(std::string_view argument, bool, Command& command) {
  const std::optional<uint64_t> size = ParseNumber(TakeUpTo(' ', argument));
  if (!size.has_value() || *size == UINT64_MAX) return &kBdatSyntax;
  command.chunk_size = *size;
  command.last_chunk = absl::EqualsIgnoreCase(argument, "LAST");
  return argument.empty() || command.last_chunk ? nullptr : &kBdatSyntax;
}

struct VerbRow {
  std::string_view name;
  Verb verb;
  Error (*read)(std::string_view argument, bool utf8, Command& command);
};

// In the order in which they are heard most.
constexpr VerbRow kVerbs[] = {
    {"RCPT", Verb::kRcpt, ReadRcpt},    {"MAIL", Verb::kMail, ReadMail},     {"DATA", Verb::kData, ReadNothing},
    {"BDAT", Verb::kBdat, ReadBdat},    {"EHLO", Verb::kEhlo, ReadHello},    {"QUIT", Verb::kQuit, ReadNothing},
    {"RSET", Verb::kRset, ReadNothing}, {"HELO", Verb::kHelo, ReadHello},    {"NOOP", Verb::kNoop, ReadAnything},
    {"VRFY", Verb::kVrfy, ReadVrfy},    {"EXPN", Verb::kExpn, ReadAnything}, {"HELP", Verb::kHelp, ReadAnything},
};

}  // namespace

Command ParseCommand(std::string_view line, bool utf8) {
  Command command;
  command.error = &kUnknownVerb;
  line = absl::StripTrailingAsciiWhitespace(line);
  std::string_view argument = line;
  const std::string_view name = TakeUpTo(' ', argument);
  const auto* const row = std::find_if(std::begin(kVerbs), std::end(kVerbs),
                                       [name](const VerbRow& r) { return absl::EqualsIgnoreCase(r.name, name); });
  if (row == std::end(kVerbs)) return command;
  command.verb = row->verb;
  const bool control = std::any_of(line.begin(), line.end(), [](unsigned char c) { return absl::ascii_iscntrl(c); });
  command.error = control ? &kControlByte : row->read(absl::StripLeadingAsciiWhitespace(argument), utf8, command);
  return command;
}

}  // namespace postern
