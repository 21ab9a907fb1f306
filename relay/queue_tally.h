// QueueTally counts what waits for each destination: a walk over the whole queue that reads no byte of the log.
//
// Whoever answers an operator makes one for one answer, on the thread that owns the MailStore. It goes a step at a
// time, so that a million messages hold up nobody; what comes, goes or changes between two steps may be counted or not.

#ifndef POSTERN_RELAY_QUEUE_TALLY_H_
#define POSTERN_RELAY_QUEUE_TALLY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/message.h"
#include "relay/destination_book.h"
#include "relay/mail_store.h"
#include "relay/queue_view.h"

namespace postern {

// What only a running gateway knows of a destination.
struct LiveView {
  size_t active_count = 0;  // messages; they are counted as waiting or deferred, too
  bool down = false;
  WallTime probe_at{};  // when it is down
};

// A line of the list of destinations. Counts are of messages: one that has several recipients there counts once for
// each state that they are in.
struct DestinationView {
  std::string name{};
  size_t waiting_count = 0;
  size_t deferred_count = 0;
  size_t held_count = 0;
  size_t report_due_count = 0;  // failed or arrived: only the report is still to be made
  WallTime oldest{};            // when the oldest of them came
  std::optional<LiveView> live{};
  std::string last_error{};
};

class QueueTally {
 public:
  // Both outlive it.
  QueueTally(MailStore& store, const DestinationBook& book) : store_(store), book_(book) {}

  // Looks at up to `place_count` places of the queue; false when it has seen all of it.
  bool Step(size_t place_count);

  // After the last step: puts the destinations that have something in the queue into order, those with the most
  // messages first. `statuses` is what a running gateway has to tell of some of them; nothing when none runs.
  void Rank(std::optional<std::vector<DestinationStatus>> statuses);
  // After Rank(), one of them with each call.
  std::optional<DestinationView> Next();

 private:
  enum Column : size_t { kWaitingColumn, kDeferredColumn, kHeldColumn, kReportColumn, kColumnCount };
  struct Tally {
    std::array<size_t, kColumnCount> counts{};
    std::array<MessageId, kColumnCount> last{};  // that was counted, so that none is counted twice
    MessageId oldest{};
    // The recipient that is to be tried last of all has probably been tried last, too: its reply is the news.
    MessageId sample{};
    uint32_t sample_recipient = 0;
    WallTime sample_attempt{};
  };

  void Count(const MailView& mail);
  const DestinationStatus* StatusOf(uint32_t destination) const;

  MailStore& store_;
  const DestinationBook& book_;
  uint64_t cursor_ = 0;
  std::vector<Tally> tallies_;   // beside the book's entries
  std::vector<uint32_t> ranks_;  // indices of those that are to be told
  size_t told_count_ = 0;
  std::optional<std::vector<DestinationStatus>> statuses_;  // by destination
};

}  // namespace postern

#endif  // POSTERN_RELAY_QUEUE_TALLY_H_
