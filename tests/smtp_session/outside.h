// Outside plays all that surrounds a Conversation: the peer's bytes, blocks, admission, the log and the clock.
//
// A test or a fuzz target owns it and drives it on its own thread. It answers every want at once unless it was told
// otherwise, records what was said, handed over and noted, and CHECKs what must be true of every conversation whatever
// the input: no block lost or held too long, bounded replies, and no want without its reason.

#ifndef POSTERN_TESTS_SMTP_SESSION_OUTSIDE_H_
#define POSTERN_TESTS_SMTP_SESSION_OUTSIDE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/block_pool.h"
#include "core/clock.h"
#include "core/handoff.h"
#include "core/message.h"
#include "core/ring_buffer.h"
#include "smtp/conversation.h"
#include "smtp/transaction.h"

namespace postern {

// How one question of the conversation is answered.
enum class Answer : uint8_t { kYes, kNoRoom, kPoisoned, kLater };

struct DeliveredMessage {
  std::string envelope;  // encoded
  std::string body;      // the trace included
};

class Outside {
 public:
  Outside(const ConversationOptions& options, const Peer& peer);
  ~Outside();

  // The peer sends `bytes`, as fast as they are taken. What the conversation does not take, since it waits for us or
  // has ended, waits in turn.
  void Send(std::string_view bytes);
  // Time passes, a deadline after the other.
  void Pass(Duration time);
  void Shutdown();
  void Abort();
  void EndPeer();

  // How the next questions are answered, in turn; every later one by kYes.
  void AnswerAdmission(Answer answer) { admissions_.push_back(answer); }
  void AnswerReceipt(Answer answer) { receipts_.push_back(answer); }
  void AnswerBlock(Answer answer) { blocks_.push_back(answer); }  // kYes or kLater
  // The answer to the question that was answered kLater.
  void GiveAnswer(Answer answer);

  const std::string& replies() const { return replies_; }
  const std::vector<DeliveredMessage>& messages() const { return messages_; }
  const std::vector<ConversationNote>& notes() const { return notes_; }
  bool closed() const { return last_want_ == Want::kClose; }
  // Something was answered kLater and has not been answered since.
  bool waiting() const { return waiting_; }
  // How long the peer has; nothing when it is not waited for.
  std::optional<Duration> patience() const;
  size_t released_count() const { return released_count_; }
  size_t lent_count() const { return pool_.lent_count(); }

 private:
  void Run();
  // True when the want was met and the conversation can go on.
  bool Meet(Want want);
  bool MeetAdmission(Answer answer);
  bool MeetReceipt(Answer answer);
  bool MeetFragment(Answer answer);
  static Answer TakeAnswer(std::deque<Answer>& answers);
  void Keep(Block* block);
  void TakeOutput();

  BlockPool pool_;
  std::vector<char> ring_memory_;
  RingBuffer ring_;
  std::string unsent_;  // the peer's bytes that found no room
  std::string out_;
  MonotonicTime now_{1'000'000'000};
  WallTime wall_{1'795'622'621'000'000};  // 2026-11-25 16:03:41 UTC
  MessageIdSource ids_{7};
  Want last_want_ = Want::kInput;
  bool admitted_ = false;     // from Admit() to the receipt or the release
  bool waiting_ = false;      // for GiveAnswer()
  bool handed_over_ = false;  // TakeMessage() was called, the receipt has not come
  std::string body_;          // of the message in progress
  DeliveredMessage whole_;

  std::deque<Answer> admissions_, receipts_, blocks_;
  std::string replies_;
  std::vector<DeliveredMessage> messages_;
  std::vector<ConversationNote> notes_;
  size_t released_count_ = 0;

  TransactionPool transactions_{SIZE_MAX};
  Conversation conversation_;  // last, so that what it was lent outlives it
};

}  // namespace postern

#endif  // POSTERN_TESTS_SMTP_SESSION_OUTSIDE_H_
