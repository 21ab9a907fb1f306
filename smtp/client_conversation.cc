#include "smtp/client_conversation.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "absl/log/check.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace postern {
namespace {

// As much of `bytes` as there is room for; how much that was.
size_t Append(RingBuffer& out, std::string_view bytes) {
  size_t written = 0;
  while (written < bytes.size()) {
    const std::span<char> room = out.WritableSpan();
    if (room.empty()) break;
    const size_t size = std::min(room.size(), bytes.size() - written);
    std::memcpy(room.data(), bytes.data() + written, size);
    out.Commit(size);
    written += size;
  }
  return written;
}

bool HasControlByte(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

bool HasEightBit(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

Fate FateOf(uint16_t code) {
  if (code >= 200 && code < 300) return Fate::kDelivered;
  return code >= 500 ? Fate::kRefused : Fate::kDeferred;
}

// What is kept of a reply: its first line, within bounds.
ServerReply Shorten(const ServerReply& reply) {
  std::string text = reply.text.substr(0, std::min(reply.text.find('\n'), kResultTextSizeMax));
  return {.code = reply.code, .enhanced = reply.enhanced, .text = std::move(text)};
}

}  // namespace

void ClientConversation::Start(const ClientPolicy& policy, MonotonicTime now) {
  policy_ = &policy;
  parser_.Clear();
  failure_ = {};
  pipelining_ = eight_bit_ = utf8_ = dsn_ = size_offered_ = false;
  size_max_ = 0;
  message_ = {};
  results_.clear();
  spoken_.clear();
  sent_step_count_ = answered_step_count_ = accepted_count_ = 0;
  mail_accepted_ = mail_refused_ = finished_ = refused_another_message_ = false;
  message_count_ = 0;
  pending_.clear();
  pending_offset_ = 0;
  Enter(State::kGreeting, policy.timeouts.greeting, now);
}

ClientWant ClientConversation::Pump(RingBuffer& in, RingBuffer& out, MonotonicTime now) {
  while (state_ != State::kClosed && !in.empty()) {
    const ReplyStatus status = parser_.Next(in);
    if (status == ReplyStatus::kBad) Fail("the peer's reply is not SMTP, or has no end");
    if (status == ReplyStatus::kReply) HandleReply(parser_.reply(), out.empty(), now);
  }
  WriteOutput(out, now);
  switch (state_) {
    case State::kClosed: return ClientWant::kClose;
    case State::kReady: return ClientWant::kMessage;
    case State::kBody: return body_.empty() && !body_last_ ? ClientWant::kBody : ClientWant::kInput;
    default: return ClientWant::kInput;
  }
}

void ClientConversation::StartMessage(const OutboundMessage& message, MonotonicTime now) {
  CHECK(state_ == State::kReady && !message.recipients.empty());
  message_ = message;
  results_.assign(message.recipients.size(), {});
  spoken_.clear();
  sent_step_count_ = answered_step_count_ = accepted_count_ = 0;
  mail_accepted_ = mail_refused_ = finished_ = refused_another_message_ = false;
  body_ = {};
  body_last_ = false;
  at_line_start_ = true;
  after_cr_ = false;
  CheckPeerLimits();
  for (size_t i = 0; i < results_.size(); ++i) {
    if (results_[i].fate == Fate::kPending) spoken_.push_back(static_cast<uint32_t>(i));
  }
  if (spoken_.empty()) {
    FinishMessage();
  } else {
    ++message_count_;
    Enter(State::kEnvelope, policy_->timeouts.command, now);
  }
}

void ClientConversation::StartQuit(MonotonicTime now) {
  CHECK(state_ == State::kReady);
  pending_ = "QUIT\r\n";
  Enter(State::kQuit, policy_->timeouts.quit, now);
}

void ClientConversation::GiveBody(std::string_view bytes, bool last) {
  if (state_ != State::kBody) return;  // it was closed meanwhile
  DCHECK(body_.empty() && !body_last_);
  body_ = bytes;
  body_last_ = last;
}

void ClientConversation::AbandonBody(std::string_view why) {
  if (state_ != State::kClosed) Fail(why);
}

void ClientConversation::HandleTimeout() {
  if (state_ != State::kClosed) Fail(absl::StrCat("timed out waiting for the peer's reply to ", stage()));
}

void ClientConversation::HandleDisconnect(std::string_view why) {
  if (state_ != State::kClosed) Fail(absl::StrCat(why, " (", stage(), ")"));
}

const char* ClientConversation::stage() const {
  switch (state_) {
    case State::kGreeting: return "greeting";
    case State::kEhlo: return "EHLO";
    case State::kHelo: return "HELO";
    case State::kReady: return "idle";
    case State::kEnvelope:
      if (answered_step_count_ == 0) return "MAIL";
      return answered_step_count_ < data_step() ? "RCPT" : "DATA";
    case State::kBody: return "body";
    case State::kBodyEnd: return "end of data";
    case State::kReset: return "RSET";
    case State::kQuit: return "QUIT";
    case State::kClosed: return "closed";
  }
  return "";
}

void ClientConversation::Enter(State state, Duration patience, MonotonicTime now) {
  state_ = state;
  deadline_ = now + patience;
}

void ClientConversation::HandleReply(const ServerReply& reply, bool out_empty, MonotonicTime now) {
  const ClientTimeouts& timeouts = policy_->timeouts;
  if (reply.code == 421 && state_ != State::kQuit) return Fail(reply);
  switch (state_) {
    case State::kGreeting:
      if (reply.code != 220) return Fail(reply);
      pending_ = absl::StrCat("EHLO ", policy_->hostname, "\r\n");
      return Enter(State::kEhlo, timeouts.command, now);
    case State::kEhlo:
      if (reply.permanent()) {
        pending_ = absl::StrCat("HELO ", policy_->hostname, "\r\n");
        return Enter(State::kHelo, timeouts.command, now);
      }
      [[fallthrough]];
    case State::kHelo:
      if (!reply.positive()) return Fail(reply);
      if (state_ == State::kEhlo) LearnOffers(reply.text);
      state_ = State::kReady;
      deadline_ = kNever;
      return;
    case State::kEnvelope: return HandleEnvelopeReply(reply, now);
    case State::kBody: {
      // Whatever it says, it did not wait for the end; what we would send now it may take for commands.
      const bool negative = reply.code >= 400;
      SettlePending(reply, negative ? FateOf(reply.code) : Fate::kDeferred);
      return Fail(reply);
    }
    case State::kBodyEnd:
      if (reply.code < 200 || (reply.code >= 300 && reply.code < 400)) return Fail(reply);
      SettlePending(reply, FateOf(reply.code));
      // The same as in kBody, when it refuses before it can have seen the end.
      if (!reply.positive() && !out_empty) return Fail(reply);
      state_ = State::kReady;
      deadline_ = kNever;
      return FinishMessage();
    case State::kReset:
      if (!reply.positive()) return Fail(reply);
      state_ = State::kReady;
      deadline_ = kNever;
      return;
    case State::kQuit:
      state_ = State::kClosed;
      deadline_ = kNever;
      return;
    case State::kReady: return Fail("the peer spoke unasked");
    case State::kClosed: return;
  }
}

// RFC 5321 4.1.1.1: a keyword a line, then its parameters; the first line is the peer's name.
void ClientConversation::LearnOffers(std::string_view ehlo_text) {
  bool first = true;
  for (const absl::string_view line : absl::StrSplit(ehlo_text, '\n')) {
    if (std::exchange(first, false)) continue;
    const size_t space = std::min(line.find(' '), line.size());
    const absl::string_view keyword = line.substr(0, space);
    if (absl::EqualsIgnoreCase(keyword, "PIPELINING")) pipelining_ = true;
    if (absl::EqualsIgnoreCase(keyword, "8BITMIME")) eight_bit_ = true;
    if (absl::EqualsIgnoreCase(keyword, "SMTPUTF8")) utf8_ = true;
    if (absl::EqualsIgnoreCase(keyword, "DSN")) dsn_ = true;
    if (absl::EqualsIgnoreCase(keyword, "SIZE")) {
      size_offered_ = true;
      const absl::string_view number = absl::StripAsciiWhitespace(line.substr(space));
      const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), size_max_);
      if (error != std::errc() || end != number.data() + number.size()) size_max_ = 0;  // no number is no limit
    }
  }
}

