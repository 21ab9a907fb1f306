// HostBook is what we have learnt of the hosts that we talk to, each known by its address and port.
//
// SmtpCourier owns it, on the relay's thread, for all destinations: many domains may have the same mail exchange. It
// counts connections, so that no host gets more of them than a route allows, and remembers for a while which hosts did
// not answer and which take one message a connection. Of hosts without a connection it keeps a bounded number, and
// forgets first what it would forget soonest anyway.

#ifndef POSTERN_RELAY_HOST_BOOK_H_
#define POSTERN_RELAY_HOST_BOOK_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "core/clock.h"

namespace postern {

class SmtpLink;

class HostBook {
 public:
  static constexpr size_t kRestingCountMax = 10'000;
  static constexpr Duration kFailureTime = std::chrono::minutes(1);  // so long it is tried after all others
  static constexpr Duration kSingleTime = std::chrono::hours(24);

  struct Host {
    std::string name;               // "192.0.2.1:25"
    uint32_t connection_count = 0;  // standing, being made or being closed
    MonotonicTime failed_until{};
    MonotonicTime single_until{};   // one message a connection (imc.md: Q202765)
    std::vector<SmtpLink*> idle{};  // connections to it that are kept; the courier's business
  };

  explicit HostBook(size_t resting_count_max = kRestingCountMax) : resting_count_max_(resting_count_max) {}
  HostBook(const HostBook&) = delete;
  HostBook& operator=(const HostBook&) = delete;

  // A place for one more connection, to be released; the host does not move meanwhile. Null: it has
  // `connection_count_max` of them.
  Host* TryHold(std::string_view name, uint32_t connection_count_max);
  void Release(Host& host, MonotonicTime now);

  // Null when nothing is known of it.
  const Host* Find(std::string_view name) const;
  bool FailedLately(std::string_view name, MonotonicTime now) const;

  // Of a host that is held.
  static void NoteFailure(Host& host, MonotonicTime now) { host.failed_until = now + kFailureTime; }
  static void NoteAnswer(Host& host) { host.failed_until = {}; }
  static void NoteSingle(Host& host, MonotonicTime now) { host.single_until = now + kSingleTime; }
  static bool TakesOne(const Host& host, MonotonicTime now) { return now < host.single_until; }

  size_t host_count() const { return hosts_.size(); }

 private:
  static MonotonicTime ForgetAt(const Host& host) { return std::max(host.failed_until, host.single_until); }
  void Forget(const Host& host) { hosts_.erase(hosts_.find(host.name)); }

  const size_t resting_count_max_;
  absl::flat_hash_map<std::string, std::unique_ptr<Host>> hosts_;
  absl::btree_set<std::pair<MonotonicTime, Host*>> resting_;  // without a connection, by ForgetAt()
};

}  // namespace postern

#endif  // POSTERN_RELAY_HOST_BOOK_H_
