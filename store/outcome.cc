#include "store/outcome.h"

#include <algorithm>
#include <cstring>

namespace postern {
namespace {

constexpr char kVersion = 1;
constexpr size_t kFixedSize = 4 + 1 + 2 + 8 + 2;

template <typename T>
void Put(T value, std::string& bytes) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
T Take(std::string_view& bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return value;
}

}  // namespace

void OutcomeWriter::Start() { bytes_.assign(1, kVersion); }

void OutcomeWriter::Add(const RecipientOutcome& outcome) {
  const std::string_view reply = outcome.reply.substr(0, kOutcomeReplySizeMax);
  Put(outcome.recipient, bytes_);
  Put(static_cast<uint8_t>(outcome.state), bytes_);
  Put(outcome.attempt_count, bytes_);
  Put(outcome.next_attempt.us, bytes_);
  Put(static_cast<uint16_t>(reply.size()), bytes_);
  bytes_.append(reply);
}

OutcomeReader::OutcomeReader(std::string_view bytes) : rest_(bytes) {
  valid_ = !rest_.empty() && rest_[0] == kVersion;
  rest_.remove_prefix(valid_ ? 1 : rest_.size());
}

bool OutcomeReader::Next(RecipientOutcome& outcome) {
  if (rest_.empty()) return false;
  if (rest_.size() >= kFixedSize) {
    std::string_view rest = rest_;
    outcome.recipient = Take<uint32_t>(rest);
    const auto state = Take<uint8_t>(rest);
    outcome.attempt_count = Take<uint16_t>(rest);
    outcome.next_attempt.us = Take<int64_t>(rest);
    const size_t size = Take<uint16_t>(rest);
    if (state <= static_cast<uint8_t>(kLastRecipientState) && size <= rest.size() && size <= kOutcomeReplySizeMax) {
      outcome.state = static_cast<RecipientState>(state);
      outcome.reply = rest.substr(0, size);
      rest_ = rest.substr(size);
      return true;
    }
  }
  valid_ = false;
  rest_ = {};
  return false;
}

}  // namespace postern