void ClientConversation::HandleEnvelopeReply(const ServerReply& reply, MonotonicTime now) {
  if (answered_step_count_ == sent_step_count_) return Fail("the peer spoke unasked");
  const size_t step = answered_step_count_++;
  deadline_ = now + (answered_step_count_ == data_step() ? policy_->timeouts.data : policy_->timeouts.command);
  if (step == data_step()) {
    if (reply.code == 354) {
      // RFC 2920 3.1: with nobody accepted the message is empty, and what comes of it concerns nobody.
      if (accepted_count_ == 0) body_last_ = true;
      return Enter(State::kBody, policy_->timeouts.block, now);
    }
    SettlePending(reply, reply.code >= 400 ? FateOf(reply.code) : Fate::kDeferred);
    return EndEnvelope(now);
  }
  if (reply.code >= 300 && reply.code < 400) return Fail(reply);
  if (step == 0) {
    mail_accepted_ = reply.positive();
    mail_refused_ = !mail_accepted_;
    refused_another_message_ = reply.code == 503 && message_count_ > 1;
    if (mail_refused_) SettlePending(reply, refused_another_message_ ? Fate::kDeferred : FateOf(reply.code));
  } else if (RecipientResult& result = results_[spoken_[step - 1]]; result.fate == Fate::kPending) {
    if (reply.positive()) {
      ++accepted_count_;
    } else {
      // RFC 5321 4.5.3.1.10: 552 for one recipient too many means "later" too.
      const bool too_many = reply.code == 552 && accepted_count_ > 0;
      result = {.fate = too_many ? Fate::kDeferred : FateOf(reply.code), .reply = Shorten(reply)};
    }
  }
  // Everything said is answered, and nothing is worth saying any more: the mail was refused, or all recipients were.
  const bool pointless = mail_refused_ || (step + 1 == data_step() && accepted_count_ == 0);
  if (pointless && answered_step_count_ == sent_step_count_) EndEnvelope(now);
}

