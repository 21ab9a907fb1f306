// Patience knows how long a peer may take (RFC 5321 4.5.3.2), and when that is over.
//
// One conversation owns it, on its reactor's thread; it reads no clock, it is told the time. Three things bound a
// peer: the next step it owes us, the whole of its message, and the rate of a body; the earliest is the deadline.
// Time in which the peer waits for us is not its own: it is taken out of all three.

#ifndef POSTERN_SMTP_PATIENCE_H_
#define POSTERN_SMTP_PATIENCE_H_

#include <chrono>
#include <cstdint>

#include "core/clock.h"

namespace postern {

// RFC 5321 4.5.3.2, as a server: how long the peer may take.
struct ServerTimeouts {
  Duration greeting = std::chrono::minutes(5);         // from the greeting to the first command
  Duration command = std::chrono::minutes(5);          // from a reply to the next whole command
  Duration data_initiation = std::chrono::minutes(2);  // from 354 to the first byte
  Duration data_block = std::chrono::minutes(3);       // between two bytes of a body
  Duration message = std::chrono::hours(1);            // from MAIL to the end of data
  Duration data_rate_grace = std::chrono::minutes(1);  // how long a body may be slower than data_rate_min
};

class Patience {
 public:
  // `timeouts` are lent. `data_rate_min` is bytes a second; 0 is no least rate.
  Patience(const ServerTimeouts& timeouts, uint64_t data_rate_min) : timeouts_(timeouts), rate_min_(data_rate_min) {}

  // The greeting was said.
  void StartConversation(MonotonicTime now);
  // A command was answered: the next whole one is awaited. Bytes that are no whole command move nothing.
  void StartCommand(MonotonicTime now);
  // A message is being told, from MAIL on: only the first call since EndMessage() starts its time.
  void ContinueMessage(MonotonicTime now);
  void EndMessage() { message_end_ = kNever; }
  // A body is awaited, or a chunk of one: only the first call since StartCommand() starts its time.
  void ContinueBody(MonotonicTime now);
  void NoteBodyBytes(uint64_t size, MonotonicTime now);

  // We let the peer wait, until EndPause(). Both may be repeated.
  void StartPause(MonotonicTime now);
  void EndPause(MonotonicTime now);

  // kNever in a pause.
  MonotonicTime deadline() const;

 private:
  // The moment from which on `body_size_` bytes are too few; kNever outside a body, or without a least rate.
  MonotonicTime rate_end() const;

  const ServerTimeouts& timeouts_;
  const uint64_t rate_min_;
  MonotonicTime step_end_ = kNever;
  MonotonicTime message_end_ = kNever;
  MonotonicTime body_start_ = kNever;
  uint64_t body_size_ = 0;
  MonotonicTime pause_start_ = kNever;
};

}  // namespace postern

#endif  // POSTERN_SMTP_PATIENCE_H_
