#include "gateway/connection_ledger.h"

#include "absl/log/check.h"

namespace postern {

ConnectionLedger::Entry ConnectionLedger::TryEnter(const IpAddress& address, bool trusted) {
  if (count_.fetch_add(1, std::memory_order_relaxed) >= count_max_) {
    count_.fetch_sub(1, std::memory_order_relaxed);
    return Entry::kTooMany;
  }
  if (trusted) return Entry::kEntered;
  const std::lock_guard lock(mutex_);
  uint32_t& count = counts_[address];
  if (count >= count_per_address_max_) {
    count_.fetch_sub(1, std::memory_order_relaxed);
    return Entry::kTooManyOfAddress;
  }
  ++count;
  return Entry::kEntered;
}

void ConnectionLedger::Leave(const IpAddress& address, bool trusted) {
  count_.fetch_sub(1, std::memory_order_relaxed);
  if (trusted) return;
  const std::lock_guard lock(mutex_);
  const auto it = counts_.find(address);
  CHECK(it != counts_.end()) << "who leaves has never entered";
  if (--it->second == 0) counts_.erase(it);
}

}  // namespace postern
