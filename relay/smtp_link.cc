#include "relay/smtp_link.h"

#include <optional>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "net/address.h"

namespace postern {
namespace {

void Prepare(Op& op, OpKind kind, void* owner, void (*done)(Op&)) {
  op.kind = kind;
  op.owner = owner;
  op.done = done;
}

const char* Words(NetError error) {
  switch (error) {
    case NetError::kNone: return "no error";
    case NetError::kCancelled: return "cancelled";
    case NetError::kReset: return "the peer reset the connection";
    case NetError::kRefused: return "connection refused";
    case NetError::kTimedOut: return "timed out";
    case NetError::kUnreachable: return "unreachable";
    case NetError::kNoDescriptors: return "we have no descriptor left";
    case NetError::kAddressInUse: return "the address is in use";
    case NetError::kNoPermission: return "no permission";
    case NetError::kOther: return "network error";
  }
  return "";
}

}  // namespace

SmtpLink::SmtpLink(LinkContext& context) : context_(context) {
  Prepare(connect_op_, OpKind::kConnect, this, [](Op& op) { static_cast<SmtpLink*>(op.owner)->HandleConnected(); });
  Prepare(recv_op_, OpKind::kRecv, this, [](Op& op) { static_cast<SmtpLink*>(op.owner)->HandleReceived(); });
  Prepare(send_op_, OpKind::kSend, this, [](Op& op) { static_cast<SmtpLink*>(op.owner)->HandleSent(); });
  Prepare(close_op_, OpKind::kClose, this, [](Op& op) { static_cast<SmtpLink*>(op.owner)->HandleClosed(); });
}

void SmtpLink::Give(Attempt& attempt, const Route& route, bool single, AttemptListener& listener) {
  CHECK(attempt_ == nullptr && (state_ == State::kFree || state_ == State::kIdle));
  attempt_ = &attempt;
  route_ = &route;
  listener_ = &listener;
  single_ = single;
  destination_ = attempt.destination;
  given_ = true;
  started_ = false;
  untried_ = false;
  failure_ = {};
}

MonotonicTime SmtpLink::deadline() const {
  if (given_) return {};
  if (state_ == State::kResolving || state_ == State::kConnecting || state_ == State::kIdle) return deadline_;
  return state_ == State::kTalking ? conversation_.deadline() : kNever;
}

void SmtpLink::Turn(MonotonicTime now) {
  if (given_) {
    given_ = false;
    if (state_ == State::kFree) {
      RestartHosts();
      TryNextAddress(now);
    } else if (state_ == State::kIdle) {
      state_ = State::kTalking;
      Pump(now);
    }
    return;
  }
  if (now < deadline()) return;
  if (state_ == State::kResolving) {
    GiveUpName(now);
  } else if (state_ == State::kConnecting) {
    timed_out_ = true;
    context_.poller.Cancel(connect_op_);
    deadline_ = kNever;
  } else if (state_ == State::kTalking) {
    timed_out_ = true;
    conversation_.HandleTimeout();
    Pump(now);
  } else if (state_ == State::kIdle) {
    StopKeeping();
  }
}

void SmtpLink::StopKeeping() {
  keeping_ = false;
  if (!idle()) return;
  state_ = State::kTalking;
  Pump(context_.clock.Monotonic());
}

void SmtpLink::Abort() {
  keeping_ = false;
  aborted_ = true;
  given_ = false;
  const MonotonicTime now = context_.clock.Monotonic();
  switch (state_) {
    case State::kTalking:
    case State::kIdle:
      state_ = State::kTalking;
      conversation_.HandleDisconnect("Postern is stopping");
      return Pump(now);
    case State::kConnecting: return context_.poller.Cancel(connect_op_);
    case State::kClosing: return;
    case State::kResolving:  // nobody waits for the answer
    case State::kFree: state_ = State::kFree; FinishUnreached();
  }
}

// Goes on through the addresses of the host, then through the hosts.
void SmtpLink::TryNextAddress(MonotonicTime now) {
  state_ = State::kFree;
  given_ = started_ = false;
  if (aborted_) return FinishUnreached();
  while (host_index_ < route_->next_hops.size()) {
    const HostPort& host = route_->next_hops[host_index_];
    if (!resolved_ && !LookUpHost(now)) {
      state_ = State::kResolving;
      deadline_ = now + context_.options.connect_timeout;
      return;
    }
    if (address_index_ < addresses_.size()) {
      const std::optional<IpAddress> ip = IpAddress::Parse(addresses_[address_index_++]);
      if (!ip.has_value()) continue;
      return Connect({.ip = *ip, .port = host.port, .path = {}}, now);
    }
    ++host_index_;
    resolved_ = false;
  }
  FinishUnreached();
}

bool SmtpLink::LookUpHost(MonotonicTime now) {
  const HostPort& host = route_->next_hops[host_index_];
  if (IpAddress::Parse(host.host).has_value()) {
    addresses_.assign(1, host.host);
  } else {
    const Question* const known = context_.names.Find(host.host, now);
    if (known == nullptr) return false;
    addresses_ = known->addresses;
    peer_name_ = host.ToString();
    if (!known->error.empty()) {
      NoteFailure({.code = 0, .text = absl::StrCat("cannot resolve ", host.host, ": ", known->error)}, false);
    }
  }
  address_index_ = 0;
  resolved_ = true;
  return true;
}

void SmtpLink::HandleAnswers(MonotonicTime now) {
  if (state_ == State::kResolving && LookUpHost(now)) TryNextAddress(now);
}

// A silent server of names makes the host a failure. A question that no thread of the resolver has come to says nothing
// of the host, and the attempt is made again soon.
void SmtpLink::GiveUpName(MonotonicTime now) {
  const HostPort& host = route_->next_hops[host_index_];
  const bool begun = context_.names.Begun(host.host);
  untried_ = untried_ || !begun;
  peer_name_ = host.ToString();
  NoteFailure({.code = 0,
               .text = absl::StrCat("cannot resolve ", host.host, ": ",
                                    begun ? "no answer in time" : "other names keep the resolver busy")},
              false);
  ++host_index_;
  TryNextAddress(now);
}

void SmtpLink::Connect(const SocketAddress& address, MonotonicTime now) {
  peer_name_ = address.ToString();
  const SocketResult made = context_.poller.sockets().MakeFor(address);
  if (!made.socket.valid()) {
    NoteFailure({.code = 0, .text = absl::StrCat("no socket for ", peer_name_, ": ", made.what)}, false);
    return TryNextAddress(now);
  }
  socket_ = made.socket;
  connect_op_.socket = socket_;
  connect_op_.peer = address;
  state_ = State::kConnecting;
  deadline_ = now + context_.options.connect_timeout;
  timed_out_ = false;
  context_.poller.Start(connect_op_);
}

void SmtpLink::HandleConnected() {
  if (connect_op_.error != NetError::kNone || aborted_) {
    const char* words = timed_out_ ? "timed out" : Words(connect_op_.error);
    NoteFailure({.code = 0, .text = absl::StrCat("cannot connect to ", peer_name_, ": ", words)}, timed_out_);
    return StartClose();
  }
  context_.listener.HandleDelivery(
      {.kind = DeliveryEventKind::kConnected, .destination = route_->match, .host = peer_name_});
  if (memory_ == nullptr) memory_ = std::make_unique<char[]>(kInSize + kOutSize);
  if (!in_.attached()) in_.AttachMemory({memory_.get(), kInSize});
  if (!out_.attached()) out_.AttachMemory({memory_.get() + kInSize, kOutSize});
  const MonotonicTime now = context_.clock.Monotonic();
  transaction_count_ = 0;
  timed_out_ = false;
  state_ = State::kTalking;
  conversation_.Start(context_.options.client, now);
  Pump(now);
}

void SmtpLink::Pump(MonotonicTime now) {
  while (state_ == State::kTalking || state_ == State::kIdle) {
    const ClientWant want = conversation_.Pump(in_, out_, now);
    TakeResults();
    if (attempt_ != nullptr && conversation_.refused_another_message()) return HandleSingleHost();
    switch (want) {
      case ClientWant::kBody: FeedBody(); continue;
      case ClientWant::kMessage:
        HandleReady(now);
        if (state_ == State::kIdle) return StartIo();
        continue;
      case ClientWant::kClose: return HandleClosedConversation();
      case ClientWant::kInput: return StartIo();
    }
  }
}

// The peer is ready for a message: there is one, or we wait for one, or we leave.
void SmtpLink::HandleReady(MonotonicTime now) {
  const uint32_t count_max = single_ ? 1 : route_->messages_per_connection_max;
  if (attempt_ != nullptr) {
    if (state_ == State::kIdle && given_) return;  // Turn() will see to it
    state_ = State::kTalking;
    ++transaction_count_;
    started_ = true;
    attempt_->host = peer_name_;
    conversation_.StartMessage(
        {.head = &attempt_->envelope, .recipients = attempt_->recipients, .body_size = attempt_->stored.body_size},
        now);
  } else if (!keeping_ || (count_max != 0 && transaction_count_ >= count_max)) {
    state_ = State::kTalking;
    conversation_.StartQuit(now);
  } else if (state_ != State::kIdle) {
    state_ = State::kIdle;
    deadline_ = now + context_.options.idle_close;
  }
}

void SmtpLink::FeedBody() {
  const absl::StatusOr<std::string_view> piece = attempt_ == nullptr || attempt_->stored.body == nullptr
                                                     ? absl::InternalError("the body is gone")
                                                     : attempt_->stored.body->Next();
  if (piece.ok()) {
    conversation_.GiveBody(*piece, piece->empty());
  } else {
    conversation_.AbandonBody(absl::StrCat("the message cannot be read: ", std::string_view(piece.status().message())));
  }
}

void SmtpLink::TakeResults() {
  if (!conversation_.TakeFinished() || attempt_ == nullptr) return;
  if (conversation_.failed_before_mail() || conversation_.refused_another_message()) return;  // another try: below
  attempt_->results.assign(conversation_.results().begin(), conversation_.results().end());
  if (timed_out_) NoteFailure(conversation_.failure(), true);
  Finish(aborted_ ? Scheduler::Finish::kNeither : Scheduler::Finish::kAnswered);
}

// A conversation that ended with an attempt in hand failed before its MAIL was taken: the same attempt goes to another
// host, or, when the connection was a kept one, to a fresh one of the same.
void SmtpLink::HandleClosedConversation() {
  if (attempt_ != nullptr) {
    const bool kept = transaction_count_ > (started_ ? 1 : 0);
    if (kept) {
      RestartHosts();
    } else {
      NoteFailure(conversation_.failure(), timed_out_);
    }
  }
  StartClose();
}

// Q202765: the same host again, on a fresh connection for each message from now on.
void SmtpLink::HandleSingleHost() {
  single_ = true;
  learnt_single_ = true;
  RestartHosts();
  StartClose();
}

void SmtpLink::NoteFailure(const ServerReply& reply, bool timed_out) {
  failure_ = reply;
  context_.listener.HandleDelivery({
      .kind = timed_out ? DeliveryEventKind::kTimedOut : DeliveryEventKind::kConnectFailed,
      .destination = route_->match,
      .host = peer_name_,
      .code = reply.code,
      .text = reply.text,
  });
}

void SmtpLink::FinishUnreached() {
  if (attempt_ == nullptr) return;
  attempt_->host = peer_name_;
  if (failure_.text.empty()) failure_.text = aborted_ ? "Postern is stopping" : "no host of the route answered";
  attempt_->results.assign(attempt_->indices.size(), {.fate = Fate::kDeferred, .reply = failure_});
  attempt_->untried = untried_ && !aborted_;
  Finish(aborted_ || untried_ ? Scheduler::Finish::kNeither : Scheduler::Finish::kUnreachable);
}

void SmtpLink::Finish(Scheduler::Finish finish) {
  AttemptListener& listener = *listener_;
  listener.HandleAttemptDone(*std::exchange(attempt_, nullptr), finish);
}

void SmtpLink::StartIo() {
  if (!sending_ && !out_.empty()) {
    sending_ = true;
    send_op_.socket = socket_;
    send_op_.send_bytes = out_.Peek();
    context_.poller.Start(send_op_);
  }
  // Always: a peer that refuses or leaves while we send is heard at once (imc.md: Q152940).
  if (!receiving_ && in_.empty()) {
    receiving_ = true;
    recv_op_.socket = socket_;
    recv_op_.recv_bytes = in_.WritableSpan();
    context_.poller.Start(recv_op_);
  }
}

void SmtpLink::HandleSent() {
  sending_ = false;
  if (state_ == State::kClosing) return;
  const MonotonicTime now = context_.clock.Monotonic();
  if (send_op_.error == NetError::kNone) {
    out_.Consume(static_cast<size_t>(send_op_.result));
  } else if (!receiving_) {
    conversation_.HandleDisconnect(Words(send_op_.error));
  } else {
    return;  // what the peer said before it left is worth more than our error: the receive under way will tell
  }
  Pump(now);
}

void SmtpLink::HandleReceived() {
  receiving_ = false;
  if (state_ == State::kClosing) return;
  const MonotonicTime now = context_.clock.Monotonic();
  if (recv_op_.error == NetError::kNone && recv_op_.result > 0) {
    in_.Commit(static_cast<size_t>(recv_op_.result));
  } else if (recv_op_.error == NetError::kNone) {
    conversation_.HandleDisconnect("the peer closed the connection");
  } else {
    conversation_.HandleDisconnect(Words(recv_op_.error));
  }
  Pump(now);
}

void SmtpLink::StartClose() {
  state_ = State::kClosing;
  close_op_.socket = socket_;
  context_.poller.Start(close_op_);
}

// All other ops came home before.
void SmtpLink::HandleClosed() {
  socket_ = {};
  if (in_.attached()) {
    in_.Consume(in_.size());
    out_.Consume(out_.size());
  }
  state_ = State::kFree;
  if (attempt_ != nullptr) TryNextAddress(context_.clock.Monotonic());
}

}  // namespace postern
