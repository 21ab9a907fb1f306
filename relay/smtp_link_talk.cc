// The part of SmtpLink that talks: from a connection that stands until there is no more to say on it.

#include <algorithm>
#include <span>

#include "absl/strings/str_cat.h"
#include "relay/smtp_link.h"

namespace postern {
namespace {

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

void SmtpLink::HandleConnected() {
  const MonotonicTime now = context_.clock.Monotonic();
  if (connect_op_.error != NetError::kNone || end_ == AttemptEnd::kNeither) {
    if (end_ != AttemptEnd::kNeither) {
      const char* words = timed_out_ ? "timed out" : Words(connect_op_.error);
      NoteFailure(
          {.code = 0, .enhanced = "4.4.1", .text = absl::StrCat("cannot connect to ", host_->name, ": ", words)}, now);
    }
    return StartClose();
  }
  context_.listener.HandleDelivery(
      {.kind = DeliveryEventKind::kConnected, .destination = destination_name(), .host = host_->name});
  peer_ = WorkPeer(host_->name);
  AttachMemory();
  policy_ = context_.options.client;
  policy_.protocol = route_->kind == RouteKind::kLmtp ? ClientProtocol::kLmtp : ClientProtocol::kSmtp;
  policy_.eight_bit = route_->eight_bit;
  policy_.recipients_per_transaction_max = route_->recipients_per_transaction_max;
  transaction_count_ = 0;
  in_transaction_ = false;
  passed_over_ = false;
  timed_out_ = false;
  state_ = State::kTalking;
  conversation_.Start(policy_, now);
  Pump(now);
}

void SmtpLink::Pump(MonotonicTime now) {
  const WorkScope work(context_.options.slot, WorkStage::kTalking, message(), &peer_);
  while (state_ == State::kTalking || state_ == State::kIdle) {
    const ClientWant want = conversation_.Pump(in_, out_, now);
    TakeResults(now);
    if (in_transaction_ && conversation_.refused_another_message()) return HandleSingleHost(now);
    switch (want) {
      case ClientWant::kBody: FeedBody(); continue;
      case ClientWant::kMessage: HandlePeerReady(now); break;
      case ClientWant::kClose: return HandleClosedConversation(now);
      case ClientWant::kInput: ArmDeadline(conversation_.deadline()); return StartIo();
    }
    if (state_ == State::kIdle) return StartIo();
  }
}

// The peer is ready for a message: there is one, or we wait for one, or we leave.
void SmtpLink::HandlePeerReady(MonotonicTime now) {
  HostBook::NoteAnswer(*host_);
  const bool full = transaction_count_ >= TransactionCountMax(now);
  if (progress_.active() && !full && !passed_over_) return StartTransaction(now);
  if (!progress_.active() && context_.mode == LinkMode::kKeeping) {
    if (state_ == State::kIdle) return;
    state_ = State::kIdle;
    // A full one is kept for a turn: an attempt that comes in it goes on a fresh connection at once, in the place of
    // this one. Any other attempt would find that place taken.
    ArmDeadline(full ? now : now + context_.options.idle_close);
    return context_.owner.HandleIdle(*this);
  }
  if (state_ == State::kIdle) LeaveIdle();
  onward_ = passed_over_ ? Onward::kNextTarget : Onward::kSearch;
  conversation_.StartQuit(now);
}

uint32_t SmtpLink::TransactionCountMax(MonotonicTime now) const {
  if (HostBook::TakesOne(*host_, now)) return 1;
  uint32_t count_max = UINT32_MAX;
  if (route_->messages_per_connection_max != 0) count_max = route_->messages_per_connection_max;
  if (conversation_.mail_count_max() != 0) count_max = std::min(count_max, conversation_.mail_count_max());
  return count_max;
}

void SmtpLink::StartTransaction(MonotonicTime now) {
  ++transaction_count_;
  in_transaction_ = true;
  progress_.attempt().host = host_->name;
  progress_.attempt().remote = targets_[target_index_].remote;
  conversation_.StartMessage(progress_.NextTransaction(), now);
}

void SmtpLink::FeedBody() {
  const absl::StatusOr<std::string_view> piece = progress_.NextPiece();
  if (piece.ok()) return conversation_.GiveBody(*piece, piece->empty());
  end_ = AttemptEnd::kNeither;  // our own fault
  context_.listener.HandleDelivery(
      {.kind = DeliveryEventKind::kReadFailed, .message = message(), .text = piece.status().message()});
  conversation_.AbandonBody(absl::StrCat("the message cannot be read: ", std::string_view(piece.status().message())));
}

// Results are there, unless the attempt gets another try elsewhere.
void SmtpLink::TakeResults(MonotonicTime now) {
  if (!conversation_.TakeFinished() || !progress_.active()) return;
  if (end_ != AttemptEnd::kNeither) {
    if (conversation_.failed_before_mail() || conversation_.refused_another_message()) return;  // Pump() sees to it
    if (conversation_.mail_deferred() && target_index_ + 1 < targets_.size()) return PassOver();
  }
  in_transaction_ = false;
  if (timed_out_) NoteFailure(conversation_.failure(), now);
  if (end_ != AttemptEnd::kNeither) end_ = AttemptEnd::kAnswered;
  progress_.TakeResults(conversation_.results());
  if (!progress_.all_settled()) return listener_->HandleProgress(progress_.attempt());
  listener_->HandleAttemptDone(progress_.Finish(), end_);
}

// The host does not want the message now, and there is another one. It has answered, so it is no worse than before.
void SmtpLink::PassOver() {
  passed_over_ = true;
  end_ = AttemptEnd::kAnswered;
  const std::span<const RecipientResult> results = conversation_.results();
  TellFailure(std::find_if(results.begin(), results.end(), [](const RecipientResult& result) {
                return result.fate == Fate::kDeferred;  // and not refused by ourselves
              })->reply);
}

// Q202765: again on a fresh connection, and one for each message from now on.
void SmtpLink::HandleSingleHost(MonotonicTime now) {
  HostBook::NoteSingle(*host_, now);
  onward_ = Onward::kSearch;
  StartClose();
}

// A conversation that ended with an attempt in hand failed before its MAIL was taken: the attempt goes to another host,
// or, when the connection was a kept one that may just have been too old, on a fresh one to the same.
void SmtpLink::HandleClosedConversation(MonotonicTime now) {
  if (progress_.active() && !passed_over_ && onward_ == Onward::kNextTarget && end_ != AttemptEnd::kNeither) {
    const bool kept = transaction_count_ > (in_transaction_ ? 1u : 0u);
    if (kept) {
      onward_ = Onward::kSearch;
    } else {
      NoteFailure(conversation_.failure(), now);
    }
  }
  StartClose();
}

void SmtpLink::AttachMemory() {
  memory_ = std::make_unique_for_overwrite<char[]>(kInSize + kOutSize);
  in_.AttachMemory({memory_.get(), kInSize});
  out_.AttachMemory({memory_.get() + kInSize, kOutSize});
}

void SmtpLink::StartIo() {
  if (!sending_ && !out_.empty()) {
    sending_ = true;
    send_op_.socket = socket_;
    send_op_.set_send_bytes(out_.Peek());
    context_.poller.Start(send_op_);
  }
  // Always: a peer that refuses or leaves while we send is heard at once (imc.md: Q152940).
  if (!receiving_ && in_.empty()) {
    receiving_ = true;
    recv_op_.socket = socket_;
    recv_op_.set_recv_bytes(in_.WritableSpan());
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

}  // namespace postern
