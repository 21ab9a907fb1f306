// QueueRounds walks over the queue from time to time and finds what no event announces: what has expired, what is
// delayed, which reports are due, and which destinations nobody needs any more.
//
// Relay owns it, on its thread. One round looks at every message, a piece in each turn, without reading a byte of the
// log; what it finds is for the relay to do. So nothing else needs a timer of its own for a message, and what was due
// when the gateway died is found again after the start.

#ifndef POSTERN_RELAY_QUEUE_ROUNDS_H_
#define POSTERN_RELAY_QUEUE_ROUNDS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/clock.h"
#include "core/message.h"
#include "relay/destination_book.h"
#include "relay/mail_store.h"
#include "relay/retry_policy.h"
#include "relay/route.h"

namespace postern {

enum class RoundFinding : uint8_t {
  kReportDue,  // some recipients have failed, or arrived, and nobody was told
  kDelayDue,   // some recipients wait for so long that the sender is to be told
  kExpired,    // some recipients wait for too long; where their destination is up, their own turn settles them
};

class QueueRounds {
 public:
  static constexpr Duration kPauseMax = std::chrono::minutes(1);  // from one round to the next
  static constexpr size_t kPlaceCountMax = 256;                   // that one step looks at

  struct Finding {
    RoundFinding what;
    MessageId message;
    uint32_t destination;  // of the recipients
  };

  // `otherwise` is the policy for what has no route. All that is lent outlives it.
  QueueRounds(MailStore& store, const DestinationBook& book, const RouteTable& routes, const RetryPolicy& otherwise);

  // A step, when a round is under way or due. What is in its result is found again in the next round, unless it was
  // done.
  std::vector<Finding> Step(WallTime now);
  // When Step() has something to do.
  WallTime next_turn() const { return begins_at_; }
  bool under_way() const { return under_way_; }

  // A message that names the destination has come; the round may have passed it.
  void NoteUsed(uint32_t destination) {
    if (under_way_ && destination < used_.size()) used_[destination] = true;
    std::erase(unused_, destination);
  }
  // After a step that ended a round: the destinations of the book that no message in the queue names.
  std::vector<uint32_t> TakeUnused();

 private:
  void Look(const MailView& mail, WallTime now, std::vector<Finding>& findings);
  const RetryPolicy& PolicyOf(uint32_t destination) const;

  MailStore& store_;
  const DestinationBook& book_;
  const RouteTable& routes_;
  const RetryPolicy& otherwise_;
  const Duration pause_;  // short beside the shortest time that a policy names
  bool under_way_ = false;
  uint64_t cursor_ = 0;
  WallTime begins_at_;
  std::vector<bool> used_;  // beside the book's entries
  std::vector<uint32_t> unused_;
};

}  // namespace postern

#endif  // POSTERN_RELAY_QUEUE_ROUNDS_H_
