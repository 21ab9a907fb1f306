// ClientConversation is the client's side of SMTP without a socket: replies go in, commands and a body come out.
//
// One outbound connection owns it, on that connection's reactor thread. Like its sibling it answers every Pump() with
// one want and calls nobody back; what the peer said of each recipient waits in results() until the next message.
//
// What is said in which state, and where the answer leads:
//   kGreeting   220 -> kEhlo                        else -> kClosed, unusable
//   kEhlo       250 -> kReady    5xx -> kHelo       else -> kClosed, unusable      (LMTP: LHLO, and no kHelo)
//   kHelo       250 -> kReady                       else -> kClosed, unusable
//   kReady      StartMessage() -> kEnvelope         StartQuit() -> kQuit
//   kEnvelope   MAIL, RCPT ..., DATA: 354 -> kBody  none accepted, or DATA refused -> kReset
//               MAIL, RCPT ..., then BDAT -> kBody, when the peer offers CHUNKING; where it offers PIPELINING at once,
//               so that replies to MAIL and RCPT may come as late as in kBodyEnd
//   kBody       all sent -> kBodyEnd                any reply to DATA before that ends it (RFC 5321 4.2.5)
//                                                   a chunk refused, none accepted -> kReset at the end of the chunk
//   kBodyEnd    any -> kReady                       a chunk refused -> kReset
//   kReset      250 -> kReady                       else -> kClosed
//   kQuit       any -> kClosed
// A 421, no reply at all, or nonsense leads to kClosed from everywhere. In LMTP (RFC 2033 4.2) kBodyEnd takes a reply
// for every recipient that was accepted.

#ifndef POSTERN_SMTP_CLIENT_CONVERSATION_H_
#define POSTERN_SMTP_CLIENT_CONVERSATION_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/clock.h"
#include "core/envelope.h"
#include "core/ring_buffer.h"
#include "smtp/body_sender.h"
#include "smtp/client_policy.h"
#include "smtp/peer_offers.h"
#include "smtp/recipient_results.h"
#include "smtp/reply_parser.h"

namespace postern {

enum class ClientWant : uint8_t {
  kInput,    // bytes of the peer, or room for ours
  kMessage,  // StartMessage() or StartQuit()
  kBody,     // GiveBody()
  kClose,    // nothing more will be said
};

// A message to be sent; everything is lent until the transaction has finished.
struct OutboundMessage {
  const EnvelopeHead* head = nullptr;
  std::span<const Recipient> recipients;
  uint64_t body_size = 0;  // bytes, as stored: as many will be given
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
  // After kBody: the next piece, lent until the next kBody or the end of the transaction. No other is wanted behind the
  // one that makes body_size bytes; a body of another size than was said is abandoned. `last` may come with an empty
  // piece. The peer may refuse MAIL when it has been given all of the body: who tries again gives it from its start.
  void GiveBody(std::string_view bytes, bool last);
  // The body cannot be read: no final dot is ever sent, so the peer keeps nothing. Recipients are deferred; kClose
  // follows.
  void AbandonBody(std::string_view why);

  // From outside; kClose follows. Recipients without a result are deferred; the reason, as any that is not the peer's
  // own, has no code (ServerReply), but one of RFC 3463.
  void HandleTimeout();
  void HandleDisconnect(std::string_view why);

  // kNever when nothing is waited for.
  MonotonicTime deadline() const { return deadline_; }

  // True once after a transaction has finished, however it did; results() then has an entry for each recipient.
  bool TakeFinished() { return std::exchange(finished_, false); }
  std::span<const RecipientResult> results() const { return results_.all(); }

  // The peer failed before it took a MAIL of the current message (or before any message): another host may do better.
  bool failed_before_mail() const { return state_ == State::kClosed && !mail_accepted_; }
  // 503 to the MAIL of a message that was not the first: this host takes one message a connection (imc.md, Q202765).
  bool refused_another_message() const { return refused_another_message_; }
  // 4xx to the MAIL of the current or last message, which all have as their result: another host may take it now. The
  // connection may be used on.
  bool mail_deferred() const { return mail_deferred_; }
  // What the peer said in its reply to EHLO, for this connection. 0 is no limit (RFC 9422 4).
  uint32_t mail_count_max() const { return offers_.mail_count_max; }

  // Why it was closed; what failed_before_mail() speaks of. Empty text after a QUIT.
  const ServerReply& failure() const { return failure_; }

  const char* stage() const;  // "greeting", "RCPT", ...: for people

  // How far the current message is, or the last one came: for who measures.
  bool mail_answered() const { return answered_step_count_ > 0; }
  bool body_written() const { return state_ == State::kBodyEnd; }  // all of it, and its end is not answered yet

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

  bool lmtp() const { return policy_->protocol == ClientProtocol::kLmtp; }
  // RFC 3030 knows one reply to a chunk, RFC 2033 one for each recipient, and none says what both mean together.
  bool chunked() const { return offers_.chunking && !lmtp(); }
  bool amid_message() const;
  size_t data_step() const { return results_.spoken_count() + 1; }  // MAIL is 0, a RCPT each, then DATA or the chunks
  bool all_answered() const { return answered_step_count_ == sent_step_count_; }
  bool may_speak() const { return offers_.pipelining || all_answered(); }

  void HandleReply(const ServerReply& reply, bool out_empty);
  void HandleHelloReply(const ServerReply& reply);
  void HandleMessageReply(const ServerReply& reply, bool out_empty);
  void HandleEnvelopeReply(size_t step, const ServerReply& reply);
  void HandleDataReply(const ServerReply& reply);
  void HandleChunkReply(const ServerReply& reply);
  void HandleBodyEndReply(const ServerReply& reply, bool out_empty);
  void HandleEarlyReply(const ServerReply& reply);
  void HandleResetReply(const ServerReply& reply);

  void CheckLimits();
  void RefuseLocally(size_t index, std::string_view enhanced, std::string_view text);
  void ChooseRecipients();

  void WriteOutput(RingBuffer& out, MonotonicTime now);
  bool ComposeNextStep(MonotonicTime now);
  bool WriteBody(RingBuffer& out, MonotonicTime now);

  void RefuseMessage(const ServerReply& reply);
  void EndPointlessMessage();
  void FinishMessage();
  void Fail(const ServerReply& reply);
  void Fail(std::string_view enhanced, std::string_view text);
  void SetDeadline(MonotonicTime now);

  const ClientPolicy* policy_ = nullptr;
  State state_ = State::kClosed;
  ReplyParser parser_;
  MonotonicTime deadline_ = kNever;
  ServerReply failure_;

  PeerOffers offers_;

  // The transaction. A step is what has a reply of its own; the dot has as many as recipients in LMTP.
  OutboundMessage message_;
  RecipientResults results_;
  size_t sent_step_count_ = 0;      // commands said
  size_t answered_step_count_ = 0;  // and answered
  bool mail_accepted_ = false;
  bool pointless_ = false;  // nobody will get this message now
  bool finished_ = false;
  bool refused_another_message_ = false;
  bool mail_deferred_ = false;
  uint32_t message_count_ = 0;  // that the peer was told of on this connection, whatever it did with them
  BodySender body_;

  std::string pending_;  // a command that is composed; what was written of it is taken off
};

}  // namespace postern

#endif  // POSTERN_SMTP_CLIENT_CONVERSATION_H_
