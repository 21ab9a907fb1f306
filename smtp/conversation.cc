#include "smtp/conversation.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/log/check.h"
#include "smtp/trace.h"

namespace postern {
namespace {

// While more than this waits for a peer that does not read, no further command of its is answered.
constexpr size_t kOutputSizeMax = 16 * 1024;

// Where the bytes of a refused body are decoded to, only to find its end.
constexpr size_t kScratchSize = 4 * 1024;

}  // namespace

Conversation::Conversation(const ConversationOptions& options, TransactionPool& transactions)
    : session_(options, transactions),
      decoder_(options.bare_newline),
      patience_(options.timeouts, options.data_rate_min) {}

void Conversation::Start(const Peer& peer, std::string& out, MonotonicTime now) {
  CHECK(!admitted_) << "the block of the last message was not taken back";
  scanner_.Reset();
  stopping_ = false;
  said_.clear();
  session_.Start(peer, out);
  patience_.StartConversation(now);
}

Want Conversation::Pump(RingBuffer& in, std::string& out, MonotonicTime now) {
  patience_.EndPause(now);
  if (!said_.empty()) {
    out.append(said_);
    said_.clear();
    NoteAnswered(now);
  }
  const Want want = Run(in, out, now);
  if (want != Want::kInput && want != Want::kDrain) patience_.StartPause(now);
  return want;
}

Want Conversation::Run(RingBuffer& in, std::string& out, MonotonicTime now) {
  for (;;) {
    // The rule of all releases: a block is held exactly as long as its message may still become whole.
    if (admitted_ && !session_.keeps_message()) return Want::kRelease;
    switch (session_.state()) {
      case SessionState::kClosed: in.Consume(in.size()); return Want::kClose;
      case SessionState::kDataAdmission:
      case SessionState::kChunkAdmission: return Want::kAdmission;
      case SessionState::kCommit: return Want::kReceipt;

      case SessionState::kData:
      case SessionState::kChunk:
        if (block_ == nullptr || block_->free_size() < kDecodeRoomMin) return Want::kFragment;
        if (!RunBody(in, block_->memory().subspan(block_->size), out, now)) return Want::kInput;
        break;
      case SessionState::kDataRefused: {
        char scratch[kScratchSize];
        if (!RunBody(in, scratch, out, now)) return Want::kInput;
        break;
      }
      case SessionState::kChunkRefused:
        if (!RunSwallow(in, out, now)) return Want::kInput;
        break;

      case SessionState::kGreeted:
      case SessionState::kReady:
      case SessionState::kMail:
      case SessionState::kNobody:
      case SessionState::kRcpt:
      case SessionState::kChunksRefused:
        if (stopping_) {
          session_.HandleShutdown(out);
          break;
        }
        [[fallthrough]];
      case SessionState::kChunks:
        if (out.size() > kOutputSizeMax) return Want::kDrain;
        if (!RunCommand(in, out, now)) return Want::kInput;
        break;
    }
  }
}

bool Conversation::RunCommand(RingBuffer& in, std::string& out, MonotonicTime now) {
  const ScannedLine line = scanner_.Next(in);
  if (line.status == LineStatus::kNeedMore) return false;
  if (line.status == LineStatus::kLine) {
    session_.HandleLine(line.text, out);
  } else {
    session_.HandleWrongLine(line.status, out);
  }
  if (session_.state() == SessionState::kChunk) decoder_.StartChunk(session_.chunk_size(), session_.last_chunk());
  NoteAnswered(now);
  return true;
}

bool Conversation::RunBody(RingBuffer& in, std::span<char> room, std::string& out, MonotonicTime now) {
  patience_.ContinueBody(now);
  const bool kept = session_.keeps_message();
  const bool chunked = session_.state() == SessionState::kChunk;
  const DecodeStep step = decoder_.Decode(in, room);
  if (chunked) session_.NoteChunkBytes(step.consumed);
  if (step.consumed > 0) patience_.NoteBodyBytes(step.consumed, now);
  if (kept) block_->size += step.produced;
  session_.HandleBody({room.data(), step.produced});
  switch (step.status) {
    case DecodeStatus::kNeedRoom: return true;
    case DecodeStatus::kNeedInput: return session_.keeps_message() != kept;
    case DecodeStatus::kBareNewline:
      // In a chunk that these bytes led to refuse, what comes behind does not matter: its end is known all the same.
      if (session_.state() != SessionState::kChunkRefused) session_.HandleBareNewline(out);
      return true;
    case DecodeStatus::kEnd:
      session_.HandleBodyEnd(out);
      NoteAnswered(now);
      return true;
  }
  return false;
}

bool Conversation::RunSwallow(RingBuffer& in, std::string& out, MonotonicTime now) {
  patience_.ContinueBody(now);
  const size_t size = static_cast<size_t>(std::min<uint64_t>(in.size(), session_.chunk_size()));
  in.Consume(size);
  session_.NoteChunkBytes(size);
  if (size > 0) patience_.NoteBodyBytes(size, now);
  if (session_.chunk_size() > 0) return false;
  session_.HandleBodyEnd(out);
  NoteAnswered(now);
  return true;
}

void Conversation::NoteAnswered(MonotonicTime now) {
  patience_.StartCommand(now);
  if (session_.in_transaction()) {
    patience_.ContinueMessage(now);
  } else {
    patience_.EndMessage();
  }
}

void Conversation::Admit(MessageId id, Block* block, WallTime now) {
  CHECK(!admitted_ && block->size == 0);
  admitted_ = true;
  block_ = block;
  id_ = id;
  const std::string_view trace = session_.ComposeTrace(id, now);
  static_assert(kReceivedSizeMax + kDecodeRoomMin <= kBlockSize);
  CHECK_LE(trace.size(), kReceivedSizeMax);
  std::memcpy(block->data, trace.data(), trace.size());
  block->size = trace.size();

  session_.HandleAdmission(said_);
  if (session_.state() == SessionState::kData) {
    decoder_.StartData();
  } else {
    decoder_.StartChunks();
    decoder_.StartChunk(session_.chunk_size(), session_.last_chunk());
  }
}

void Conversation::Refuse(HandoffResult why) { session_.HandleAdmissionRefused(why, said_); }

Block* Conversation::TakeFragment() {
  CHECK(block_ != nullptr) << "the fragment was taken already";
  return std::exchange(block_, nullptr);
}

void Conversation::GiveBlock(Block* block) {
  CHECK(admitted_ && block_ == nullptr && block->size == 0);
  block_ = block;
}

WholeMessage Conversation::TakeMessage() {
  CHECK(admitted_ && session_.state() == SessionState::kCommit);
  admitted_ = false;
  return {.id = id_,
          .envelope = session_.envelope(),
          .block = std::exchange(block_, nullptr),
          .size = session_.message_size(),
          .recipient_count = session_.recipient_count()};
}

void Conversation::HandleReceipt(HandoffResult result) { session_.HandleReceipt(result, id_, said_); }

Block* Conversation::TakeReleased() {
  CHECK(admitted_ && !session_.keeps_message());
  admitted_ = false;
  session_.HandleReleased();
  return std::exchange(block_, nullptr);
}

void Conversation::HandleTimeout() {
  if (session_.state() != SessionState::kClosed) session_.HandleTimeout(said_);
}

void Conversation::HandleShutdown() { stopping_ = true; }

void Conversation::HandleAbort() {
  if (session_.state() != SessionState::kClosed) session_.HandleShutdown(said_);
}

void Conversation::HandlePeerEnd() { session_.Close(); }

}  // namespace postern
