#include "tests/smtp_session/transcript.h"

#include <charconv>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/log/check.h"
#include "absl/log/log.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/envelope.h"
#include "tests/smtp_session/outside.h"

namespace postern {
namespace {

// --- reading -------------------------------------------------------------------------------------

std::string Unescape(std::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      bytes.push_back(text[i]);
      continue;
    }
    CHECK_LT(i + 1, text.size()) << "a backslash at the end: " << text;
    switch (text[++i]) {
      case 'r': bytes.push_back('\r'); break;
      case 'n': bytes.push_back('\n'); break;
      case 't': bytes.push_back('\t'); break;
      case '0': bytes.push_back('\0'); break;
      case '\\': bytes.push_back('\\'); break;
      case 'x': {
        uint8_t value = 0;
        CHECK_LT(i + 2, text.size()) << "\\x wants two digits: " << text;
        const auto [end, error] = std::from_chars(&text[i + 1], &text[i + 1] + 2, value, 16);
        CHECK(error == std::errc() && end == &text[i + 1] + 2) << "\\x wants two digits: " << text;
        bytes.push_back(static_cast<char>(value));
        i += 2;
        break;
      }
      default: LOG(FATAL) << "no such escape: " << text;
    }
  }
  return bytes;
}

std::string Escape(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    switch (c) {
      case '\r': text.append("\\r"); break;
      case '\n': text.append("\\n"); break;
      case '\\': text.append("\\\\"); break;
      default:
        if (byte >= 0x20 && byte != 0x7F) {
          text.push_back(c);
        } else {
          text.append("\\x").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
        }
    }
  }
  return text;
}

// The parts between slashes that have blanks round them; between two such slashes is an empty part.
std::vector<std::string> SplitParts(std::string_view text) {
  std::vector<std::string> parts;
  const std::string padded = absl::StrCat(" ", text, " ");
  std::string_view rest = padded;
  for (;;) {
    const size_t slash = rest.find(" / ");
    std::string_view part = rest.substr(0, slash == std::string_view::npos ? rest.size() - 1 : slash);
    part.remove_prefix(std::min<size_t>(part.size(), 1));
    parts.emplace_back(part);
    if (slash == std::string_view::npos) return parts;
    rest.remove_prefix(slash + 2);  // the blank behind the slash stands before the next part
  }
}

std::string Lines(std::string_view text) {
  std::string bytes;
  for (const std::string& part : SplitParts(text)) bytes.append(Unescape(part)).append("\r\n");
  return bytes;
}

// "count text", repeated.
std::string Repeat(std::string_view text, std::string_view end) {
  const std::pair<std::string_view, std::string_view> split = absl::StrSplit(text, absl::MaxSplits(' ', 1));
  size_t count = 0;
  CHECK(absl::SimpleAtoi(split.first, &count)) << "a count and a text: " << text;
  const std::string bytes = Unescape(split.second).append(end);
  std::string all;
  for (size_t i = 0; i < count; ++i) all.append(bytes);
  return all;
}

Duration ParseDuration(std::string_view text) {
  if (text == "none") return Duration::max();
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  CHECK(error == std::errc()) << "a time, as in 30s: " << text;
  const std::string_view unit(end, text.data() + text.size());
  if (unit == "ms") return std::chrono::milliseconds(value);
  if (unit == "s") return std::chrono::seconds(value);
  if (unit == "m") return std::chrono::minutes(value);
  CHECK(unit == "h") << "a unit of time is ms, s, m or h: " << text;
  return std::chrono::hours(value);
}

template <typename Number>
Number ParseNumber(std::string_view text) {
  Number number = 0;
  CHECK(absl::SimpleAtoi(text, &number)) << "a number: " << text;
  return number;
}

// "domain", "domain size_max 1000" or "domain reject text": the next route.
void AddRoute(std::string_view text, ConversationOptions& options) {
  const std::vector<std::string_view> words = absl::StrSplit(text, absl::MaxSplits(' ', 2));
  CHECK_OK(options.routed_domains->Add(words[0], static_cast<uint32_t>(options.reject_texts.size())));
  options.reject_texts.emplace_back();
  options.route_size_max.push_back(0);
  if (words.size() == 1) return;
  CHECK_EQ(words.size(), 3u) << "a domain, a word and a value: " << text;
  if (words[1] == "reject") {
    options.reject_texts.back() = Unescape(words[2]);
  } else {
    CHECK_EQ(words[1], "size_max") << text;
    options.route_size_max.back() = ParseNumber<uint64_t>(words[2]);
  }
}

