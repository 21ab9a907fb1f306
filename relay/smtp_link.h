// SmtpLink is one connection to a next hop: it finds an address that answers, talks, and is kept for the next message.
//
// SmtpCourier owns it, on the relay's thread; it never moves. The conversation says what is said; the link moves bytes
// between it and the socket, and bodies from the log into it. It holds one piece of a body at a time, whatever the
// message's size.
//
//   kFree -> kResolving -> kConnecting -> kTalking <-> kIdle -> kClosing -> kFree, or on to the next address
//                 ^______________|___________|  (the next address, the next host)

#ifndef POSTERN_RELAY_SMTP_LINK_H_
#define POSTERN_RELAY_SMTP_LINK_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/ring_buffer.h"
#include "net/op.h"
#include "net/poller.h"
#include "net/socket.h"
#include "relay/attempt.h"
#include "relay/courier.h"
#include "relay/delivery_listener.h"
#include "relay/name_book.h"
#include "relay/route.h"
#include "smtp/client_conversation.h"

namespace postern {

struct CourierOptions {
  ClientPolicy client{};
  Duration connect_timeout = std::chrono::seconds(30);  // also for the name of the host
  Duration idle_close = std::chrono::seconds(10);       // a kept connection without a message
};

// What links share.
struct LinkContext {
  const CourierOptions& options;
  Poller& poller;
  NameBook& names;
  DeliveryListener& listener;
  const Clock& clock;
};

class SmtpLink {
 public:
  explicit SmtpLink(LinkContext& context);
  SmtpLink(const SmtpLink&) = delete;
  SmtpLink& operator=(const SmtpLink&) = delete;

  bool free() const { return state_ == State::kFree && attempt_ == nullptr; }
  bool idle() const { return state_ == State::kIdle && attempt_ == nullptr; }
  bool busy() const { return attempt_ != nullptr; }
  Scheduler::DestinationIndex destination() const { return destination_; }

  // To a free or idle link; what is to be done is done in the next Turn(). `single`: no message will follow it.
  void Give(Attempt& attempt, const Route& route, bool single, AttemptListener& listener);
  // One step, when there is something to do; deadlines included.
  void Turn(MonotonicTime now);
  MonotonicTime deadline() const;         // kNever when nothing is waited for; {0} when Turn() has something to do
  void HandleAnswers(MonotonicTime now);  // some names are known now

  // No message will follow: an idle link says QUIT.
  void StopKeeping();
  void Abort();
  // The host takes one message a connection: learnt by a 503.
  bool TakeLearntSingle() { return std::exchange(learnt_single_, false); }

 private:
  enum class State : uint8_t { kFree, kResolving, kConnecting, kTalking, kIdle, kClosing };

  static constexpr size_t kInSize = 4 * 1024;    // replies
  static constexpr size_t kOutSize = 32 * 1024;  // commands and body

  void TryNextAddress(MonotonicTime now);
  // False: the host's name is being asked.
  bool LookUpHost(MonotonicTime now);
  void GiveUpName(MonotonicTime now);
  void Connect(const SocketAddress& address, MonotonicTime now);
  void Pump(MonotonicTime now);
  void FeedBody();
  void HandleReady(MonotonicTime now);
  void HandleClosedConversation();
  void HandleSingleHost();
  void TakeResults();
  void NoteFailure(const ServerReply& reply, bool timed_out);
  void FinishUnreached();
  void Finish(Scheduler::Finish finish);
  void StartIo();
  void StartClose();
  void HandleConnected();
  void HandleReceived();
  void HandleSent();
  void HandleClosed();
  void RestartHosts() { host_index_ = 0, address_index_ = 0, resolved_ = false; }

  LinkContext& context_;
  State state_ = State::kFree;
  Attempt* attempt_ = nullptr;
  AttemptListener* listener_ = nullptr;
  const Route* route_ = nullptr;
  Scheduler::DestinationIndex destination_ = 0;
  bool given_ = false;    // an attempt came, Turn() has not seen it
  bool started_ = false;  // the peer was told of the attempt, on this connection
  bool keeping_ = true;
  bool aborted_ = false;
  bool timed_out_ = false;
  bool single_ = false;
  bool learnt_single_ = false;

  // Where we are in the list of hosts, and what the last one said.
  size_t host_index_ = 0;
  size_t address_index_ = 0;
  bool resolved_ = false;  // addresses_ are the host's
  std::vector<std::string> addresses_;
  bool untried_ = false;  // a host was passed over because nobody had time to look up its name
  ServerReply failure_;
  std::string peer_name_;  // "192.0.2.1:25"

  ClientConversation conversation_;
  uint32_t transaction_count_ = 0;   // on this connection
  MonotonicTime deadline_ = kNever;  // kResolving, kConnecting, kIdle

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
