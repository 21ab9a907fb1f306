#include "relay/outcome_post.h"

#include <algorithm>
#include <chrono>

#include "relay/retry_policy.h"

namespace postern {
namespace {

constexpr Duration kNoRoomPause = std::chrono::seconds(1);
constexpr Duration kFullQueuePause = std::chrono::milliseconds(1);

}  // namespace

void OutcomePost::Send(Handoff& handoff) {
  handoff.kind = HandoffKind::kOutcome;
  handoff.home = &receipts_;
  unsent_.push_back(&handoff);
  SendAgain();
}

void OutcomePost::SendAgain() {
  if (unsent_.empty() || clock_.Wall() < resend_at_) return;
  while (!unsent_.empty() && away_count_ < count_max_ && store_.TryPush(*unsent_.front())) {
    ++away_count_;
    unsent_.pop_front();
  }
}

void OutcomePost::TakeReceipts() {
  Handoff* handoff = nullptr;
  while (receipts_.queue.TryPop(handoff)) {
    --away_count_;
    switch (handoff->result) {
      case HandoffResult::kDurable: durable_.push_back(handoff); break;
      case HandoffResult::kNoRoom:
        // The writer keeps a reserve for outcomes, so this is rare, and it must not be lost: the mail is out already.
        unsent_.push_back(handoff);
        resend_at_ = clock_.Wall() + kNoRoomPause;
        break;
      case HandoffResult::kPending:
      case HandoffResult::kLost:
      case HandoffResult::kPoisoned: stuck_.push_back(handoff); break;
    }
  }
}

std::optional<WallTime> OutcomePost::next_turn() const {
  if (unsent_.empty() || away_count_ == count_max_) return std::nullopt;  // in the second case a receipt will wake us
  return std::max(resend_at_, clock_.Wall() + kFullQueuePause);
}

}  // namespace postern
