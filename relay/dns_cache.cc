#include "relay/dns_cache.h"

#include <algorithm>

#include "absl/log/check.h"

namespace postern {
namespace {

Duration GoodFor(const DnsQuestion& answer) {
  switch (answer.status) {
    case DnsStatus::kFound: return std::clamp(answer.ttl, DnsCache::kTtlMin, DnsCache::kTtlMax);
    case DnsStatus::kNoName:
    case DnsStatus::kNoData: return std::clamp(answer.ttl, DnsCache::kTtlMin, DnsCache::kNegativeTtlMax);
    case DnsStatus::kFailed: break;
  }
  return DnsCache::kFailureTime;
}

}  // namespace

const DnsQuestion* DnsCache::Find(std::string_view name, DnsType type, MonotonicTime now) {
  Entries& entries = OfType(type);
  const auto place = entries.find(name);
  if (place != entries.end()) {
    Entry& known = *place->second;
    if (known.under_way) return nullptr;
    if (now < known.stale_at) return &known.question;
    by_time_.erase({known.stale_at, &known});
    Ask(known);
    return nullptr;
  }
  MakeRoom(now);
  auto made = std::make_unique<Entry>();
  Entry& entry = *made;
  entry.cache = this;
  entry.question.name = name;
  entry.question.type = type;
  entry.question.owner = &entry;
  entry.question.done = [](DnsQuestion& question) {
    Entry& answered = *static_cast<Entry*>(question.owner);
    answered.cache->TakeAnswer(answered);
  };
  entries.emplace(name, std::move(made));
  Ask(entry);
  return nullptr;
}

void DnsCache::Wait(std::string_view name, DnsType type, DnsWaiter& waiter) {
  Entries& entries = OfType(type);
  const auto place = entries.find(name);
  CHECK(place != entries.end() && place->second->under_way) << "only what is being asked is answered";
  CHECK(waiter.question == nullptr) << "a waiter waits for one answer";
  waiter.question = &place->second->question;
  place->second->waiters.push_back(&waiter);
}

void DnsCache::StopWaiting(DnsWaiter& waiter) {
  if (waiter.question == nullptr) return;
  std::erase(static_cast<Entry*>(waiter.question->owner)->waiters, &waiter);
  waiter.question = nullptr;
}

MonotonicTime DnsCache::Turn(MonotonicTime now) {
  now_ = now;
  return client_.Turn(now);
}

void DnsCache::Ask(Entry& entry) {
  DnsQuestion& question = entry.question;
  question.status = DnsStatus::kFailed;
  question.exchanges.clear();
  question.addresses.clear();
  question.ttl = {};
  question.text.clear();
  entry.under_way = true;
  client_.Start(question);
}

void DnsCache::TakeAnswer(Entry& entry) {
  entry.under_way = false;
  entry.stale_at = now_ + GoodFor(entry.question);
  by_time_.insert({entry.stale_at, &entry});
  for (DnsWaiter* const waiter : std::exchange(entry.waiters, {})) {
    waiter->question = nullptr;
    waiter->answered(*waiter);
  }
}

void DnsCache::MakeRoom(MonotonicTime now) {
  while (!by_time_.empty() && (by_time_.begin()->first <= now || entry_count() >= entry_count_max_)) {
    const Entry* const oldest = by_time_.begin()->second;
    by_time_.erase(by_time_.begin());
    Entries& entries = OfType(oldest->question.type);
    entries.erase(entries.find(oldest->question.name));
  }
}

}  // namespace postern
