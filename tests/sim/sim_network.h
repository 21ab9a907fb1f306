// SimNetwork is a network in memory, in which a seed decides how long everything takes and into which pieces it falls.
//
// A test or the simulator owns it, and outlives its pollers (sim_poller.h) and peers; everything is on one thread. Time
// is a SimClock's, which somebody else moves on: nothing here ever waits.
//
//   loop:  step every actor; when none had anything to do, clock.AdvanceTo(min(NextEventTime(), the reactors' timers))
//
// It is a harsh network, but not an impossible one: bytes arrive in order or the connection breaks; a close over unread
// input, or what is sent to a closed socket, resets the connection, and a reset may take unread input with it.

#ifndef POSTERN_TESTS_SIM_SIM_NETWORK_H_
#define POSTERN_TESTS_SIM_SIM_NETWORK_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "net/address.h"
#include "net/op.h"
#include "net/socket.h"
#include "tests/sim/sim_clock.h"

namespace postern {

class SimPeer;
class SimPoller;

struct SimNetworkOptions {
  Duration delay_max = std::chrono::milliseconds(2);     // of what is on its way, in one direction
  Duration lateness_max = std::chrono::milliseconds(1);  // from a result to its coming home
  size_t window = 64 * 1024;                             // bytes that are on their way or unread, in one direction
  double cut = 0.3;                                      // how often a receive or send moves fewer bytes than it could
  double reset = 0;                                      // how often a connection breaks when a piece of it arrives
};

// What a handle stands for: a listening socket, or an end of a connection.
struct SimSocket {
  enum class State : uint8_t { kFresh, kListening, kConnecting, kConnected, kBroken, kClosed };

  // Connections that wait to be accepted; duplicates share it.
  struct Door {
    SocketAddress address;
    size_t backlog = 0;
    size_t handle_count = 1;
    std::deque<std::shared_ptr<SimSocket>> waiting;
  };

  State state = State::kFresh;
  SocketAddress local;
  SocketAddress remote;
  std::shared_ptr<Door> door;
  std::weak_ptr<SimSocket> other;  // the other end
  NetError error = NetError::kNone;
  std::string inbox;           // arrived, not received
  size_t on_its_way = 0;       // bytes to this end that have not arrived
  MonotonicTime last_arrival;  // nothing overtakes on the way to this end
  bool end_sent = false;
  bool end_arrived = false;
};

class SimNetwork final : public Sockets {
 public:
  using Random = std::mt19937_64;

  SimNetwork(SimClock& clock, uint64_t seed, SimNetworkOptions options = {});
  ~SimNetwork() override;
  SimNetwork(const SimNetwork&) = delete;
  SimNetwork& operator=(const SimNetwork&) = delete;

  // When something happens next; not later than now when something waits to be noticed; kNever for nothing at all.
  MonotonicTime NextEventTime() const;
  // The same without what pollers have still to be told.
  MonotonicTime NextArrivalTime() const { return events_.empty() ? kNever : events_.begin()->first.first; }
  // Lets happen what is due. Every poller does so when it waits; a test without pollers may.
  void Run();

  // Peers that a test plays: a client, and what a server at `listening` (of ListenOn) has to accept, null for nobody.
  std::unique_ptr<SimPeer> Connect(const SocketAddress& to, const SocketAddress& from);
  std::unique_ptr<SimPeer> TryAccept(Socket listening);
  bool HasWaiting(Socket listening) const { return !Of(listening)->door->waiting.empty(); }

  // From here on nobody answers at `address`, not even with a refusal.
  void Silence(const SocketAddress& address) { silent_.push_back(address); }
  // The next `count` accepts fail so.
  void FailAccepts(NetError error, size_t count) { failing_accepts_.assign(count, error); }

  // The process that has all handles but `survivors` dies, and its system closes them: its pollers must be gone.
  // `reset` when the system dies with it.
  void CloseAllBut(const std::vector<Socket>& survivors, bool reset);

  size_t open_count() const { return socket_count_; }  // handles that nobody has closed

