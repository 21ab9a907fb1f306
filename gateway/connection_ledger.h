// ConnectionLedger counts who is connected, all in all and from each address, and says when it is too many.
//
// The gateway owns one; all its reactors ask it when they accept and when a connection has gone, so it is the one
// object of the road that takes a lock. It is held for a look into a table, once for a connection and never for a
// message.

#ifndef POSTERN_GATEWAY_CONNECTION_LEDGER_H_
#define POSTERN_GATEWAY_CONNECTION_LEDGER_H_

#include <atomic>
#include <cstdint>
#include <mutex>

#include "absl/container/flat_hash_map.h"
#include "net/address.h"

namespace postern {

class ConnectionLedger {
 public:
  ConnectionLedger(uint32_t count_max, uint32_t count_per_address_max)
      : count_max_(count_max), count_per_address_max_(count_per_address_max) {}

  enum class Entry : uint8_t { kEntered, kTooMany, kTooManyOfAddress };
  // A trusted peer is bound by the whole alone. Who entered calls Leave() with the same arguments.
  Entry TryEnter(const IpAddress& address, bool trusted);
  void Leave(const IpAddress& address, bool trusted);

  uint32_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  const uint32_t count_max_;
  const uint32_t count_per_address_max_;
  std::atomic<uint32_t> count_{0};
  std::mutex mutex_;
  absl::flat_hash_map<IpAddress, uint32_t> counts_;  // of peers that are not trusted
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_CONNECTION_LEDGER_H_
