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
  const WallTime now = clock_.Wall();
  // A longer pause than ours is a clock that was set back.
  if (unsent_.empty() || (now < resend_at_ && resend_at_ < now + 2 * kNoRoomPause)) return;
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
      case HandoffResult::kUnread:
      case HandoffResult::kPoisoned: stuck_.push_back(handoff); break;
    }
  }
}

std::optional<WallTime> OutcomePost::next_turn() const {
  if (unsent_.empty() || away_count_ == count_max_) return std::nullopt;  // in the second case a receipt will wake us
  const WallTime now = clock_.Wall();
  return std::clamp(resend_at_, now + kFullQueuePause, now + kNoRoomPause);
}

}  // namespace postern
