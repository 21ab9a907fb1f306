#include "relay/resolver.h"

#include <utility>

#include "absl/log/check.h"
#include "absl/status/statusor.h"
#include "net/name_lookup.h"

namespace postern {

bool SystemResolver::TryStart(Question& question) {
  if (away_count_ == question_count_max_) return false;
  ++away_count_;
  question.addresses.clear();
  question.error.clear();
  CHECK(inbox_.TryPush(&question));
  bell_.Wake();
  return true;
}

Question* SystemResolver::TryTakeDone() {
  Question* question = nullptr;
  if (done_.TryPop(question)) --away_count_;
  return question;
}

size_t SystemResolver::RunOnce() {
  Question* question = nullptr;
  if (!inbox_.TryPop(question)) return 0;
  absl::StatusOr<std::vector<std::string>> addresses = LookUpName(question->host, kAddressCountMax);
  if (addresses.ok()) {
    question->addresses = *std::move(addresses);
  } else {
    question->error = addresses.status().message();
  }
  CHECK(done_.TryPush(question));
  relay_.Wake();
  return 1;
}

void SystemResolver::Run(const std::atomic<bool>& stop) {
  while (!stop.load(std::memory_order_acquire)) {
    if (RunOnce() > 0) continue;
    bell_.SleepUnless([&] { return !inbox_.LooksEmpty() || stop.load(std::memory_order_acquire); });
  }
}

}  // namespace postern
