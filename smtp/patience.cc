#include "smtp/patience.h"

#include <algorithm>

namespace postern {

void Patience::StartConversation(MonotonicTime now) {
  step_end_ = now + timeouts_.greeting;
  message_end_ = body_start_ = pause_start_ = kNever;
}

void Patience::StartCommand(MonotonicTime now) {
  step_end_ = now + timeouts_.command;
  body_start_ = kNever;
}

void Patience::ContinueMessage(MonotonicTime now) {
  if (message_end_ == kNever) message_end_ = now + timeouts_.message;
}

void Patience::ContinueBody(MonotonicTime now) {
  if (body_start_ != kNever) return;
  step_end_ = now + timeouts_.data_initiation;
  body_start_ = now;
  body_size_ = 0;
}

void Patience::NoteBodyBytes(uint64_t size, MonotonicTime now) {
  step_end_ = now + timeouts_.data_block;
  body_size_ += size;
}

void Patience::StartPause(MonotonicTime now) {
  if (pause_start_ == kNever) pause_start_ = now;
}

void Patience::EndPause(MonotonicTime now) {
  if (pause_start_ == kNever) return;
  const Duration waited = now - pause_start_;
  pause_start_ = kNever;
  for (MonotonicTime* moment : {&step_end_, &message_end_, &body_start_}) {
    if (*moment != kNever) *moment = *moment + waited;
  }
}

MonotonicTime Patience::rate_end() const {
  if (rate_min_ == 0 || body_start_ == kNever) return kNever;
  // In floating point, since a huge body at a tiny rate would overflow nanoseconds; a day is beyond every other bound.
  constexpr double kLongest = 24.0 * 60 * 60;
  const double seconds = std::min(static_cast<double>(body_size_) / static_cast<double>(rate_min_), kLongest);
  const auto earned = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  return body_start_ + std::max(timeouts_.data_rate_grace, earned);
}

MonotonicTime Patience::deadline() const {
  if (pause_start_ != kNever) return kNever;
  return std::min({step_end_, message_end_, rate_end()});
}

}  // namespace postern
