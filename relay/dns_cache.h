// DnsCache knows what name servers said for as long as they allow it, and asks once for all who want the same.
//
// SmtpCourier owns it (or a command that wants one answer), on the thread of its DnsClient. "No such name" is an answer
// like any other; that nobody could tell is remembered for seconds only. It is bounded: what goes stale first leaves
// first, and a question that is under way stays, since whoever waits for it is bounded elsewhere.

#ifndef POSTERN_RELAY_DNS_CACHE_H_
#define POSTERN_RELAY_DNS_CACHE_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "core/clock.h"
#include "net/dns_client.h"

namespace postern {

// Somebody who waits for an answer: its owner's, who does not move it while it waits. `answered` comes from
// DnsCache::Turn(); it notes that there is something to look at, and does no more.
struct DnsWaiter {
  void (*answered)(DnsWaiter&) = nullptr;
  void* owner = nullptr;
  const DnsQuestion* question = nullptr;  // of DnsCache: what it waits for
};

class DnsCache {
 public:
  static constexpr size_t kEntryCountMax = 10'000;
  // An answer that may not be kept serves those who asked for it; so long they have to look at it.
  static constexpr Duration kTtlMin = std::chrono::seconds(1);
  static constexpr Duration kTtlMax = std::chrono::hours(24);
  static constexpr Duration kNegativeTtlMax = std::chrono::hours(3);  // RFC 2308 5
  static constexpr Duration kFailureTime = std::chrono::seconds(5);

  explicit DnsCache(DnsClient& client, size_t entry_count_max = kEntryCountMax)
      : client_(client), entry_count_max_(entry_count_max) {}
  DnsCache(const DnsCache&) = delete;
  DnsCache& operator=(const DnsCache&) = delete;

  // What is known, lent until the next call. Null: it is being asked.
  const DnsQuestion* Find(std::string_view name, DnsType type, MonotonicTime now);
  // After Find() had null: `waiter` hears of the answer, once.
  void Wait(std::string_view name, DnsType type, DnsWaiter& waiter);
  void StopWaiting(DnsWaiter& waiter);

  // The client's turn: when it wants to be called again at the latest, kNever for not at all.
  MonotonicTime Turn(MonotonicTime now);
  bool HasWork() const { return client_.HasWork(); }

  size_t entry_count() const { return by_type_[0].size() + by_type_[1].size(); }

 private:
  struct Entry {
    DnsQuestion question{};
    DnsCache* cache = nullptr;
    bool under_way = false;
    MonotonicTime stale_at{};  // not under way
    std::vector<DnsWaiter*> waiters{};
  };
  using Entries = absl::flat_hash_map<std::string, std::unique_ptr<Entry>>;

  Entries& OfType(DnsType type) { return by_type_[type == DnsType::kMx ? 0 : 1]; }
  void Ask(Entry& entry);
  void TakeAnswer(Entry& entry);
  void MakeRoom(MonotonicTime now);

  DnsClient& client_;
  const size_t entry_count_max_;
  std::array<Entries, 2> by_type_;
  absl::btree_set<std::pair<MonotonicTime, Entry*>> by_time_;  // all that are answered, what goes stale first in front
  MonotonicTime now_{};                                        // as of this Turn()
};

}  // namespace postern

#endif  // POSTERN_RELAY_DNS_CACHE_H_
