#include "smtp/client_conversation.h"

#include <algorithm>
#include <vector>

#include "absl/log/check.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/utf8.h"
#include "smtp/address.h"
#include "smtp/client_commands.h"

namespace postern {
namespace {

bool HasControlByte(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// Of two limits; 0 is none.
uint32_t Lower(uint32_t a, uint32_t b) { return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b); }

// Counts the different domains among recipients, up to a limit (RFC 9422: RCPTDOMAINMAX); 0 is none.
class DomainLimit {
 public:
  explicit DomainLimit(uint32_t count_max) : count_max_(count_max) {}

  // False when it would be one too many.
  bool TryAdd(std::string_view domain) {
    if (count_max_ == 0) return true;
    const bool known = std::any_of(domains_.begin(), domains_.end(),
                                   [domain](std::string_view d) { return absl::EqualsIgnoreCase(d, domain); });
    if (known) return true;
    if (domains_.size() >= count_max_) return false;
    domains_.push_back(domain);
    return true;
  }

 private:
  const uint32_t count_max_;
  std::vector<std::string_view> domains_;
};

}  // namespace

void ClientConversation::Start(const ClientPolicy& policy, MonotonicTime now) {
  policy_ = &policy;
  parser_.Clear();
  failure_ = {};
  offers_ = {};
  message_ = {};
  results_.Start(0, false);
  sent_step_count_ = answered_step_count_ = 0;
  mail_accepted_ = mail_deferred_ = pointless_ = finished_ = refused_another_message_ = false;
  message_count_ = 0;
  pending_.clear();
  state_ = State::kGreeting;
  SetDeadline(now);
}

ClientWant ClientConversation::Pump(RingBuffer& in, RingBuffer& out, MonotonicTime now) {
  while (state_ != State::kClosed && !in.empty()) {
    const ReplyStatus status = parser_.Next(in);
    if (status == ReplyStatus::kNeedMore) continue;
    if (status == ReplyStatus::kBad) {
      Fail("4.5.0", "the peer's reply is not SMTP, or has no end");
    } else {
      HandleReply(parser_.reply(), out.empty());
    }
    SetDeadline(now);
  }
  WriteOutput(out, now);
  switch (state_) {
    case State::kClosed: return ClientWant::kClose;
    case State::kReady: return ClientWant::kMessage;
    case State::kBody: return !body_.unwritten() && may_speak() ? ClientWant::kBody : ClientWant::kInput;
    default: return ClientWant::kInput;
  }
}

void ClientConversation::StartMessage(const OutboundMessage& message, MonotonicTime now) {
  CHECK(state_ == State::kReady && !message.recipients.empty());
  message_ = message;
  results_.Start(message.recipients.size(), offers_.dsn);
  sent_step_count_ = answered_step_count_ = 0;
  mail_accepted_ = mail_deferred_ = pointless_ = finished_ = refused_another_message_ = false;
  CheckLimits();
  ChooseRecipients();
  if (results_.spoken_count() == 0) return FinishMessage();
  ++message_count_;
  state_ = State::kEnvelope;
  SetDeadline(now);
}

void ClientConversation::StartQuit(MonotonicTime now) {
  CHECK(state_ == State::kReady);
  pending_ += "QUIT\r\n";
  state_ = State::kQuit;
  SetDeadline(now);
}

void ClientConversation::GiveBody(std::string_view bytes, bool last) {
  if (state_ != State::kBody) return;  // it was closed meanwhile
  if (!body_.Give(bytes) || (last && !body_.complete())) {
    return Fail("4.3.0", absl::StrCat("the message has not the ", message_.body_size, " bytes that it should have"));
  }
  if (chunked() && body_.unwritten()) ++sent_step_count_;
}

void ClientConversation::AbandonBody(std::string_view why) {
  if (state_ != State::kClosed) Fail("4.3.0", why);
}

void ClientConversation::HandleTimeout() {
  if (state_ != State::kClosed) Fail("4.4.2", absl::StrCat("timed out waiting for the peer's reply to ", stage()));
}

void ClientConversation::HandleDisconnect(std::string_view why) {
  if (state_ != State::kClosed) Fail("4.4.2", absl::StrCat(why, " (", stage(), ")"));
}

const char* ClientConversation::stage() const {
  switch (state_) {
    case State::kGreeting: return "greeting";
    case State::kEhlo: return lmtp() ? "LHLO" : "EHLO";
    case State::kHelo: return "HELO";
    case State::kReady: return "idle";
    case State::kEnvelope:
    case State::kBody:
    case State::kBodyEnd:
      if (state_ == State::kBody && body_.unwritten()) return "body";
      if (answered_step_count_ == 0) return "MAIL";
      if (answered_step_count_ < data_step()) return "RCPT";
      if (state_ == State::kEnvelope) return "DATA";
      return state_ == State::kBody ? "body" : "end of data";
    case State::kReset: return "RSET";
    case State::kQuit: return "QUIT";
    case State::kClosed: return "closed";
  }
  return "";
}

bool ClientConversation::amid_message() const {
  return state_ == State::kEnvelope || state_ == State::kBody || state_ == State::kBodyEnd;
}

// Whatever has moved it, the conversation waits anew.
void ClientConversation::SetDeadline(MonotonicTime now) {
  const ClientTimeouts& timeouts = policy_->timeouts;
  switch (state_) {
    case State::kGreeting: deadline_ = now + timeouts.greeting; break;
    case State::kEhlo:
    case State::kHelo:
    case State::kReset: deadline_ = now + timeouts.command; break;
    case State::kEnvelope:
      deadline_ = now + (answered_step_count_ == data_step() ? timeouts.data : timeouts.command);
      break;
    case State::kBody: deadline_ = now + (body_.unwritten() || may_speak() ? timeouts.block : timeouts.command); break;
    case State::kBodyEnd:
      deadline_ = now + (answered_step_count_ < data_step() ? timeouts.command : timeouts.body_end);
      break;
    case State::kQuit: deadline_ = now + timeouts.quit; break;
    case State::kReady:
    case State::kClosed: deadline_ = kNever; break;
  }
}

// --- replies -------------------------------------------------------------------------------------

void ClientConversation::HandleReply(const ServerReply& reply, bool out_empty) {
  if (reply.code == 421 && state_ != State::kQuit) return Fail(reply);
  switch (state_) {
    case State::kGreeting:
      if (reply.code != 220) return Fail(reply);
      absl::StrAppend(&pending_, lmtp() ? "LHLO " : "EHLO ", policy_->hostname, "\r\n");
      state_ = State::kEhlo;
      return;
    case State::kEhlo:
    case State::kHelo: return HandleHelloReply(reply);
    case State::kEnvelope:
    case State::kBody:
    case State::kBodyEnd: HandleMessageReply(reply, out_empty); return EndPointlessMessage();
    case State::kReset: return HandleResetReply(reply);
    case State::kQuit: state_ = State::kClosed; return;
    case State::kReady: return Fail("4.5.0", "the peer spoke unasked");
    case State::kClosed: return;
  }
}

void ClientConversation::HandleHelloReply(const ServerReply& reply) {
  if (state_ == State::kEhlo && reply.permanent() && !lmtp()) {
    absl::StrAppend(&pending_, "HELO ", policy_->hostname, "\r\n");
    state_ = State::kHelo;
    return;
  }
  if (!reply.positive()) return Fail(reply);
  if (state_ == State::kEhlo) offers_ = ParsePeerOffers(reply.text);
  offers_.pipelining = offers_.pipelining && policy_->pipelining;
  offers_.chunking = offers_.chunking && policy_->chunking;
  state_ = State::kReady;
}

void ClientConversation::HandleMessageReply(const ServerReply& reply, bool out_empty) {
  if (all_answered()) {
    if (state_ == State::kBody && !chunked()) return HandleEarlyReply(reply);
    return Fail("4.5.0", "the peer spoke unasked");
  }
  const size_t step = answered_step_count_++;
  if (step < data_step()) return HandleEnvelopeReply(step, reply);
  if (chunked()) return HandleChunkReply(reply);
  if (step == data_step()) return HandleDataReply(reply);
  HandleBodyEndReply(reply, out_empty);
}

void ClientConversation::HandleEnvelopeReply(size_t step, const ServerReply& reply) {
  if (reply.code >= 300 && reply.code < 400) return Fail(reply);
  if (step > 0) {
    results_.HandleRcptReply(step - 1, reply);
    if (answered_step_count_ == data_step() && results_.accepted_count() == 0) pointless_ = true;
    return;
  }
  mail_accepted_ = reply.positive();
  if (mail_accepted_) return;
  refused_another_message_ = reply.code == 503 && message_count_ > 1;
  const Fate fate = refused_another_message_ ? Fate::kDeferred : FateOf(reply.code);
  mail_deferred_ = fate == Fate::kDeferred && !refused_another_message_;
  results_.SettleAll(reply, fate);
  pointless_ = true;
}

void ClientConversation::HandleDataReply(const ServerReply& reply) {
  const bool for_nobody = results_.accepted_count() == 0;
  if (reply.code != 354) {
    if (!for_nobody) RefuseMessage(reply);
    pointless_ = true;
    return;
  }
  // RFC 2033 4.2 forbids it: nobody can say how many replies the dot would have.
  if (for_nobody && lmtp()) return Fail("4.5.0", "the peer wants a message that is for nobody");
  // RFC 2920 3.1: with nobody accepted the message is empty, and what comes of it concerns nobody.
  pointless_ = false;
  state_ = State::kBody;
  body_.Start(BodyForm::kDots, for_nobody ? 0 : message_.body_size);
  if (for_nobody) body_.Give("");
}

void ClientConversation::HandleChunkReply(const ServerReply& reply) {
  if (reply.code >= 300 && reply.code < 400) return Fail(reply);
  if (pointless_) return;
  if (!reply.positive()) return RefuseMessage(reply);
  if (!all_answered()) return;
  if (body_.unwritten()) return HandleEarlyReply(reply);
  if (!body_.complete()) return;
  results_.Settle(reply, Fate::kDelivered);
  state_ = State::kReady;
  FinishMessage();
}

void ClientConversation::HandleBodyEndReply(const ServerReply& reply, bool out_empty) {
  if (reply.code >= 300 && reply.code < 400) return Fail(reply);
  // It refuses before it can have seen the end.
  if (!reply.positive() && !out_empty) return HandleEarlyReply(reply);
  if (lmtp()) {
    results_.SettleNext(reply);
    if (!all_answered()) return;
  } else {
    results_.Settle(reply, FateOf(reply.code));
    if (!reply.positive() && results_.accepted_count() > 0) results_.DeferPostponed(reply);
  }
  state_ = State::kReady;
  FinishMessage();
}

// Whatever it says, it did not wait for the end; what we would send now it may take for commands.
void ClientConversation::HandleEarlyReply(const ServerReply& reply) {
  results_.Settle(reply, reply.code >= 400 ? FateOf(reply.code) : Fate::kDeferred);
  Fail(reply);
}

// First come the replies to what was said before it.
void ClientConversation::HandleResetReply(const ServerReply& reply) {
  if (!all_answered()) {
    ++answered_step_count_;
    if (reply.code >= 300 && reply.code < 400) Fail(reply);
    return;
  }
  if (!reply.positive()) return Fail(reply);
  state_ = State::kReady;
}

// --- what is said --------------------------------------------------------------------------------

// What we can tell without asking: limits of size (RFC 1870 6.1), and what only 8BITMIME or SMTPUTF8 can carry. RFC
// 6531 3.2 would have us refuse every message that was marked SMTPUTF8. Clients mark more than they need, so one whose
// addresses are ASCII goes as it is, without the mark, as an 8-bit body goes to a peer without 8BITMIME unless the
// route forbids it: a header that looks odd to some reader is less harm than a message that is lost.
void ClientConversation::CheckLimits() {
  const EnvelopeHead& head = *message_.head;
  const bool too_large = offers_.message_size_max != 0 && message_.body_size > offers_.message_size_max;
  const bool eight_bit =
      (head.flags & kEnvelopeEightBit) != 0 && !offers_.eight_bit && policy_->eight_bit == EightBit::kBounce;
  for (size_t i = 0; i < message_.recipients.size(); ++i) {
    const std::string_view address = message_.recipients[i].address;
    if (too_large) {
      RefuseLocally(i, "5.3.4",
                    absl::StrCat("the message is larger than the peer's limit of ", offers_.message_size_max));
    } else if (HasControlByte(address) || HasControlByte(head.sender)) {
      RefuseLocally(i, "5.1.3", "the address holds a control byte");
    } else if (!offers_.utf8 && !(IsAscii(head.sender) && IsAscii(address))) {
      RefuseLocally(i, "5.6.7", "the address needs SMTPUTF8, which the peer does not offer");
    } else if (eight_bit) {
      RefuseLocally(i, "5.6.3", "the message needs 8BITMIME, which the peer does not offer");
    }
  }
}

void ClientConversation::RefuseLocally(size_t index, std::string_view enhanced, std::string_view text) {
  results_.Refuse(index, {.code = 0, .enhanced = std::string(enhanced), .text = std::string(text)});
}

void ClientConversation::ChooseRecipients() {
  const uint32_t count_max = Lower(policy_->recipients_per_transaction_max, offers_.recipient_count_max);
  DomainLimit domains(offers_.recipient_domain_count_max);
  for (size_t i = 0; i < message_.recipients.size(); ++i) {
    if (results_.all()[i].fate != Fate::kPending) continue;
    const bool full = count_max != 0 && results_.spoken_count() >= count_max;
    if (full || !domains.TryAdd(DomainOf(message_.recipients[i].address))) {
      results_.Postpone(i);
    } else {
      results_.Speak(i);
    }
  }
}

void ClientConversation::WriteOutput(RingBuffer& out, MonotonicTime now) {
  for (;;) {
    if (!pending_.empty()) {
      pending_.erase(0, AppendTo(out, pending_));
      if (!pending_.empty()) return;
    }
    if (state_ == State::kEnvelope) {
      if (!ComposeNextStep(now)) return;
    } else if (state_ != State::kBody || !body_.unwritten() || !WriteBody(out, now)) {
      return;
    }
  }
}

// False when nothing may be said now.
bool ClientConversation::ComposeNextStep(MonotonicTime now) {
  if (pointless_ || !may_speak() || sent_step_count_ > data_step()) return false;
  if (sent_step_count_ == data_step() && chunked()) {
    state_ = State::kBody;
    body_.Start(BodyForm::kChunks, message_.body_size);
    return true;
  }
  const size_t step = sent_step_count_++;
  if (step == 0) {
    pending_ = MailCommand(*message_.head, message_.body_size, offers_);
  } else if (step < data_step()) {
    pending_ = RcptCommand(message_.recipients[results_.spoken(step - 1)], offers_);
  } else {
    pending_ = "DATA\r\n";
  }
  if (answered_step_count_ == step) SetDeadline(now);
  return true;
}

// False when there was no room for more.
bool ClientConversation::WriteBody(RingBuffer& out, MonotonicTime now) {
  const size_t free_size = out.free_size();
  const bool all = body_.Write(out);
  if (all && body_.complete()) {
    state_ = State::kBodyEnd;
    if (!chunked()) sent_step_count_ += lmtp() ? results_.accepted_count() : 1;
  }
  if (all) EndPointlessMessage();
  if (all || out.free_size() != free_size) SetDeadline(now);
  return all;
}

// --- ends ----------------------------------------------------------------------------------------

// The peer does not take the message, whoever it is for.
void ClientConversation::RefuseMessage(const ServerReply& reply) {
  results_.Settle(reply, reply.code >= 400 ? FateOf(reply.code) : Fate::kDeferred);
  results_.DeferPostponed(reply);
  pointless_ = true;
}

// Nobody will get the message, and the peer may still hold a part of it. DATA has to be answered first; a chunk has to
// be whole, so that the peer takes what comes behind it for a command.
void ClientConversation::EndPointlessMessage() {
  if (!pointless_ || !amid_message()) return;
  if (state_ == State::kEnvelope ? !all_answered() : body_.unwritten()) return;
  FinishMessage();
  pending_ += "RSET\r\n";
  state_ = State::kReset;
}

void ClientConversation::FinishMessage() {
  message_ = {};
  finished_ = true;
}

void ClientConversation::Fail(const ServerReply& reply) {
  failure_ = Shorten(reply);
  if (amid_message()) {
    results_.Settle(reply, Fate::kDeferred);
    results_.DeferPostponed(reply);
    FinishMessage();
  }
  pending_.clear();
  state_ = State::kClosed;
  deadline_ = kNever;
}

void ClientConversation::Fail(std::string_view enhanced, std::string_view text) {
  Fail(ServerReply{.code = 0, .enhanced = std::string(enhanced), .text = std::string(text)});
}

}  // namespace postern