  // Sockets.
  SocketResult ListenOn(const SocketAddress& address, int backlog) override;
  SocketResult Duplicate(Socket listening) override;
  SocketResult MakeFor(const SocketAddress& peer) override;
  SocketResult MakeBoundFor(const SocketAddress& peer, const IpAddress& from) override;
  SocketResult MakeDatagramFor(const SocketAddress& peer) override;  // there are none here: DNS is a SimDns
  SocketAddress LocalAddress(Socket socket) override;
  void EndSend(Socket socket) override;
  void CloseNow(Socket socket) override { Close(socket, /*reset=*/false); }

 private:
  friend class SimPoller;
  friend class SimPeer;
  using SocketPtr = std::shared_ptr<SimSocket>;

  // For pollers. The result of an op, when there is one: nothing means that it has to wait.
  const SocketPtr& Of(Socket socket) const;
  bool TryFinish(Op& op, const SocketPtr& socket);
  void StartConnect(const SocketPtr& socket, const SocketAddress& to);
  void Close(Socket socket, bool reset);
  MonotonicTime DueTime();  // of a result that is there now
  Random& random() { return random_; }
  MonotonicTime now() const { return clock_.Monotonic(); }

  Socket AddHandle(SocketPtr socket);
  bool Chance(double probability);
  size_t Cut(size_t size);
  void At(MonotonicTime time, std::function<void()> happen);
  // As At(), after a delay, and not before what was sent to `to` earlier.
  void Arrive(const SocketPtr& to, std::function<void()> happen);
  SimSocket::Door* DoorAt(const SocketAddress& address);
  void Knock(const SocketPtr& client, const SocketAddress& to);
  size_t Send(const SocketPtr& from, std::string_view bytes);
  std::string Receive(SimSocket& socket, size_t size);
  bool Readable(const SimSocket& socket) const;
  void SendEnd(SimSocket& from);
  void Hang(const SocketPtr& socket, bool reset);
  void Break(SimSocket& socket);
  bool Silent(const SocketAddress& address) const;

  SimClock& clock_;
  const SimNetworkOptions options_;
  Random random_;
  std::vector<SocketPtr> sockets_;  // by handle, from kFirstHandle on; null where one was closed
  size_t socket_count_ = 0;
  std::map<std::pair<MonotonicTime, uint64_t>, std::function<void()>> events_;
  uint64_t event_count_ = 0;
  std::vector<std::shared_ptr<SimSocket::Door>> doors_;
  std::vector<SimPoller*> pollers_;
  std::vector<SimPeer*> peers_;
  std::vector<SocketAddress> silent_;
  std::deque<NetError> failing_accepts_;
  uint16_t next_port_ = 40'000;
};

// SimPeer is an end of a connection that a test plays: it sends as fast as the network takes it.
//
// The test owns it. What it takes with TakeInput() has been received; until then it fills the window of the other side.
class SimPeer {
 public:
  ~SimPeer();
  SimPeer(const SimPeer&) = delete;
  SimPeer& operator=(const SimPeer&) = delete;

  void Send(std::string_view bytes);
  void End();  // after all that was sent
  void Reset();

  // What has come since the last call; `size_max` for a peer that is slow to read.
  std::string TakeInput(size_t size_max = SIZE_MAX);

  bool connected() const { return socket_->state == SimSocket::State::kConnected; }
  bool refused() const { return socket_->error == NetError::kRefused; }
  // The other side has closed, or its process has died: what is still to be read here is old.
  bool abandoned() const {
    const std::shared_ptr<SimSocket> other = socket_->other.lock();
    return other == nullptr || other->state == SimSocket::State::kClosed;
  }
  // TakeInput() has something, or the end is known.
  bool readable() const { return !socket_->inbox.empty() || socket_->end_arrived || broken(); }
  bool broken() const { return socket_->state == SimSocket::State::kBroken; }
  // The other side has ended, and everything it said was taken.
  bool ended() const { return socket_->end_arrived && socket_->inbox.empty(); }
  bool all_sent() const { return outbox_.empty(); }

 private:
  friend class SimNetwork;
  SimPeer(SimNetwork& network, std::shared_ptr<SimSocket> socket);
  void Pump();

  SimNetwork& network_;
  std::shared_ptr<SimSocket> socket_;
  std::string outbox_;
  bool ending_ = false;
};

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_SIM_NETWORK_H_
