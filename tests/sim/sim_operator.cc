#include "tests/sim/sim_operator.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/sim_setup.h"

namespace postern {
namespace {

// The gateway waits ten seconds for the log, and its threads may be held up.
constexpr Duration kPatience = std::chrono::minutes(5);
constexpr int kReleaseCount = 6;
constexpr Duration kReleasePause = std::chrono::minutes(1);
constexpr std::array<std::string_view, 8> kDestinations = {"*",
                                                           "box.example",
                                                           "lmtp.example",
                                                           "good.mx.example",
                                                           "sick.mx.example",
                                                           "client.example",
                                                           "dead-letters",
                                                           "nobody.example"};

}  // namespace

SimOperator::SimOperator(SimWorld& world, PostBook& book, bool deletes_many)
    : world_(world), book_(book), deletes_many_(deletes_many) {}

void SimOperator::Wish() {
  if (peer_ != nullptr || !world_.running()) return;
  ControlRequest request;
  const uint64_t dice = world_.Below(100);
  if (dice < 5) return Ask({.verb = ControlVerb::kStatus});
  if (dice < 15) return Ask({.verb = ControlVerb::kDestinations});
  if (dice < 20) return Ask({.verb = ControlVerb::kList});
  request.verb = dice < 25 ? ControlVerb::kShow : ControlVerb::kAct;
  constexpr std::array kActions = {QueueAction::kRetry,   QueueAction::kRetry,  QueueAction::kHold,  QueueAction::kHold,
                                   QueueAction::kRelease, QueueAction::kDelete, QueueAction::kBounce};
  request.action = kActions[world_.Below(kActions.size())];
  const bool one = request.verb == ControlVerb::kShow || world_.Chance(0.7) ||
                   (request.action == QueueAction::kDelete && !deletes_many_);
  if (!one && world_.Chance(0.5)) {
    request.all = true;
  } else if (!one) {
    request.destination = kDestinations[world_.Below(kDestinations.size())];
  } else if (book_.acknowledged().empty()) {
    return;
  } else {
    // One of the last: the others have mostly left.
    const auto& known = book_.acknowledged();
    request.message =
        std::prev(known.end(), static_cast<std::ptrdiff_t>(1 + world_.Below(std::min<size_t>(known.size(), 8))))->first;
  }
  Ask(request);
}

void SimOperator::ReleaseAll() {
  releases_left_ = kReleaseCount;
  release_at_ = world_.now();
}

void SimOperator::Ask(const ControlRequest& request) {
  request_ = request;
  if (request.verb == ControlVerb::kAct) {
    book_.NoteWish(request.action, request.message.has_value() ? book_.Find(*request.message) : nullptr);
  }
  peer_ = world_.network().Connect(SocketAddress::Unix(world_.config().control_socket()), {});
  peer_->Send(EncodeRequest(request));
  input_.clear();
  patience_end_ = world_.now() + kPatience;
}

MonotonicTime SimOperator::NextDue() {
  if (peer_ == nullptr) return world_.running() ? release_at_ : kNever;
  return peer_->readable() ? MonotonicTime{} : patience_end_;
}

void SimOperator::Step() {
  if (peer_ == nullptr) {
    release_at_ = --releases_left_ > 0 ? world_.now() + kReleasePause : kNever;
    return Ask({.verb = ControlVerb::kAct, .action = QueueAction::kRelease, .all = true});
  }
  input_ += peer_->TakeInput();
  for (size_t end = input_.find('\n'); peer_ != nullptr && end != std::string::npos; end = input_.find('\n')) {
    const std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    world_.Trace(name(), absl::StrCat("reads ", line));
    Hear(line);
  }
  if (peer_ == nullptr) return;
  if (peer_->broken() || peer_->ended()) return Leave();
  if (world_.now() < patience_end_) return;
  book_.Complain("the operator has waited for an answer in vain");
  Leave();
}

// Every line must make sense, and be the kind of answer that was asked for.
void SimOperator::Hear(std::string_view line) {
  const auto check = [&](const absl::Status& status) {
    if (!status.ok() && status.code() == absl::StatusCode::kInternal) {
      book_.Complain(absl::StrCat("the operator reads ", line, ": ", status.message()));
    }
    return status.ok();
  };
  bool more = false;
  switch (request_.verb) {
    case ControlVerb::kStatus: check(ParseStatus(line).status()); break;
    case ControlVerb::kList: check(ParsePage(line).status()); break;
    case ControlVerb::kShow: check(ParseEntry(line).status()); break;
    case ControlVerb::kDestinations: {
      const absl::StatusOr<DestinationPage> page = ParseDestinations(line);
      more = check(page.status()) && page->more;
      break;
    }
    case ControlVerb::kExport: break;
    case ControlVerb::kAct: {
      const absl::StatusOr<ActResult> result = ParseResult(line);
      if (check(result.status())) HearResult(*result);
      break;
    }
  }
  if (!more) Leave();
}

void SimOperator::HearResult(ActResult result) {
  if (result == ActResult::kUnchanged) return;
  ++answer_count_;
  SentMessage* const message = request_.message.has_value() ? book_.Find(*request_.message) : nullptr;
  if (message == nullptr || result != ActResult::kDone) return;
  // A release of many that is still carried out may reach it.
  message->on_hold = request_.action == QueueAction::kHold && !book_.WasWishedOfMany(QueueAction::kRelease);
  if (request_.action != QueueAction::kDelete) return;
  for (SentRecipient& recipient : message->recipients) recipient.settled = true;
}

}  // namespace postern
