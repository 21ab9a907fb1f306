#include "relay/name_book.h"

namespace postern {

const Question* NameBook::Find(const std::string& host, MonotonicTime now) {
  std::unique_ptr<Entry>& entry = entries_[host];
  if (entry == nullptr) {
    entry = std::make_unique<Entry>();
    entry->question.host = host;
    entry->question.owner = entry.get();
  }
  if (entry->away) return nullptr;
  if (now < entry->fresh_until) return &entry->question;
  entry->away = true;
  entry->question.begun.store(false, std::memory_order_relaxed);
  waiting_.push_back(entry.get());
  AskWaiting();
  return nullptr;
}

bool NameBook::Begun(const std::string& host) const {
  const auto entry = entries_.find(host);
  return entry != entries_.end() && entry->second->question.begun.load(std::memory_order_relaxed);
}

bool NameBook::TakeAnswers(MonotonicTime now) {
  bool any = false;
  while (const Question* question = resolver_.TryTakeDone()) {
    Entry& entry = *static_cast<Entry*>(question->owner);
    entry.away = false;
    entry.fresh_until = now + (question->error.empty() ? kGoodTime : kBadTime);
    any = true;
  }
  AskWaiting();
  return any;
}

void NameBook::AskWaiting() {
  while (!waiting_.empty() && resolver_.TryStart(waiting_.front()->question)) waiting_.pop_front();
}

}  // namespace postern