// An option has the name of the field that it sets; a domain that is not the first of its kind is added.
void ParseOption(std::string_view text, Transcript& transcript) {
  const std::pair<std::string_view, std::string_view> split = absl::StrSplit(text, absl::MaxSplits(' ', 1));
  const auto [name, value] = split;
  ConversationOptions& options = transcript.options;
  if (name == "trusted") {
    transcript.peer_trusted = true;
  } else if (name == "peer") {
    transcript.peer_address = value;
  } else if (name == "hostname") {
    options.hostname = value;
  } else if (name == "greeting") {
    options.greeting = value;
  } else if (name == "identity") {
    options.identity = value;
  } else if (name == "normalize") {
    options.bare_newline = BareNewline::kNormalize;
  } else if (name == "local_domain") {
    CHECK_OK(options.local_domains.Add(value, 0));
  } else if (name == "routed_domain") {
    if (!options.routed_domains.has_value()) options.routed_domains.emplace();
    AddRoute(value, options);
  } else if (name == "message_size_max") {
    options.message_size_max = ParseNumber<uint64_t>(value);
  } else if (name == "recipient_count_max") {
    options.recipient_count_max = ParseNumber<uint32_t>(value);
  } else if (name == "message_count_max") {
    options.message_count_max = ParseNumber<uint32_t>(value);
  } else if (name == "error_count_max") {
    options.error_count_max = ParseNumber<uint32_t>(value);
  } else if (name == "hop_count_max") {
    options.hop_count_max = ParseNumber<uint32_t>(value);
  } else if (name == "own_hop_count_max") {
    options.own_hop_count_max = ParseNumber<uint32_t>(value);
  } else if (name == "data_rate_min") {
    options.data_rate_min = ParseNumber<uint64_t>(value);
  } else if (name == "timeout") {
    const std::pair<std::string_view, std::string_view> timeout = absl::StrSplit(value, absl::MaxSplits(' ', 1));
    ServerTimeouts& timeouts = options.timeouts;
    Duration* const field = timeout.first == "greeting"          ? &timeouts.greeting
                            : timeout.first == "command"         ? &timeouts.command
                            : timeout.first == "data_initiation" ? &timeouts.data_initiation
                            : timeout.first == "data_block"      ? &timeouts.data_block
                            : timeout.first == "message"         ? &timeouts.message
                            : timeout.first == "data_rate_grace" ? &timeouts.data_rate_grace
                                                                 : nullptr;
    CHECK(field != nullptr) << "no such time: " << value;
    *field = ParseDuration(timeout.second);
  } else {
    LOG(FATAL) << "no such option: " << text;
  }
}

// --- what happened, as text ----------------------------------------------------------------------

std::string ToText(uint8_t notify) {
  std::vector<std::string_view> words;
  if (notify & kNotifyNever) words.push_back("never");
  if (notify & kNotifySuccess) words.push_back("success");
  if (notify & kNotifyFailure) words.push_back("failure");
  if (notify & kNotifyDelay) words.push_back("delay");
  return absl::StrJoin(words, ",");
}

