// Session is what SMTP commands mean: verbs become replies, states, and an envelope that is being told.
//
// One conversation owns it, on that conversation's reactor thread. It never sees the input's bytes as such: the
// conversation cuts lines and bodies out of them, and does what state() asks for. It allocates nothing for a message
// once its strings have grown.
//
// The road of a message through the states, the good one and its ways out:
//
//   kReady -MAIL-> kMail -RCPT-> kRcpt -DATA-> kDataAdmission -> kData ----------------> kCommit -> kReady
//                                  |                 |             '-> kDataRefused ---------------> kReady
//                                  |                 '--------------------------------------------> kReady
//                                  '----BDAT-> kChunkAdmission -> kChunk --------------> kCommit -> kReady
//                                                    |            ^  |'-> kChunks, and back by BDAT
//                                                    '------------|--'-> kChunkRefused -> kChunksRefused, kReady

#ifndef POSTERN_SMTP_SESSION_H_
#define POSTERN_SMTP_SESSION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/handoff.h"
#include "core/message.h"
#include "smtp/command.h"
#include "smtp/conversation_options.h"
#include "smtp/line_scanner.h"
#include "smtp/reply.h"
#include "smtp/session_table.h"
#include "smtp/transaction.h"

namespace postern {

// Something worth an event line that is no reply to anybody but the peer.
struct ConversationNote {
  enum class Kind : uint8_t {
    kRecipientRefused,  // `text` is the address, `code` the reply
    kMessageRefused,    // after its body: `text` says why
    kTooManyHops,       // the same, for a loop
    kTimedOut,          // `text` is the stage
    kTooManyErrors,
    kProtocolBroken,  // what follows cannot be told from commands, or is no SMTP: the conversation was ended
  };
  Kind kind;
  uint16_t code;
  std::string text;    // comes from the peer: data, never a format
  std::string sender;  // the same; of the message that is being told, empty without one
};

class Session {
 public:
  // Both are lent and outlive it.
  Session(const ConversationOptions& options, TransactionPool& transactions)
      : options_(options), transactions_(transactions) {}

  // A connection stands: everything of an earlier one is forgotten, and the greeting is said.
  void Start(const Peer& peer, std::string& out);

  SessionState state() const { return state_; }
  // The client has said QUIT: it sends no more.
  bool has_quit() const { return has_quit_; }
  // A message is being told: MAIL was accepted, and nothing has ended it yet.
  bool in_transaction() const;
  // What was admitted may still become a whole message. As soon as it may not, its block has to go back.
  bool keeps_message() const;

  // In a state that awaits a command: a line, without its CR LF, or why there is none.
  void HandleLine(std::string_view line, std::string& out);
  void HandleWrongLine(LineStatus status, std::string& out);

  // In kDataAdmission and kChunkAdmission.
  void HandleAdmission(std::string& out);
  void HandleAdmissionRefused(HandoffResult why, std::string& out);

  // In the four states of a body: bytes of it as they are stored, then its end or that of a chunk. Bytes may lead to a
  // refusal, which is said at the end.
  void HandleBody(std::string_view bytes);
  void HandleBodyEnd(std::string& out);
  // A bare CR or LF: where the message ends is anybody's guess, so the conversation does.
  void HandleBareNewline(std::string& out);

  // In kCommit; in kClosed it comes too late to be told, but the envelope is needed no longer.
  void HandleReceipt(HandoffResult result, MessageId id, std::string& out);
  // What was admitted was given up, and nobody else reads the envelope.
  void HandleReleased();

  // In any state: the last word, or none.
  void HandleTimeout(std::string& out);
  void HandleShutdown(std::string& out);
  void Close();

  // The BDAT that led here, and its bytes that are still to come.
  uint64_t chunk_size() const { return chunk_size_; }
  bool last_chunk() const { return last_chunk_; }
  void NoteChunkBytes(uint64_t size) { chunk_size_ -= size; }

  // Only while a message is being told: it has them.
  std::string_view envelope() const { return transaction_->envelope.bytes(); }
  uint32_t recipient_count() const { return transaction_->envelope.recipient_count(); }
  uint64_t message_size() const { return transaction_->trace_size + transaction_->body_size; }
  std::string_view sender() const { return transaction_->sender; }
  // The header that says how it came to us, from here on a part of it. Lent until something else is said or asked.
  std::string_view ComposeTrace(MessageId id, WallTime now);

  std::string_view helo() const { return helo_; }

  std::vector<ConversationNote> TakeNotes() { return std::exchange(notes_, {}); }

 private:
  void HandleHello(const Command& command, std::string& out);
  void HandleMail(const Command& command, std::string& out);
  void HandleRcpt(const Command& command, std::string& out);
  void HandleBdat(const Command& command, SessionCell cell, std::string& out);
  void SayHelp(std::string& out);
  bool speaks_utf8() const;  // the message asked for SMTPUTF8
  bool MayReceive(const Path& path) const;
  // Why mail for `path` could never be delivered, or nothing. The text is lent by the options.
  std::optional<Reply> RouteRefusal(const Path& path) const;
  // One recipient too many for this message; told once, and in the end an error.
  void RefuseExcess(const Path& path, std::string& out);

  // A command was refused; the reply, or the end when it was one too many.
  void Refuse(const Reply& reply, std::string& out);
  // True when it was one too many.
  bool CountError(std::string& out);
  // The message is refused: the rest of it is swallowed before `reply` is said. `reply` is a constant.
  void RefuseBody(const Reply& reply, ConversationNote::Kind kind);
  bool InLoop() const;
  void StartCommit();
  // The message is over, however it ended: its memory is given back.
  void EndTransaction();
  void End(const Reply& last_word, std::string& out);
  void Note(ConversationNote::Kind kind, uint16_t code, std::string_view text);

  const ConversationOptions& options_;
  TransactionPool& transactions_;
  SessionState state_ = SessionState::kClosed;
  SessionState after_chunk_ = SessionState::kReady;  // kChunkRefused: where the end of the chunk leads
  bool has_quit_ = false;
  bool extended_ = false;    // it said EHLO
  bool last_chunk_ = false;  // of the BDAT that led here
  uint32_t error_count_ = 0;
  uint32_t message_count_ = 0;  // MAIL commands, as RFC 9422 counts them
  uint64_t chunk_size_ = 0;
  Peer peer_;
  std::string helo_;
  std::unique_ptr<Transaction> transaction_;  // null when no message is being told
  const Reply* refusal_ = nullptr;            // kDataRefused, kChunkRefused: what will be said
  std::vector<ConversationNote> notes_;
};

}  // namespace postern

#endif  // POSTERN_SMTP_SESSION_H_
