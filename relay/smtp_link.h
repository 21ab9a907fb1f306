// SmtpLink is one connection to another server: it finds a host that answers, talks, and is kept for the next message.
//
// SmtpCourier owns it, on the relay's thread; it never moves. The conversation says what is said; the link moves bytes
// between it and the socket, and bodies from the log into it. It holds one piece of a body at a time, whatever the
// message's size.
//
//   kFree ---> kFinding ---> kConnecting ---> kTalking <---> kIdle
//     ^         ^    |           |  ^           |
//     |         |    |           v  |           |
//     '---------+----+--------- kClosing <------'
//
// kClosing leads on with the same attempt while that is not over: to the next target when this one failed before it
// took the MAIL, or did not want to take it now; to a new search when another connection is needed though nobody
// failed.

#ifndef POSTERN_RELAY_SMTP_LINK_H_
#define POSTERN_RELAY_SMTP_LINK_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/ring_buffer.h"
#include "core/work_slot.h"
#include "net/op.h"
#include "net/poller.h"
#include "net/timers.h"
#include "relay/attempt.h"
#include "relay/attempt_progress.h"
#include "relay/courier.h"
#include "relay/delivery_listener.h"
#include "relay/host_book.h"
#include "relay/route.h"
#include "relay/way_finder.h"
#include "smtp/client_conversation.h"

namespace postern {

struct CourierOptions {
  ClientPolicy client{};  // its host name and time-outs; the rest is the routes' to say
  Duration connect_timeout = std::chrono::seconds(30);
  Duration idle_close = std::chrono::seconds(10);  // a kept connection without a message
  std::vector<SocketAddress> own_addresses{};      // where we listen: WayOptions
  uint64_t seed = 0;                               // decides between equal mail exchanges
  WorkSlot* slot = nullptr;                        // where the thread notes whose attempt it works on
};

// What becomes of connections without an attempt, and of attempts.
enum class LinkMode : uint8_t {
  kKeeping,   // idle ones are kept for a while
  kLeaving,   // idle ones are closed
  kAborting,  // all are closed, whatever they do
};

// Hears from links how they are.
class LinkOwner {
 public:
  virtual ~LinkOwner() = default;
  virtual void HandleReady(SmtpLink& link) = 0;     // Turn() has something to do
  virtual void HandleIdle(SmtpLink& link) = 0;      // it may be given another attempt for its destination
  virtual void HandleLeftIdle(SmtpLink& link) = 0;  // it may not any more
  virtual void HandleFree(SmtpLink& link) = 0;      // it has no connection, and no attempt
};

// What links share.
struct LinkContext {
  const CourierOptions& options;
  Poller& poller;
  WayFinder& finder;
  HostBook& hosts;
  Timers& timers;
  DeliveryListener& listener;
  const Clock& clock;
  LinkOwner& owner;
  LinkMode mode = LinkMode::kKeeping;
};

class SmtpLink {
 public:
  // No attempt is taken to more targets than this: with the usual time-outs that is ten minutes at most.
  static constexpr size_t kTargetCountMax = 20;

  explicit SmtpLink(LinkContext& context);
  SmtpLink(const SmtpLink&) = delete;
  SmtpLink& operator=(const SmtpLink&) = delete;

  // To a free or idle link; what is to be done is done in the next Turn().
  void Give(Attempt& attempt, AttemptListener& listener);
  void Turn(MonotonicTime now);

  // An idle link says QUIT.
  void Leave(MonotonicTime now);
  // Mode kAborting: ends what is under way.
  void Abort();

  // Of a link that is idle: whether `attempt` may follow on its connection.
  bool Serves(const Attempt& attempt) const { return route_ == attempt.route && domain_ == attempt.domain; }
  const Route* route() const { return route_; }
  uint32_t destination() const { return destination_; }
  HostBook::Host* host() const { return host_; }  // the one that it has a place at

 private:
  enum class State : uint8_t { kFree, kFinding, kConnecting, kTalking, kIdle, kClosing };
  // Where an attempt goes on whose connection is closed before it was over.
  enum class Onward : uint8_t {
    kNextTarget,  // this one has failed
    kSearch,      // it has not: another connection is needed, to whom the way leads now
  };

  struct Target {
    SocketAddress address;
    std::string name;    // "192.0.2.1:25"
    std::string remote;  // Attempt::remote
  };

  // Why nobody has taken the attempt so far.
  struct Failure {
    ServerReply reply{};
    std::string host{};
    std::string remote{};
  };

  static constexpr size_t kInSize = 4 * 1024;    // replies
  static constexpr size_t kOutSize = 32 * 1024;  // commands and body

  void HandleDeadline(MonotonicTime now);
  MessageId message() { return progress_.active() ? progress_.attempt().message : MessageId{}; }

  // The way to a target.
  void StartSearch();
  void Search(MonotonicTime now);
  void ListTargets(const Way& way, MonotonicTime now);
  void TryTargets(MonotonicTime now);
  bool TryConnect(const Target& target, MonotonicTime now);
  bool TryHandOver(const Target& target, MonotonicTime now);
  void ReleaseHost(MonotonicTime now);
  void GoOnward(MonotonicTime now);

  // The conversation, and its bytes (smtp_link_talk.cc).
  void HandleConnected();
  void Pump(MonotonicTime now);
  void HandlePeerReady(MonotonicTime now);
  void StartTransaction(MonotonicTime now);
  void FeedBody();
  void TakeResults(MonotonicTime now);
  void PassOver();
  void HandleSingleHost(MonotonicTime now);
  void HandleClosedConversation(MonotonicTime now);
  uint32_t TransactionCountMax(MonotonicTime now) const;
  void AttachMemory();
  void StartIo();
  void HandleReceived();
  void HandleSent();

  // The end of an attempt.
  void NoteStop();
  void NoteFailure(const ServerReply& reply, MonotonicTime now);
  void TellFailure(const ServerReply& reply);
  void FinishFailed(MonotonicTime now);
  void FinishByVerdict(const RecipientResult& verdict, MonotonicTime now);
  void FinishFree(MonotonicTime now);
  void BecomeFree(MonotonicTime now);

  // The connection.
  void LeaveIdle();
  void ArmDeadline(MonotonicTime deadline);
  void StartClose();
  void HandleClosed();

  std::string_view destination_name() const;

  LinkContext& context_;
  State state_ = State::kFree;
  Timer timer_;             // kConnecting, kTalking, kIdle
  bool timed_out_ = false;  // this connection

  // The attempt, and whom it is for; these outlive it on a kept connection.
  AttemptProgress progress_;
  AttemptListener* listener_ = nullptr;
  AttemptEnd end_ = AttemptEnd::kUnreachable;  // what the attempt would end with now
  const Route* route_ = nullptr;
  uint32_t destination_ = 0;
  std::string domain_;

  // Where we are in the list of targets, and what the last one said.
  WaySearch search_;
  std::vector<Target> targets_;
  size_t target_index_ = 0;
  Onward onward_ = Onward::kNextTarget;
  HostBook::Host* host_ = nullptr;
  WorkPeer peer_;  // its name
  Failure failure_;

  ClientPolicy policy_;
  ClientConversation conversation_;
  uint32_t transaction_count_ = 0;  // that the peer was told of, on this connection
  bool in_transaction_ = false;
  bool passed_over_ = false;  // the peer does not want the message now, and is left

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

#endif  // POSTERN_RELAY_SMTP_LINK_H_
