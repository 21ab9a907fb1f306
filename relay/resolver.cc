#include "relay/resolver.h"

#include "absl/log/check.h"
#include "net/name_lookup.h"

namespace postern {

SystemResolver::SystemResolver(size_t question_count_max, Wakeable& relay)
    : SystemResolver(question_count_max, relay,
                     [](const std::string& host) { return LookUpName(host, kAddressCountMax); }) {}

bool SystemResolver::TryStart(Question& question) {
  if (away_count_ == question_count_max_) return false;
  ++away_count_;
  question.addresses.clear();
  question.error.clear();
  question.begun.store(false, std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    inbox_.push_back(&question);
  }
  asked_.notify_one();
  return true;
}

Question* SystemResolver::TryTakeDone() {
  Question* question = nullptr;
  if (done_.TryPop(question)) --away_count_;
  return question;
}

void SystemResolver::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    asked_.wait(lock, [this] { return closed_ || !inbox_.empty(); });
    if (closed_) return;
    Question* const question = inbox_.front();
    inbox_.pop_front();
    question->begun.store(true, std::memory_order_relaxed);
    const std::string host = question->host;
    lock.unlock();
    absl::StatusOr<std::vector<std::string>> addresses = look_up_(host);
    lock.lock();
    if (closed_) return;  // the question may be gone
    if (addresses.ok()) {
      question->addresses = *std::move(addresses);
    } else {
      question->error = addresses.status().message();
    }
    CHECK(done_.TryPush(question));
    relay_.Wake();
  }
}

void SystemResolver::Close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  asked_.notify_all();
}

}  // namespace postern
