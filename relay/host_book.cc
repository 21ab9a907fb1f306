#include "relay/host_book.h"

#include "absl/log/check.h"

namespace postern {

HostBook::Host* HostBook::TryHold(std::string_view name, uint32_t connection_count_max) {
  const auto place = hosts_.find(name);
  if (place == hosts_.end()) {
    if (connection_count_max == 0) return nullptr;
    auto made = std::make_unique<Host>();
    Host& host = *made;
    host.name = name;
    host.connection_count = 1;
    hosts_.emplace(name, std::move(made));
    return &host;
  }
  Host& host = *place->second;
  if (host.connection_count >= connection_count_max) return nullptr;
  if (host.connection_count == 0) resting_.erase({ForgetAt(host), &host});
  ++host.connection_count;
  return &host;
}

void HostBook::Release(Host& host, MonotonicTime now) {
  CHECK_GT(host.connection_count, 0u);
  if (--host.connection_count > 0) return;
  CHECK(host.idle.empty());
  if (ForgetAt(host) <= now) {
    Forget(host);
  } else {
    resting_.insert({ForgetAt(host), &host});
  }
  while (!resting_.empty() && (resting_.begin()->first <= now || resting_.size() > resting_count_max_)) {
    const Host& oldest = *resting_.begin()->second;
    resting_.erase(resting_.begin());
    Forget(oldest);
  }
}

const HostBook::Host* HostBook::Find(std::string_view name) const {
  const auto place = hosts_.find(name);
  return place == hosts_.end() ? nullptr : place->second.get();
}

bool HostBook::FailedLately(std::string_view name, MonotonicTime now) const {
  const Host* const host = Find(name);
  return host != nullptr && now < host->failed_until;
}

}  // namespace postern
