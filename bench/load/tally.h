// Tally is what a worker has seen: how many messages, how fast, and what was refused.
//
// A worker owns it and its sessions write into it, on the worker's thread; when all workers have ended, the run merges
// theirs. LiveCounts is the little of it that the progress line reads meanwhile, on the main thread.

#ifndef POSTERN_BENCH_LOAD_TALLY_H_
#define POSTERN_BENCH_LOAD_TALLY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "bench/load/histogram.h"
#include "bench/load/timeline.h"

namespace postern {

// How often each refusal came. Those beyond kKindCountMax different ones, as a server makes that puts ids into its
// replies, are counted together.
class ErrorBook {
 public:
  static constexpr size_t kKindCountMax = 50;
  static constexpr std::string_view kOthers = "other replies";

  void Add(std::string_view text) { Add(text, 1); }
  void Merge(const ErrorBook& other) {
    for (const auto& [text, count] : other.counts_) Add(text, count);
  }
  const std::map<std::string, uint64_t, std::less<>>& counts() const { return counts_; }

 private:
  void Add(std::string_view text, uint64_t count) {
    auto place = counts_.find(text);
    if (place == counts_.end()) {
      place = counts_.try_emplace(std::string(counts_.size() < kKindCountMax ? text : kOthers)).first;
    }
    place->second += count;
  }

  std::map<std::string, uint64_t, std::less<>> counts_;
};

// Messages are those that count: due after the warm-up.
struct Tally {
  uint64_t message_count = 0;    // taken by the server for at least one recipient
  uint64_t byte_count = 0;       // theirs, headers and all
  uint64_t recipient_count = 0;  // for whom they were taken
  uint64_t failed_count = 0;     // taken for nobody
  uint64_t unsent_count = 0;     // were due, and no connection was free before the end
  uint64_t connection_count = 0;
  uint64_t failed_connection_count = 0;

  // In an open loop each counts the time as well for which its message had to wait for a free connection.
  Histogram connect;      // until the connection stands
  Histogram mail;         // from MAIL to its reply
  Histogram end_of_data;  // from the last byte of the body to the reply that says the server has it
  Histogram message;      // from when it was due, to the same

  ErrorBook errors;  // recipients or messages that were refused, by reply
  Timeline timeline;

  void Merge(const Tally& other);
};

inline void Tally::Merge(const Tally& other) {
  message_count += other.message_count;
  byte_count += other.byte_count;
  recipient_count += other.recipient_count;
  failed_count += other.failed_count;
  unsent_count += other.unsent_count;
  connection_count += other.connection_count;
  failed_connection_count += other.failed_connection_count;
  connect.Merge(other.connect);
  mail.Merge(other.mail);
  end_of_data.Merge(other.end_of_data);
  message.Merge(other.message);
  errors.Merge(other.errors);
  timeline.Merge(other.timeline);
}

// Warm-up included.
struct LiveCounts {
  std::atomic<uint64_t> message_count{0};
  std::atomic<uint64_t> byte_count{0};
  std::atomic<uint64_t> failed_count{0};
};

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_TALLY_H_