std::string ToText(const DeliveredMessage& message) {
  const std::optional<Envelope> envelope = ParseEnvelope(message.envelope);
  CHECK(envelope.has_value());
  std::string text = absl::StrCat("from <", envelope->sender, "> to ");
  std::string_view comma;
  for (const Recipient& recipient : envelope->recipients) {
    absl::StrAppend(&text, std::exchange(comma, ", "), "<", recipient.address, ">");
    if (recipient.notify != 0) absl::StrAppend(&text, " notify=", ToText(recipient.notify));
    if (!recipient.orcpt.empty()) absl::StrAppend(&text, " orcpt=", recipient.orcpt);
  }
  if (envelope->flags & kEnvelopeEightBit) text.append(" 8bit");
  if (envelope->flags & kEnvelopeUtf8) text.append(" utf8");
  if (envelope->flags & kEnvelopeUrgent) text.append(" urgent");
  if (envelope->flags & kEnvelopeNonUrgent) text.append(" non-urgent");
  if (envelope->ret != DsnReturn::kUnspecified)
    text.append(envelope->ret == DsnReturn::kFull ? " ret=full" : " ret=hdrs");
  if (!envelope->envid.empty()) absl::StrAppend(&text, " envid=", envelope->envid);
  return absl::StrCat(Escape(text), " helo=", Escape(envelope->helo), " peer=", envelope->peer);
}

std::string_view ToText(ConversationNote::Kind kind) {
  switch (kind) {
    case ConversationNote::Kind::kRecipientRefused: return "recipient-refused";
    case ConversationNote::Kind::kMessageRefused: return "message-refused";
    case ConversationNote::Kind::kTooManyHops: return "too-many-hops";
    case ConversationNote::Kind::kTimedOut: return "timed-out";
    case ConversationNote::Kind::kTooManyErrors: return "too-many-errors";
    case ConversationNote::Kind::kProtocolBroken: return "protocol-broken";
  }
  return "?";
}

std::string ToText(const ConversationNote& note) {
  return absl::StrCat(ToText(note.kind), " ", note.code, " ", Escape(note.text));
}

// Our trace is the first header: its lines end where one begins without a tab.
size_t TraceSize(std::string_view body) {
  size_t size = 0;
  do {
    const size_t end = body.find("\r\n", size);
    CHECK(end != std::string_view::npos) << "no trace: " << Escape(body.substr(0, 200));
    size = end + 2;
  } while (size < body.size() && body[size] == '\t');
  return size;
}

// Takes the first whole reply off `bytes`: "250 first line | second line". Our own replies are always well formed.
std::optional<std::string> TakeReply(std::string_view& bytes) {
  std::string reply;
  std::string_view rest = bytes;
  for (;;) {
    const size_t end = rest.find("\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = rest.substr(0, end);
    CHECK_GE(line.size(), 4u) << "not a reply: " << Escape(bytes.substr(0, 200));
    CHECK_LE(line.size() + 2, kReplyLineSizeMax);
    if (reply.empty()) {
      absl::StrAppend(&reply, line.substr(0, 3), " ", line.substr(4));
    } else {
      CHECK_EQ(line.substr(0, 3), reply.substr(0, 3)) << "one reply, one code";
      absl::StrAppend(&reply, " | ", line.substr(4));
    }
    rest.remove_prefix(end + 2);
    if (line[3] == ' ') break;
    CHECK_EQ(line[3], '-') << "not a reply: " << Escape(line);
  }
  bytes = rest;
  return Escape(reply);
}

// `pattern` up to the end of `text` or to a blank of it; "*" is any text.
bool Matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty() || text[0] == ' ';
  if (pattern[0] != '*') return !text.empty() && text[0] == pattern[0] && Matches(pattern.substr(1), text.substr(1));
  for (size_t skip = 0; skip <= text.size(); ++skip) {
    if (Matches(pattern.substr(1), text.substr(skip))) return true;
  }
  return false;
}

// --- playing -------------------------------------------------------------------------------------

Answer ParseAnswer(std::string_view text) {
  if (text == "yes") return Answer::kYes;
  if (text == "no_room") return Answer::kNoRoom;
  if (text == "poisoned") return Answer::kPoisoned;
  CHECK_EQ(text, "later") << "an answer is yes, no_room, poisoned or later";
  return Answer::kLater;
}

void Play(const TranscriptStep& step, Outside& outside) {
  if (step.word == "A") return outside.AnswerAdmission(ParseAnswer(step.text));
  if (step.word == "R") return outside.AnswerReceipt(ParseAnswer(step.text));
  if (step.word == "F") return outside.AnswerBlock(ParseAnswer(step.text));
  if (step.word == "T") return outside.Pass(ParseDuration(step.text));
  if (step.text == "shutdown") return outside.Shutdown();
  if (step.text == "abort") return outside.Abort();
  if (step.text == "end") return outside.EndPeer();
  outside.GiveAnswer(ParseAnswer(step.text));
}

