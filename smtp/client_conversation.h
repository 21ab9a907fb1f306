// ClientConversation is the client's side of SMTP without a socket: replies go in, commands and a body come out.
//
// One outbound connection owns it, on that connection's reactor thread. Like its sibling it answers every Pump() with
// one want and calls nobody back; what the peer said of each recipient waits in results() until the next message.
//
// What is said in which state, and where the answer leads:
//   kGreeting   220 -> kEhlo                        else -> kClosed, unusable
//   kEhlo       250 -> kReady    5xx -> kHelo       else -> kClosed, unusable
//   kHelo       250 -> kReady                       else -> kClosed, unusable
//   kReady      StartMessage() -> kEnvelope         StartQuit() -> kQuit
//   kEnvelope   MAIL, RCPT ..., DATA: 354 -> kBody  none accepted, or DATA refused -> kReset
//   kBody       all sent -> kBodyEnd                any reply before that ends it (RFC 5321 4.2.5)
//   kBodyEnd    any -> kReady
//   kReset      250 -> kReady                       else -> kClosed
//   kQuit       any -> kClosed
// A 421, no reply at all, or nonsense leads to kClosed from everywhere. LMTP (RFC 2033) will take a reply for every
// accepted recipient in kBodyEnd, and LHLO in kEhlo; nothing else differs.

#ifndef POSTERN_SMTP_CLIENT_CONVERSATION_H_
#define POSTERN_SMTP_CLIENT_CONVERSATION_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/envelope.h"
#include "core/ring_buffer.h"
#include "smtp/client_policy.h"
#include "smtp/reply_parser.h"

namespace postern {

enum class ClientWant : uint8_t {
  kInput,    // bytes of the peer, or room for ours
  kMessage,  // StartMessage() or StartQuit()
  kBody,     // GiveBody()
  kClose,    // nothing more will be said
};

// What became of one recipient in one transaction.
enum class Fate : uint8_t {
  kPending,    // not known yet
  kDelivered,  // the peer has it
  kDeferred,   // try again later
  kRefused,    // for good
};
struct RecipientResult {
  Fate fate = Fate::kPending;
  ServerReply reply{};  // its text at most kResultTextSizeMax bytes of the first line
};
inline constexpr size_t kResultTextSizeMax = 400;

// A message to be sent; everything is lent until the transaction has finished.
struct OutboundMessage {
  const EnvelopeHead* head = nullptr;
  std::span<const Recipient> recipients;
  uint64_t body_size = 0;  // bytes, as stored
};

class ClientConversation {
 public:
  // The connection stands. The object is reusable: after kClose it may be started again.
  void Start(const ClientPolicy& policy, MonotonicTime now);

  // Reads replies from `in`, writes commands and the body to `out` as far as there is room.
  ClientWant Pump(RingBuffer& in, RingBuffer& out, MonotonicTime now);

  // After kMessage. There is at least one recipient.
  void StartMessage(const OutboundMessage& message, MonotonicTime now);
  // After kMessage: the connection is not needed any more.
  void StartQuit(MonotonicTime now);
  // After kBody: the next piece, lent until the next kBody or the end of the transaction. `last` may come with an empty
  // one.
  void GiveBody(std::string_view bytes, bool last);
  // The body cannot be read: no final dot is ever sent, so the peer keeps nothing. Recipients are deferred; kClose
  // follows.
  void AbandonBody(std::string_view why);

  // From outside; kClose follows. Recipients without a result are deferred, `why` tells the reason.
  void HandleTimeout();
  void HandleDisconnect(std::string_view why);

  // kNever when nothing is waited for.
  MonotonicTime deadline() const { return deadline_; }

  // True once after a transaction has finished, however it did; results() then has an entry for each recipient.
  bool TakeFinished() { return std::exchange(finished_, false); }
  std::span<const RecipientResult> results() const { return results_; }

  // The peer failed before it took a MAIL of the current message (or before any message): another host may do better.
  bool failed_before_mail() const { return state_ == State::kClosed && !mail_accepted_; }
  // 503 to the MAIL of a message that was not the first: this host takes one message a connection (imc.md, Q202765).
  bool refused_another_message() const { return refused_another_message_; }
  // Why it was closed; what failed_before_mail() speaks of. Empty text after a QUIT.
  const ServerReply& failure() const { return failure_; }

  const char* stage() const;  // "greeting", "RCPT", ...: for people

 private:
  enum class State : uint8_t {
    kGreeting,
    kEhlo,
    kHelo,
    kReady,
    kEnvelope,
    kBody,
    kBodyEnd,
    kReset,
    kQuit,
    kClosed,
  };

  void HandleReply(const ServerReply& reply, bool out_empty, MonotonicTime now);
  void LearnOffers(std::string_view ehlo_text);
  void HandleEnvelopeReply(const ServerReply& reply, MonotonicTime now);
  void Enter(State state, Duration patience, MonotonicTime now);
  void WriteOutput(RingBuffer& out, MonotonicTime now);
  bool ComposeNextStep(MonotonicTime now);
  void ComposeMail();
  void ComposeRcpt(const Recipient& recipient);
  bool WriteBodyPiece(RingBuffer& out);
  bool FlushPending(RingBuffer& out);
  void RefuseLocally(size_t index, uint16_t code, std::string_view enhanced, std::string_view text);
  void CheckPeerLimits();
  void SettlePending(const ServerReply& reply, Fate fate);
  void FinishMessage();
  void Fail(const ServerReply& reply);
  void Fail(std::string_view text);
  void EndEnvelope(MonotonicTime now);
  size_t data_step() const { return spoken_.size() + 1; }  // MAIL is 0, a RCPT each, then DATA

  const ClientPolicy* policy_ = nullptr;
  State state_ = State::kClosed;
  ReplyParser parser_;
  MonotonicTime deadline_ = kNever;
  ServerReply failure_;

  // What the peer offers.
  bool pipelining_ = false;
  bool eight_bit_ = false;
  bool utf8_ = false;
  bool dsn_ = false;
  bool size_offered_ = false;
  uint64_t size_max_ = 0;  // 0: it did not say

  // The transaction.
  OutboundMessage message_;
  std::vector<RecipientResult> results_;
  std::vector<uint32_t> spoken_;    // indices of the recipients that the peer hears of
  size_t sent_step_count_ = 0;      // commands said
  size_t answered_step_count_ = 0;  // and answered
  size_t accepted_count_ = 0;       // recipients accepted
  bool mail_accepted_ = false;
  bool mail_refused_ = false;
  bool finished_ = false;
  bool refused_another_message_ = false;
  uint32_t message_count_ = 0;  // that the peer was told of on this connection, whatever it did with them

  // The body: a piece, how much of it was written, and whether the next byte starts a line.
  std::string_view body_;
  bool body_last_ = false;
  bool at_line_start_ = true;
  bool after_cr_ = false;

  std::string pending_;  // composed, not yet written for want of room
  size_t pending_offset_ = 0;
};

}  // namespace postern

#endif  // POSTERN_SMTP_CLIENT_CONVERSATION_H_