// The envelope led to no body: the peer may still hold a part of it.
void ClientConversation::EndEnvelope(MonotonicTime now) {
  FinishMessage();
  pending_ = "RSET\r\n";
  pending_offset_ = 0;
  Enter(State::kReset, policy_->timeouts.command, now);
}

void ClientConversation::WriteOutput(RingBuffer& out, MonotonicTime now) {
  for (;;) {
    if (!FlushPending(out)) return;
    if (state_ == State::kEnvelope) {
      if (!ComposeNextStep(now)) return;
    } else if (state_ == State::kBody && (!body_.empty() || body_last_)) {
      const size_t size_before = body_.size();
      const bool more = WriteBodyPiece(out);
      if (state_ == State::kBodyEnd) {
        deadline_ = now + policy_->timeouts.body_end;
      } else if (body_.size() != size_before) {
        deadline_ = now + policy_->timeouts.block;
      }
      if (!more) return;
    } else {
      return;
    }
  }
}

// False when there was no room for all.
bool ClientConversation::FlushPending(RingBuffer& out) {
  if (pending_.empty()) return true;
  if (state_ == State::kClosed) {
    pending_.clear();
  } else {
    pending_offset_ += Append(out, std::string_view(pending_).substr(pending_offset_));
    if (pending_offset_ < pending_.size()) return false;
  }
  pending_.clear();
  pending_offset_ = 0;
  return true;
}

// False when nothing may be said now.
bool ClientConversation::ComposeNextStep(MonotonicTime now) {
  if (sent_step_count_ > data_step() || mail_refused_) return false;
  if (!pipelining_ && answered_step_count_ != sent_step_count_) return false;
  const size_t step = sent_step_count_++;
  if (step == 0) {
    ComposeMail();
  } else if (step < data_step()) {
    ComposeRcpt(message_.recipients[spoken_[step - 1]]);
  } else {
    pending_ = "DATA\r\n";
  }
  if (answered_step_count_ == step) {
    deadline_ = now + (step == data_step() ? policy_->timeouts.data : policy_->timeouts.command);
  }
  return true;
}

void ClientConversation::ComposeMail() {
  const EnvelopeHead& head = *message_.head;
  pending_ = absl::StrCat("MAIL FROM:<", head.sender, ">");
  if (size_offered_) absl::StrAppend(&pending_, " SIZE=", message_.body_size);
  if (eight_bit_ && (head.flags & kEnvelopeEightBit) != 0) pending_ += " BODY=8BITMIME";
  if (utf8_ && (head.flags & kEnvelopeUtf8) != 0) pending_ += " SMTPUTF8";
  if (dsn_) {
    if (head.ret == DsnReturn::kFull) pending_ += " RET=FULL";
    if (head.ret == DsnReturn::kHeaders) pending_ += " RET=HDRS";
    if (!head.envid.empty()) absl::StrAppend(&pending_, " ENVID=", head.envid);
  }
  pending_ += "\r\n";
}