// Compares a dialogue with what was expected, step by step.
class Judge {
 public:
  Judge(const Transcript& transcript, const Outside& outside) : transcript_(transcript), outside_(outside) {}

  void Replies(const TranscriptStep& step) {
    std::string_view rest = std::string_view(outside_.replies()).substr(replies_size_);
    std::vector<std::string> replies;
    while (std::optional<std::string> reply = TakeReply(rest)) replies.push_back(*std::move(reply));
    replies_size_ = outside_.replies().size() - rest.size();
    bool good = rest.empty() && replies.size() == step.parts.size();
    for (size_t i = 0; good && i < replies.size(); ++i) good = Matches(step.parts[i], replies[i]);
    if (!good) Fail(step, absl::StrJoin(step.parts, " / "), absl::StrJoin(replies, " / "));
  }

  void Expect(const TranscriptStep& step) {
    if (step.word == "message") {
      if (message_count_ == outside_.messages().size()) return Fail(step, step.text, "no message");
      Compare(step, ToText(outside_.messages()[message_count_++]));
    } else if (step.word == "body" || step.word == "body*" || step.word == "bytes") {
      const std::string expected = step.word == "body"    ? Lines(step.text)
                                   : step.word == "body*" ? Repeat(step.text, "\r\n")
                                                          : Unescape(step.text);
      if (CurrentBody().substr(TraceSize(CurrentBody())) != expected) {
        Fail(step, Escape(expected).substr(0, 500), Escape(CurrentBody()).substr(0, 500));
      }
    } else if (step.word == "trace") {
      Compare(step, Escape(CurrentBody().substr(0, TraceSize(CurrentBody()))));
    } else if (step.word == "note") {
      if (note_count_ == outside_.notes().size()) return Fail(step, step.text, "no note");
      Compare(step, ToText(outside_.notes()[note_count_++]));
    } else if (step.word == "patience") {
      const Duration expected = ParseDuration(step.text);
      const Duration patience = outside_.patience().value_or(Duration::max());
      if (patience != expected) {
        Fail(step, step.text,
             absl::StrCat(std::chrono::duration_cast<std::chrono::milliseconds>(patience).count(), "ms"));
      }
    } else if (step.word == "released") {
      if (++released_count_ > outside_.released_count()) Fail(step, "a release", "none");
    } else if (step.word == "open" || step.word == "closed") {
      if (outside_.closed() != (step.word == "closed")) Fail(step, step.word, "the contrary");
    } else {
      LOG(FATAL) << transcript_.name << ":" << step.line << ": no such expectation: " << step.word;
    }
  }

  // Nothing may have happened that nobody expected.
  void Finish() {
    const TranscriptStep end{.line = transcript_.steps.back().line + 1};
    Replies(end);
    if (outside_.messages().size() != message_count_) Fail(end, "no more messages", "more");
    if (outside_.notes().size() != note_count_) Fail(end, "no more notes", ToText(outside_.notes().back()));
    if (outside_.released_count() != released_count_) Fail(end, "no more releases", "more");
  }

  std::vector<std::string> TakeFailures() { return std::move(failures_); }

 private:
  std::string_view CurrentBody() const {
    CHECK(message_count_ > 0) << "= message comes before what is said of it";
    return outside_.messages()[message_count_ - 1].body;
  }
  void Compare(const TranscriptStep& step, std::string_view text) {
    if (!Matches(step.text, text)) Fail(step, step.text, text);
  }
  void Fail(const TranscriptStep& step, std::string_view expected, std::string_view got) {
    failures_.push_back(absl::StrCat(transcript_.name, ":", step.line, ": expected ", expected, "\n  got ", got));
  }

  const Transcript& transcript_;
  const Outside& outside_;
  size_t replies_size_ = 0;
  size_t message_count_ = 0;
  size_t note_count_ = 0;
  size_t released_count_ = 0;
  std::vector<std::string> failures_;
};

