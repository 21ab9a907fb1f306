#include "tests/smtp_session/outside.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/log/check.h"
#include "core/limits.h"

namespace postern {
namespace {

constexpr size_t kBlockCount = 2;  // one in hand, and never another before the first was taken

// Replies are written while fewer than 16 KiB wait; the longest single one, to EHLO, is far below a kilobyte.
constexpr size_t kOutputSizeMax = 17 * 1024;

}  // namespace

Outside::Outside(const ConversationOptions& options, const Peer& peer)
    : pool_(kBlockCount), ring_memory_(kBlockSize), ring_(ring_memory_), conversation_(options, transactions_) {
  conversation_.Start(peer, out_, now_);
  Run();
}

Outside::~Outside() {
  EndPeer();
  CHECK(closed());
  CHECK_EQ(pool_.lent_count(), 0u) << "a block was lost";
}

void Outside::Send(std::string_view bytes) {
  unsent_.append(bytes);
  do {
    const std::span<char> room = ring_.WritableSpan();
    const size_t size = std::min(room.size(), unsent_.size());
    std::memcpy(room.data(), unsent_.data(), size);
    ring_.Commit(size);
    unsent_.erase(0, size);
    Run();
    if (closed()) unsent_.clear();
  } while (!unsent_.empty() && ring_.free_size() > 0);
  CHECK(unsent_.empty() || waiting_) << "the ring is full, and the conversation neither takes from it nor waits for us";
}

void Outside::Pass(Duration time) {
  const MonotonicTime end = now_ + time;
  while (!closed() && !waiting_ && conversation_.deadline() <= end) {
    now_ = conversation_.deadline();
    conversation_.HandleTimeout();
    Run();
    CHECK(closed()) << "a conversation ends with its deadline";
  }
  now_ = end;
}

void Outside::Shutdown() {
  conversation_.HandleShutdown();
  Run();
}

void Outside::Abort() {
  conversation_.HandleAbort();
  waiting_ = false;
  Run();
  CHECK(closed());
}

void Outside::EndPeer() {
  conversation_.HandlePeerEnd();
  waiting_ = false;
  Run();
}

std::optional<Duration> Outside::patience() const {
  if (conversation_.deadline() == kNever) return std::nullopt;
  return conversation_.deadline() - now_;
}

void Outside::Run() {
  do {
    last_want_ = conversation_.Pump(ring_, out_, now_);
    CHECK_LE(out_.size(), kOutputSizeMax);
    for (ConversationNote& note : conversation_.TakeNotes()) notes_.push_back(std::move(note));
  } while (Meet(last_want_));
  TakeOutput();
}

bool Outside::Meet(Want want) {
  if (want == Want::kAdmission || want == Want::kFragment || want == Want::kReceipt) {
    CHECK(conversation_.deadline() == kNever) << "it is us who are waited for";
    if (waiting_) return false;
  }
  switch (want) {
    case Want::kInput:
      CHECK(conversation_.deadline() != kNever) << "a peer that may take for ever holds its place for ever";
      return false;
    case Want::kDrain: TakeOutput(); return true;
    case Want::kAdmission: return MeetAdmission(TakeAnswer(admissions_));
    case Want::kFragment: {
      Block* block = conversation_.TakeFragment();
      CHECK_GT(block->size, kBlockSize - kDecodeRoomMin) << "a fragment that is not full wastes the log";
      Keep(block);
      return MeetFragment(TakeAnswer(blocks_));
    }
    case Want::kReceipt: {
      if (handed_over_) return false;
      const WholeMessage whole = conversation_.TakeMessage();
      handed_over_ = true;
      Keep(whole.block);
      CHECK_EQ(whole.size, body_.size());
      whole_ = {std::string(whole.envelope), std::exchange(body_, {})};
      return MeetReceipt(TakeAnswer(receipts_));
    }
    case Want::kRelease: {
      CHECK(admitted_ && !handed_over_);
      if (Block* block = conversation_.TakeReleased(); block != nullptr) pool_.Give(block);
      CHECK_EQ(pool_.lent_count(), 0u);
      body_.clear();
      admitted_ = false;
      ++released_count_;
      return true;
    }
    case Want::kClose:
      CHECK(!admitted_ || handed_over_) << "closed, and nobody told what becomes of the message";
      CHECK(ring_.empty()) << "what is said after the end is swallowed";
      return false;
  }
  return false;
}

void Outside::GiveAnswer(Answer answer) {
  CHECK(waiting_) << "nothing was asked";
  waiting_ = false;
  const bool more = last_want_ == Want::kAdmission  ? MeetAdmission(answer)
                    : last_want_ == Want::kFragment ? MeetFragment(answer)
                                                    : MeetReceipt(answer);
  if (more) Send({});
}

bool Outside::MeetAdmission(Answer answer) {
  CHECK(!admitted_);
  switch (answer) {
    case Answer::kLater: waiting_ = true; return false;
    case Answer::kNoRoom: conversation_.Refuse(HandoffResult::kNoRoom); return true;
    case Answer::kPoisoned: conversation_.Refuse(HandoffResult::kPoisoned); return true;
    case Answer::kYes: break;
  }
  Block* block = pool_.TryTake();
  CHECK(block != nullptr) << "a block was lost";
  admitted_ = true;
  conversation_.Admit(ids_.Next(wall_), block, wall_);
  return true;
}

bool Outside::MeetFragment(Answer answer) {
  if (answer == Answer::kLater) {
    waiting_ = true;
    return false;
  }
  conversation_.GiveBlock(pool_.TryTake());
  return true;
}

bool Outside::MeetReceipt(Answer answer) {
  if (answer == Answer::kLater) {
    waiting_ = true;
    return false;
  }
  handed_over_ = admitted_ = false;
  if (answer == Answer::kYes) messages_.push_back(std::exchange(whole_, {}));
  conversation_.HandleReceipt(answer == Answer::kYes      ? HandoffResult::kDurable
                              : answer == Answer::kNoRoom ? HandoffResult::kNoRoom
                                                          : HandoffResult::kPoisoned);
  return true;
}

Answer Outside::TakeAnswer(std::deque<Answer>& answers) {
  if (answers.empty()) return Answer::kYes;
  const Answer answer = answers.front();
  answers.pop_front();
  return answer;
}

void Outside::Keep(Block* block) {
  body_.append(block->data, block->size);
  pool_.Give(block);
}

void Outside::TakeOutput() { replies_.append(std::exchange(out_, {})); }

}  // namespace postern