void ClientConversation::ComposeRcpt(const Recipient& recipient) {
  pending_ = absl::StrCat("RCPT TO:<", recipient.address, ">");
  if (dsn_) {
    const char* separator = " NOTIFY=";
    const std::pair<uint8_t, const char*> names[] = {
        {kNotifyNever, "NEVER"}, {kNotifySuccess, "SUCCESS"}, {kNotifyFailure, "FAILURE"}, {kNotifyDelay, "DELAY"}};
    for (const auto& [bit, name] : names) {
      if ((recipient.notify & bit) == 0) continue;
      absl::StrAppend(&pending_, separator, name);
      separator = ",";
    }
    if (!recipient.orcpt.empty()) absl::StrAppend(&pending_, " ORCPT=", recipient.orcpt);
  }
  pending_ += "\r\n";
}

// Writes up to the next dot that must be doubled, or the end. False when there was no room for more.
bool ClientConversation::WriteBodyPiece(RingBuffer& out) {
  if (body_.empty()) {  // and it was the last: RFC 5321 4.1.1.4
    pending_ = at_line_start_ ? ".\r\n" : "\r\n.\r\n";
    state_ = State::kBodyEnd;
    return true;
  }
  if (at_line_start_ && body_.front() == '.') {
    if (out.free_size() < 2) return false;
    Append(out, "..");
    body_.remove_prefix(1);
    at_line_start_ = after_cr_ = false;
    return true;
  }
  std::string_view piece = body_.substr(0, out.free_size());
  if (piece.empty()) return false;
  if (after_cr_ && piece.front() == '\n') {
    piece = piece.substr(0, 1);
  } else if (const size_t dot = piece.find("\r\n."); dot != std::string_view::npos) {
    piece = piece.substr(0, dot + 2);
  }
  Append(out, piece);
  at_line_start_ = piece.back() == '\n' && (piece.size() > 1 ? piece[piece.size() - 2] == '\r' : after_cr_);
  after_cr_ = piece.back() == '\r';
  body_.remove_prefix(piece.size());
  return true;
}

// What we can tell without asking: a limit of size (RFC 1870 6.1), and addresses that only SMTPUTF8 can carry. RFC 6531
// 3.2 would have us refuse every message that was marked SMTPUTF8. Clients mark more than they need, so one whose
// addresses are ASCII goes as it is, without the mark, as an 8-bit body goes to a peer without 8BITMIME: a header that
// looks odd to some reader is less harm than a message that is lost.
void ClientConversation::CheckPeerLimits() {
  const bool too_large = size_max_ != 0 && message_.body_size > size_max_;
  const bool utf8_sender = HasEightBit(message_.head->sender);
  for (size_t i = 0; i < results_.size(); ++i) {
    const std::string_view address = message_.recipients[i].address;
    if (too_large) {
      RefuseLocally(i, 552, "5.3.4", absl::StrCat("the message is larger than the peer's limit of ", size_max_));
    } else if (HasControlByte(address) || HasControlByte(message_.head->sender)) {
      RefuseLocally(i, 553, "5.1.3", "the address holds a control byte");
    } else if (!utf8_ && (utf8_sender || HasEightBit(address))) {
      RefuseLocally(i, 553, "5.6.7", "the address needs SMTPUTF8, which the peer does not offer");
    }
  }
}

void ClientConversation::RefuseLocally(size_t index, uint16_t code, std::string_view enhanced, std::string_view text) {
  results_[index] = {.fate = Fate::kRefused,
                     .reply = {.code = code, .enhanced = std::string(enhanced), .text = std::string(text)}};
}

void ClientConversation::SettlePending(const ServerReply& reply, Fate fate) {
  const ServerReply kept = Shorten(reply);
  for (RecipientResult& result : results_) {
    if (result.fate == Fate::kPending) result = {.fate = fate, .reply = kept};
  }
}

void ClientConversation::FinishMessage() {
  body_ = {};
  message_ = {};
  finished_ = true;
}

void ClientConversation::Fail(const ServerReply& reply) {
  const bool amid_message = state_ == State::kEnvelope || state_ == State::kBody || state_ == State::kBodyEnd;
  failure_ = Shorten(reply);
  if (amid_message) {
    SettlePending(reply, Fate::kDeferred);
    FinishMessage();
  }
  state_ = State::kClosed;
  deadline_ = kNever;
}

void ClientConversation::Fail(std::string_view text) { Fail(ServerReply{.code = 0, .text = std::string(text)}); }

}  // namespace postern
