#include "relay/attempt_progress.h"

#include <utility>

#include "absl/log/check.h"

namespace postern {

void AttemptProgress::Start(Attempt& attempt) {
  CHECK(attempt_ == nullptr);
  attempt_ = &attempt;
  attempt.results.clear();
  left_count_ = attempt.indices.size();
  left_.clear();
  left_recipients_.clear();
  body_used_ = false;
}

OutboundMessage AttemptProgress::NextTransaction() {
  body_status_ = absl::OkStatus();
  if (std::exchange(body_used_, false)) body_status_ = attempt_->stored.body->Rewind();
  return {.head = &attempt_->envelope,
          .recipients = left_.empty() ? attempt_->recipients : left_recipients_,
          .body_size = attempt_->stored.body_size};
}

absl::StatusOr<std::string_view> AttemptProgress::NextPiece() {
  body_used_ = true;
  if (!body_status_.ok()) return body_status_;
  return attempt_->stored.body->Next();
}

void AttemptProgress::TakeResults(std::span<const RecipientResult> results) {
  CHECK_EQ(results.size(), left_count_);
  std::vector<RecipientResult>& all = attempt_->results;
  if (left_.empty()) all.assign(results.begin(), results.end());
  for (size_t i = 0; i < left_.size(); ++i) all[left_[i]] = results[i];
  left_.clear();
  left_recipients_.clear();
  for (uint32_t i = 0; i < all.size(); ++i) {
    if (all[i].fate != Fate::kNextTransaction) continue;
    left_.push_back(i);
    left_recipients_.push_back(attempt_->recipients[i]);
    all[i] = {};
  }
  left_count_ = left_.size();
  if (left_count_ < results.size()) return;
  SettleLeft({.fate = Fate::kDeferred,
              .reply = {.code = 0, .enhanced = "4.5.3", .text = "no transaction takes any of the recipients"}});
}

void AttemptProgress::SettleLeft(const RecipientResult& result) {
  if (left_.empty() && left_count_ > 0) attempt_->results.assign(left_count_, result);
  for (const uint32_t i : left_) attempt_->results[i] = result;
  left_count_ = 0;
}

Attempt& AttemptProgress::Finish() { return *std::exchange(attempt_, nullptr); }

}  // namespace postern
