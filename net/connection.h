// Connection is a stream to a peer: bytes that came in wait in its ring, bytes to send are appended to its output.
//
// Its handler owns it, on the reactor's thread; it does not move between Start and HandleClosed(). It holds memory for
// input only while there is input that is of use. Back-pressure needs no call: when the handler leaves bytes in the
// ring, the ring fills, and nothing more is received until the handler has taken some out and says Resume().

#ifndef POSTERN_NET_CONNECTION_H_
#define POSTERN_NET_CONNECTION_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "core/ring_buffer.h"
#include "net/block_lender.h"
#include "net/op.h"
#include "net/reactor.h"
#include "net/timers.h"

namespace postern {

class Connection;

// How long a peer has to take our last words, and then to end its side, before the connection is closed all the same.
inline constexpr Duration kFlushTimeMax = std::chrono::seconds(10);
inline constexpr Duration kLingerTimeMax = std::chrono::seconds(2);

class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;
  virtual void HandleConnected(Connection&) {}  // after StartConnect(); a failure comes as HandleClosed
  virtual void HandleInput(Connection&) = 0;    // there is new input in the ring
  virtual void HandlePeerEnd(Connection&) = 0;  // the peer will send no more; what it sent is in the ring
  virtual void HandleDrained(Connection&) {}    // all output has gone to the system
  virtual void HandleClosed(Connection&) = 0;   // the last call: `error()` says why; the connection may be used again
};

class Connection final : private BlockBorrower {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Start(Reactor& reactor, BlockLender& lender, ConnectionHandler& handler, Socket accepted);
  // HandleConnected() or, when it fails or takes too long for the caller, who then calls Abort(), HandleClosed()
  // follows.
  void StartConnect(Reactor& reactor, BlockLender& lender, ConnectionHandler& handler, const SocketAddress& peer);

  RingBuffer& input() { return input_; }
  // Append, then Flush(). Bounded by the manners of the handler: it stops producing while much waits.
  std::string& output() { return output_; }
  bool drained() const { return output_.empty() && sending_.empty(); }

  void Flush();
  // What is unread is of no use to the handler without what follows it, half a command say. When that is little, it is
  // put aside and its block serves others, so that no number of slow speakers starves them: the ring is empty until
  // more has come, and then begins with it.
  void AwaitMore();
  // Goes on receiving after the handler took bytes out of the ring on its own, outside HandleInput().
  void Resume();

  // Ends in order once all output is sent. What else comes in is thrown away until the peer ends too: to close over
  // unread input would reset the connection, and the peer might lose our last words.
  void CloseAfterFlush();
  // The peer has said in its own language that it sends no more: its end is not waited for.
  void NotePeerEnd() { peer_ended_ = true; }
  // Closes now; `reset` breaks the connection instead of ending it.
  void Abort(bool reset = false);

  bool open() const { return state_ == State::kOpen; }
  NetError error() const { return error_; }
  int system_code() const { return system_code_; }

 private:
  enum class State : uint8_t {
    kFree,        // no socket
    kConnecting,  //
    kOpen,        //
    kFlushing,    // we end when the output is gone
    kLingering,   // we have ended, the peer has not
    kClosing,     // the close op is under way; all others are coming home
  };

  static void HandleReadDone(Op& op);
  static void HandleWriteDone(Op& op);
  static void HandleCloseDone(Op& op);
  static void HandleLinger(Timer& timer);
  void HandleBlockFree() override;

  void Reset(Reactor& reactor, BlockLender& lender, ConnectionHandler& handler, Socket socket);
  void StartReading();
  void StartRecv();
  void EndSending();
  void Fail(NetError error, int system_code);
  void StartClose();
  void ReturnBlock();
  void PutBack();

  Socket socket() const { return read_op_.socket; }  // of all three ops

  State state_ = State::kFree;
  bool reading_ = false;  // read_op_ is away
  bool waiting_for_block_ = false;
  bool peer_ended_ = false;
  NetError error_ = NetError::kNone;
  int system_code_ = 0;
  Reactor* reactor_ = nullptr;
  BlockLender* lender_ = nullptr;
  ConnectionHandler* handler_ = nullptr;
  RingBuffer input_;
  Block* block_ = nullptr;  // the ring's memory
  std::string aside_;       // what was unread and is no longer in the ring; at most kCommandLineSizeMax bytes
  std::string output_;      // grows while sending_ is away
  std::string sending_;
  Op read_op_, write_op_, close_op_;  // write_op_ is about what is left of sending_
  Timer linger_;
};

}  // namespace postern

#endif  // POSTERN_NET_CONNECTION_H_
