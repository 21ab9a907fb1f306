// Outcome is what became of recipients of a message, as the relay writes it and the queue index reads it.
//
// OutcomeWriter appends to a string that its owner reuses; OutcomeReader walks over encoded bytes and lends views into
// them. Both are plain values of the thread that uses them.
//
//   encoded:    version u8 | recipient ...
//   recipient:  index u32 | state u8 | attempts u16 | next attempt i64 | reply size u16 | reply     (little-endian)

#ifndef POSTERN_STORE_OUTCOME_H_
#define POSTERN_STORE_OUTCOME_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace postern {

// The numbers are in the log.
enum class RecipientState : uint8_t {
  kWaiting,      // not tried yet, or an operator wants it tried again
  kDeferred,     // tried, and will be again
  kDelivered,    // done
  kFailed,       // refused or expired; its report is still to be made
  kDeleted,      // an operator has deleted it
  kDelayed,      // as kDeferred (or waiting behind others), and its sender, if he wants to be, was told of the delay
  kHeld,         // an operator holds it
  kArrived,      // delivered; its sender, who asked for it, is still to be told
  kBounced,      // failed, and who had to be told was told
  kHeldDelayed,  // as kHeld, and it was kDelayed before: once released, nobody is told a second time
};
inline constexpr RecipientState kLastRecipientState = RecipientState::kHeldDelayed;

// Nothing remains to be done or told.
inline bool Settled(RecipientState state) {
  return state == RecipientState::kDelivered || state == RecipientState::kDeleted || state == RecipientState::kBounced;
}

inline constexpr size_t kOutcomeReplySizeMax = 512;

struct RecipientOutcome {
  uint32_t recipient = 0;  // index in the envelope
  RecipientState state = RecipientState::kWaiting;
  uint16_t attempt_count = 0;   // so far, this one included
  WallTime next_attempt = {};   // of those that wait
  std::string_view reply = {};  // the last one, cut at kOutcomeReplySizeMax
};

class OutcomeWriter {
 public:
  void Start();
  void Add(const RecipientOutcome& outcome);
  // Complete after every call; gone at the next Start().
  std::string_view bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class OutcomeReader {
 public:
  explicit OutcomeReader(std::string_view bytes);
  // False at the end, and where the bytes make no sense.
  bool Next(RecipientOutcome& outcome);
  // False when they are not an outcome from their start to their end; known after the last Next().
  bool valid() const { return valid_; }

 private:
  std::string_view rest_;
  bool valid_ = true;
};

}  // namespace postern

#endif  // POSTERN_STORE_OUTCOME_H_
