// Session is one connection of the load: it takes one message after the other to the server, and measures each.
//
// A worker owns it, on the worker's thread; it never moves. ClientConversation says what is said, as in the gateway
// itself; the session moves bytes, and notes the time when a message is due, begun, and answered.
//
//                    .--> kResting --.          (nobody answered: not again at once)
//                    |               v
//   kConnecting <--- | ------------ kFree <--------.
//        |           |                             |
//        '-------> kTalking <---> kWaiting         |
//                    |                             |
//                    '---------> kClosing ---------'
//
// With a message in hand kFree leads to kConnecting; so does kClosing, when a kept connection was too old for it.

#ifndef POSTERN_BENCH_LOAD_SESSION_H_
#define POSTERN_BENCH_LOAD_SESSION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "bench/load/mail.h"
#include "bench/load/plan.h"
#include "bench/load/tally.h"
#include "core/clock.h"
#include "core/envelope.h"
#include "core/ring_buffer.h"
#include "net/op.h"
#include "net/reactor.h"
#include "net/socket.h"
#include "net/timers.h"
#include "smtp/client_conversation.h"
#include "smtp/client_policy.h"

namespace postern {

// A message to be sent.
struct Assignment {
  const Mail* mail;
  uint64_t number;    // of no other message of the run
  MonotonicTime due;  // its latency counts from then
};

class Session;

// Gives sessions their work, and hears when they have none.
class SessionOwner {
 public:
  virtual ~SessionOwner() = default;
  // The next message that is due, if one is.
  virtual std::optional<Assignment> TakeAssignment(MonotonicTime now) = 0;
  // The session is available: it may be given a message later.
  virtual void HandleAvailable(Session& session) = 0;
  // A socket for the next connection.
  virtual SocketResult MakeSocket() = 0;
};

// What the sessions of a worker share; all of it outlives them.
struct SessionContext {
  Reactor& reactor;
  const Clock& clock;
  const Plan& plan;
  SocketAddress server;
  ClientPolicy policy;
  Duration connect_timeout;
  uint64_t messages_per_connection;  // 0: any number
  EnvelopeHead head;
  std::span<const Recipient> recipients;
  Tally& tally;
  LiveCounts& live;
  SessionOwner& owner;
};

class Session {
 public:
  explicit Session(SessionContext& context);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  bool available() const { return state_ == State::kFree || state_ == State::kWaiting; }
  bool free() const { return state_ == State::kFree; }

  // To an available session.
  void Give(const Assignment& assignment);
  // No message will follow: an idle connection says QUIT.
  void Leave();
  // Ends at once, whatever is under way.
  void Abort();

  // The owner's: it stands in the line of those that are available.
  bool in_line = false;

 private:
  enum class State : uint8_t { kFree, kResting, kConnecting, kTalking, kWaiting, kClosing };

  static constexpr size_t kInSize = 4 * 1024;    // replies
  static constexpr size_t kOutSize = 32 * 1024;  // commands and body
  static constexpr Duration kRest = std::chrono::seconds(1);

  void HandleDeadline();
  void Offer(MonotonicTime now);
  void Rest(MonotonicTime now);

  // The conversation.
  void Pump(MonotonicTime now);
  void HandlePeerReady(MonotonicTime now);
  void Accept(const Assignment& assignment, MonotonicTime now);
  void StartMessage(MonotonicTime now);
  void NoteProgress(MonotonicTime now);
  void FinishMessage(MonotonicTime now);
  void FailMessage(const ServerReply& reply, MonotonicTime now);
  void CountMessage(bool taken, MonotonicTime now);
  bool connection_full() const;
  bool counted() const { return context_.plan.Counts(assignment_.due); }
  // How long the message waited for a connection that was free.
  Duration lateness() const { return begun_at_ - assignment_.due; }

  // The socket.
  void Connect(MonotonicTime now);
  void StartIo(MonotonicTime now);
  void StartClose();
  void HandleConnected();
  void HandleReceived();
  void HandleSent();
  void HandleClosed();
  void ArmDeadline(MonotonicTime deadline);

  SessionContext& context_;
  State state_ = State::kFree;
  Timer timer_;             // kResting, kConnecting, kTalking
  bool timed_out_ = false;  // the connect

  // The message.
  Assignment assignment_{};
  bool in_hand_ = false;     // not settled yet
  bool said_ = false;        // the conversation has it
  bool on_again_ = false;    // on another connection, once
  bool mail_noted_ = false;  // its latency
  MonotonicTime begun_at_;
  MonotonicTime mail_said_at_;
  MonotonicTime body_said_at_;  // its last byte
  Letter letter_;

  // The connection.
  MonotonicTime connect_at_;
  bool nobody_answered_ = false;
  bool takes_no_more_ = false;  // the peer said so
  uint64_t connection_message_count_ = 0;
  ClientConversation conversation_;
  std::unique_ptr<char[]> memory_;
  RingBuffer in_;
  RingBuffer out_;
  Socket socket_;
  Op connect_op_;
  Op recv_op_;
  Op send_op_;
  Op close_op_;
  bool receiving_ = false;
  bool sending_ = false;
};

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_SESSION_H_