std::string Record(const Outside& outside) {
  std::string record = outside.replies();
  for (const DeliveredMessage& message : outside.messages()) {
    absl::StrAppend(&record, "= message ", ToText(message), "\n", message.body);
  }
  for (const ConversationNote& note : outside.notes()) absl::StrAppend(&record, "= note ", ToText(note), "\n");
  absl::StrAppend(&record, "= released ", outside.released_count(), outside.closed() ? ", closed\n" : ", open\n");
  return record;
}

}  // namespace

Transcript ParseTranscript(std::string name, std::string_view text) {
  Transcript transcript{.name = std::move(name)};
  transcript.options.hostname = "gateway.example";
  transcript.options.identity = "the-nonce";
  CHECK_OK(transcript.options.local_domains.Add("local.example", 0));

  using Kind = TranscriptStep::Kind;
  CHECK(absl::StartsWith(text, "# ")) << transcript.name << ": begin with what is tested, and where it is written";
  size_t number = 0;
  for (std::string_view line : absl::StrSplit(absl::StripSuffix(text, "\n"), '\n')) {
    ++number;
    if (line.empty() || line[0] == '#') continue;
    const std::pair<std::string_view, std::string_view> split = absl::StrSplit(line, absl::MaxSplits(' ', 1));
    const auto [word, rest] = split;
    TranscriptStep step{.line = number};
    if (word == "O") {
      CHECK(transcript.steps.empty()) << transcript.name << ":" << number << ": options come first";
      ParseOption(rest, transcript);
      continue;
    }
    if (word == "C" || word == "C*" || word == "B" || word == "B*") {
      step.kind = Kind::kSend;
      step.text = word == "C"    ? Lines(rest)
                  : word == "C*" ? Repeat(rest, "\r\n")
                  : word == "B"  ? Unescape(rest)
                                 : Repeat(rest, "");
    } else if (word == "S") {
      step.kind = Kind::kReplies;
      step.parts = SplitParts(rest);
    } else if (word == "S*") {
      const std::pair<std::string_view, std::string_view> repeated = absl::StrSplit(rest, absl::MaxSplits(' ', 1));
      step.kind = Kind::kReplies;
      step.parts.assign(ParseNumber<size_t>(repeated.first), std::string(repeated.second));
    } else if (word == "=") {
      const std::pair<std::string_view, std::string_view> expectation = absl::StrSplit(rest, absl::MaxSplits(' ', 1));
      step.kind = Kind::kExpect;
      step.word = expectation.first;
      step.text = expectation.second;
    } else {
      CHECK(word == "A" || word == "R" || word == "F" || word == "!" || word == "T")
          << transcript.name << ":" << number << ": no such step: " << line;
      step.kind = Kind::kOutside;
      step.word = word;
      step.text = rest;
    }
    transcript.steps.push_back(std::move(step));
  }
  CHECK(!transcript.steps.empty()) << transcript.name << ": nothing is said";
  return transcript;
}

std::vector<std::string> ReplayDialogue(const Transcript& transcript) {
  Outside outside(transcript.options, transcript.peer());
  Judge judge(transcript, outside);
  for (const TranscriptStep& step : transcript.steps) {
    switch (step.kind) {
      case TranscriptStep::Kind::kSend: outside.Send(step.text); break;
      case TranscriptStep::Kind::kOutside: Play(step, outside); break;
      case TranscriptStep::Kind::kReplies: judge.Replies(step); break;
      case TranscriptStep::Kind::kExpect: judge.Expect(step); break;
    }
  }
  judge.Finish();
  return judge.TakeFailures();
}

std::string ReplayCut(const Transcript& transcript, const Cutter& cut) {
  Outside outside(transcript.options, transcript.peer());
  std::string pending;
  const auto send_pending = [&] {
    for (const std::string_view packet : cut(pending)) outside.Send(packet);
    pending.clear();
  };
  for (const TranscriptStep& step : transcript.steps) {
    if (step.kind == TranscriptStep::Kind::kSend) pending.append(step.text);
    if (step.kind != TranscriptStep::Kind::kOutside) continue;
    send_pending();
    Play(step, outside);
  }
  send_pending();
  return Record(outside);
}

}  // namespace postern
