#include "relay/smtp_link.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "net/socket.h"

namespace postern {
namespace {

constexpr std::string_view kStopping = "Postern is stopping";

void Prepare(Op& op, OpKind kind, void* owner, void (*done)(Op&)) {
  op.kind = kind;
  op.owner = owner;
  op.done = done;
}

// How a report names the host (RFC 3464 2.3.5); a path of our file system would mean nothing to its reader.
std::string NameForReports(const WayHost& host) {
  if (host.addresses.front().family() == AddressFamily::kUnix) return "";
  const std::optional<IpAddress> literal = IpAddress::Parse(host.name);
  if (!literal.has_value()) return host.name;
  return absl::StrCat(literal->family == AddressFamily::kIPv6 ? "[IPv6:" : "[", literal->ToString(), "]");
}

}  // namespace

SmtpLink::SmtpLink(LinkContext& context)
    : context_(context),
      search_(
          context.finder,
          [](DnsWaiter& waiter) {
            SmtpLink& link = *static_cast<SmtpLink*>(waiter.owner);
            link.context_.owner.HandleReady(link);
          },
          this) {
  timer_.owner = this;
  timer_.fire = [](Timer& timer) {
    SmtpLink& link = *static_cast<SmtpLink*>(timer.owner);
    link.HandleDeadline(link.context_.clock.Monotonic());
  };
  Prepare(connect_op_, OpKind::kConnect, this, [](Op& op) { static_cast<SmtpLink*>(op.owner)->HandleConnected(); });
  Prepare(recv_op_, OpKind::kRecv, this, [](Op& op) { static_cast<SmtpLink*>(op.owner)->HandleReceived(); });
  Prepare(send_op_, OpKind::kSend, this, [](Op& op) { static_cast<SmtpLink*>(op.owner)->HandleSent(); });
  Prepare(close_op_, OpKind::kClose, this, [](Op& op) { static_cast<SmtpLink*>(op.owner)->HandleClosed(); });
}

void SmtpLink::Give(Attempt& attempt, AttemptListener& listener) {
  CHECK(state_ == State::kFree || state_ == State::kIdle);
  if (state_ == State::kIdle) LeaveIdle();
  progress_.Start(attempt);
  listener_ = &listener;
  end_ = AttemptEnd::kUnreachable;
  route_ = attempt.route;
  destination_ = attempt.destination;
  domain_ = attempt.domain;
  failure_ = {};
  if (context_.mode == LinkMode::kAborting) NoteStop();
  if (state_ == State::kFree) StartSearch();
  context_.owner.HandleReady(*this);
}

void SmtpLink::Turn(MonotonicTime now) {
  if (state_ == State::kFinding) {
    Search(now);
  } else if (state_ == State::kTalking) {
    Pump(now);
  }
}

void SmtpLink::HandleDeadline(MonotonicTime now) {
  if (state_ == State::kConnecting) {
    timed_out_ = true;
    context_.poller.Cancel(connect_op_);
  } else if (state_ == State::kTalking) {
    timed_out_ = true;
    conversation_.HandleTimeout();
    Pump(now);
  } else if (state_ == State::kIdle) {
    Leave(now);
  }
}

void SmtpLink::Leave(MonotonicTime now) {
  if (state_ != State::kIdle) return;
  LeaveIdle();
  conversation_.StartQuit(now);
  Pump(now);
}

void SmtpLink::LeaveIdle() {
  context_.owner.HandleLeftIdle(*this);
  state_ = State::kTalking;
  ArmDeadline(kNever);
}

void SmtpLink::Abort() {
  const MonotonicTime now = context_.clock.Monotonic();
  NoteStop();
  switch (state_) {
    case State::kFree:
    case State::kClosing: return;
    case State::kFinding: return FinishFailed(now);
    case State::kConnecting: return context_.poller.Cancel(connect_op_);
    case State::kIdle: LeaveIdle(); [[fallthrough]];
    case State::kTalking: conversation_.HandleDisconnect(kStopping); return Pump(now);
  }
}

void SmtpLink::NoteStop() {
  end_ = AttemptEnd::kNeither;
  failure_ = {.reply = {.code = 0, .enhanced = "4.3.2", .text = std::string(kStopping)},
              .host = host_ == nullptr ? "" : host_->name};
}

void SmtpLink::StartSearch() {
  state_ = State::kFinding;
  search_.Start(*route_, domain_);
}

void SmtpLink::Search(MonotonicTime now) {
  const WorkScope work(context_.options.slot, WorkStage::kRelaying, message());
  if (end_ == AttemptEnd::kNeither) return FinishFailed(now);
  const Way* const way = search_.Find(now);
  if (way == nullptr) return;  // the owner hears when there is more to see
  if (way->hosts.empty()) return FinishByVerdict(way->verdict, now);
  ListTargets(*way, now);
  TryTargets(now);
}

// Who failed a moment ago is tried after all others: so several hosts share the work as far as they answer.
void SmtpLink::ListTargets(const Way& way, MonotonicTime now) {
  targets_.clear();
  target_index_ = 0;
  for (const WayHost& host : way.hosts) {
    for (const SocketAddress& address : host.addresses) {
      targets_.push_back({.address = address, .name = address.ToString(), .remote = NameForReports(host)});
    }
  }
  std::stable_partition(targets_.begin(), targets_.end(),
                        [&](const Target& target) { return !context_.hosts.FailedLately(target.name, now); });
  if (targets_.size() > kTargetCountMax) targets_.erase(targets_.begin() + kTargetCountMax, targets_.end());
}

void SmtpLink::TryTargets(MonotonicTime now) {
  for (; target_index_ < targets_.size(); ++target_index_) {
    const Target& target = targets_[target_index_];
    host_ = context_.hosts.TryHold(target.name, route_->connection_count_max);
    if (host_ != nullptr) {
      if (TryConnect(target, now)) return;
      ReleaseHost(now);
    } else if (TryHandOver(target, now)) {
      return;
    } else if (end_ == AttemptEnd::kUnreachable) {
      end_ = AttemptEnd::kUntried;
    }
  }
  FinishFailed(now);
}

bool SmtpLink::TryConnect(const Target& target, MonotonicTime now) {
  timed_out_ = false;
  const SocketResult made = context_.poller.sockets().MakeFor(target.address);
  if (!made.socket.valid()) {
    // Without descriptors we are the ones who fail, and soon will not.
    if (made.error == NetError::kNoDescriptors && end_ == AttemptEnd::kUnreachable) end_ = AttemptEnd::kUntried;
    TellFailure({.code = 0, .enhanced = "4.3.0", .text = absl::StrCat("no socket for ", target.name, ": ", made.what)});
    return false;
  }
  socket_ = made.socket;
  connect_op_.socket = socket_;
  connect_op_.connect_to = &target.address;
  onward_ = Onward::kNextTarget;
  state_ = State::kConnecting;
  ArmDeadline(now + context_.options.connect_timeout);
  context_.poller.Start(connect_op_);
  return true;
}

// The host has as many connections as it may have. One that is kept for another domain of the same route will do.
bool SmtpLink::TryHandOver(const Target& target, MonotonicTime now) {
  const HostBook::Host* const host = context_.hosts.Find(target.name);
  if (host == nullptr || end_ == AttemptEnd::kAnswered) return false;
  const auto kept = std::find_if(host->idle.begin(), host->idle.end(),
                                 [this](const SmtpLink* link) { return link->route() == route_; });
  if (kept == host->idle.end()) return false;
  SmtpLink& other = **kept;
  Attempt& attempt = progress_.Finish();
  other.targets_ = std::move(targets_);
  other.target_index_ = target_index_;
  BecomeFree(now);
  other.Give(attempt, *listener_);
  return true;
}

void SmtpLink::ReleaseHost(MonotonicTime now) {
  if (host_ != nullptr) context_.hosts.Release(*std::exchange(host_, nullptr), now);
}

void SmtpLink::GoOnward(MonotonicTime now) {
  ReleaseHost(now);
  if (end_ == AttemptEnd::kNeither) return FinishFailed(now);
  if (onward_ == Onward::kSearch) {
    StartSearch();
    return Search(now);
  }
  ++target_index_;
  TryTargets(now);
}

void SmtpLink::NoteFailure(const ServerReply& reply, MonotonicTime now) {
  HostBook::NoteFailure(*host_, now);
  TellFailure(reply);
}

void SmtpLink::TellFailure(const ServerReply& reply) {
  // What a host said is worth more than that another one was not there.
  if (reply.code != 0 || failure_.reply.code == 0) {
    failure_.reply = reply;
    failure_.host = host_ == nullptr ? "" : host_->name;
    failure_.remote = reply.code == 0 ? "" : targets_[target_index_].remote;
  }
  context_.listener.HandleDelivery({
      .kind = timed_out_ ? DeliveryEventKind::kTimedOut : DeliveryEventKind::kConnectFailed,
      .destination = destination_name(),
      .host = host_ == nullptr ? destination_name() : std::string_view(host_->name),
      .code = reply.code,
      .text = reply.text,
  });
}

// Nobody is left who could take the attempt, or it must end.
void SmtpLink::FinishFailed(MonotonicTime now) {
  if (end_ != AttemptEnd::kUntried) {
    if (failure_.reply.code == 0 && failure_.reply.text.empty()) {
      failure_.reply = {.code = 0, .enhanced = "4.4.5", .text = "no host has a connection to spare"};
    }
    progress_.attempt().host = failure_.host;
    progress_.attempt().remote = failure_.remote;
    progress_.SettleLeft({.fate = Fate::kDeferred, .reply = failure_.reply});
  }
  FinishFree(now);
}

void SmtpLink::FinishByVerdict(const RecipientResult& verdict, MonotonicTime now) {
  timed_out_ = false;
  if (verdict.fate == Fate::kRefused) {
    end_ = AttemptEnd::kAnswered;  // a domain that takes no mail has answered, in its way
  } else {
    if (end_ != AttemptEnd::kAnswered) end_ = AttemptEnd::kUnreachable;
    TellFailure(verdict.reply);
  }
  progress_.attempt().host.clear();
  progress_.attempt().remote.clear();
  progress_.SettleLeft(verdict);
  FinishFree(now);
}

// The listener hears of it last: it may give us the next attempt at once.
void SmtpLink::FinishFree(MonotonicTime now) {
  search_.Stop();
  Attempt& attempt = progress_.Finish();
  BecomeFree(now);
  listener_->HandleAttemptDone(attempt, end_);
}

void SmtpLink::BecomeFree(MonotonicTime now) {
  ReleaseHost(now);
  state_ = State::kFree;
  context_.owner.HandleFree(*this);
}

void SmtpLink::ArmDeadline(MonotonicTime deadline) {
  if (deadline == kNever) {
    context_.timers.Disarm(timer_);
  } else {
    context_.timers.Arm(timer_, deadline);
  }
}

void SmtpLink::StartClose() {
  if (state_ == State::kIdle) LeaveIdle();
  state_ = State::kClosing;
  ArmDeadline(kNever);
  close_op_.socket = socket_;
  context_.poller.Start(close_op_);
}

// All other ops came home before.
void SmtpLink::HandleClosed() {
  socket_ = {};
  if (in_.attached()) {
    in_.Consume(in_.size());
    out_.Consume(out_.size());
    in_.DetachMemory();
    out_.DetachMemory();
    memory_.reset();
  }
  const MonotonicTime now = context_.clock.Monotonic();
  if (!progress_.active()) {
    BecomeFree(now);
  } else {
    GoOnward(now);
  }
}

std::string_view SmtpLink::destination_name() const {
  return route_->kind == RouteKind::kMx ? std::string_view(domain_) : std::string_view(route_->match);
}

}  // namespace postern
