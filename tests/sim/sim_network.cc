#include "tests/sim/sim_network.h"

#include <algorithm>

#include "absl/log/check.h"
#include "absl/log/log.h"
#include "tests/sim/sim_poller.h"

namespace postern {
namespace {

// No descriptor has such a number: a handle that strays to the system's sockets does no harm there.
constexpr intptr_t kFirstHandle = 1'000'000'000;
constexpr size_t kUnixPathSizeMax = 107;                   // as on Linux
constexpr Duration kKnockAgain = std::chrono::seconds(1);  // a full backlog; as TCP does

bool Overlap(const SocketAddress& a, const SocketAddress& b) {
  if (a.family() != b.family()) return false;
  if (a.family() == AddressFamily::kUnix) return a.path == b.path;
  return a.port == b.port && (a.ip == b.ip || a.ip.IsWildcard() || b.ip.IsWildcard());
}

SocketResult Failure(NetError error, std::string what) {
  return {.socket = {}, .error = error, .system_code = 0, .what = std::move(what)};
}

}  // namespace

SimNetwork::SimNetwork(SimClock& clock, uint64_t seed, SimNetworkOptions options)
    : clock_(clock), options_(options), random_(seed) {}

SimNetwork::~SimNetwork() {
  CHECK(pollers_.empty() && peers_.empty()) << "the network must outlive its pollers and peers";
}

// Time and chance.

MonotonicTime SimNetwork::NextEventTime() const {
  MonotonicTime next = NextArrivalTime();
  for (const SimPoller* poller : pollers_) next = std::min(next, poller->NextDue());
  return next;
}

void SimNetwork::Run() {
  for (SimPeer* peer : peers_) peer->Pump();
  while (!events_.empty() && events_.begin()->first.first <= now()) {
    const std::function<void()> happen = std::move(events_.begin()->second);
    events_.erase(events_.begin());
    happen();
    for (SimPeer* peer : peers_) peer->Pump();
  }
  for (SimPoller* poller : pollers_) poller->TryWaiting();
}

bool SimNetwork::Chance(double probability) {
  return std::uniform_real_distribution<double>(0, 1)(random_) < probability;
}

size_t SimNetwork::Cut(size_t size) {
  if (size < 2 || !Chance(options_.cut)) return size;
  return std::uniform_int_distribution<size_t>(1, size)(random_);
}

void SimNetwork::At(MonotonicTime time, std::function<void()> happen) {
  events_.emplace(std::pair(time, event_count_++), std::move(happen));
}

void SimNetwork::Arrive(const SocketPtr& to, std::function<void()> happen) {
  const Duration delay(std::uniform_int_distribution<int64_t>(0, options_.delay_max.count())(random_));
  to->last_arrival = std::max(to->last_arrival, now() + delay);
  At(to->last_arrival, std::move(happen));
}

MonotonicTime SimNetwork::DueTime() {
  if (Chance(0.5)) return now();
  return now() + Duration(std::uniform_int_distribution<int64_t>(0, options_.lateness_max.count())(random_));
}

// Handles and listening.

Socket SimNetwork::AddHandle(SocketPtr socket) {
  ++socket_count_;
  // The lowest one that is free, as a system does it: a handle is used again as soon as it can be.
  const auto place = std::find(sockets_.begin(), sockets_.end(), nullptr);
  const auto index = place - sockets_.begin();
  if (place == sockets_.end()) {
    sockets_.push_back(std::move(socket));
  } else {
    *place = std::move(socket);
  }
  return {kFirstHandle + index};
}

const SimNetwork::SocketPtr& SimNetwork::Of(Socket socket) const {
  const auto index = static_cast<size_t>(socket.handle - kFirstHandle);
  CHECK(socket.valid() && index < sockets_.size() && sockets_[index] != nullptr) << "no socket is " << socket.handle;
  return sockets_[index];
}

SimSocket::Door* SimNetwork::DoorAt(const SocketAddress& address) {
  for (const auto& door : doors_) {
    if (Overlap(door->address, address)) return door.get();
  }
  return nullptr;
}

SocketResult SimNetwork::ListenOn(const SocketAddress& address, int backlog) {
  SocketAddress bound = address;
  if (bound.family() != AddressFamily::kUnix && bound.port == 0) bound.port = next_port_++;
  if (bound.path.size() > kUnixPathSizeMax) return Failure(NetError::kOther, "socket: File name too long");
  if (DoorAt(bound) != nullptr) return Failure(NetError::kAddressInUse, "bind: Address already in use");
  const auto socket = std::make_shared<SimSocket>();
  socket->state = SimSocket::State::kListening;
  socket->local = bound;
  socket->door = std::make_shared<SimSocket::Door>();
  socket->door->address = bound;
  socket->door->backlog = static_cast<size_t>(backlog);
  doors_.push_back(socket->door);
  return {.socket = AddHandle(socket)};
}

SocketResult SimNetwork::Duplicate(Socket listening) {
  const auto copy = std::make_shared<SimSocket>(*Of(listening));
  CHECK(copy->state == SimSocket::State::kListening);
  ++copy->door->handle_count;
  return {.socket = AddHandle(copy)};
}

SocketResult SimNetwork::MakeFor(const SocketAddress& peer) {
  if (peer.path.size() > kUnixPathSizeMax) return Failure(NetError::kOther, "socket: File name too long");
  return {.socket = AddHandle(std::make_shared<SimSocket>())};
}

SocketResult SimNetwork::MakeBoundFor(const SocketAddress& peer, const IpAddress& from) {
  const SocketResult made = MakeFor(peer);
  if (made.socket.valid()) Of(made.socket)->local = {.ip = from, .port = next_port_++, .path = {}};
  return made;
}

SocketResult SimNetwork::MakeDatagramFor(const SocketAddress&) {
  return Failure(NetError::kOther, "socket: the simulated network carries no datagrams");
}

SocketAddress SimNetwork::LocalAddress(Socket socket) { return Of(socket)->local; }

void SimNetwork::EndSend(Socket socket) { SendEnd(*Of(socket)); }

bool SimNetwork::Silent(const SocketAddress& address) const {
  return std::find(silent_.begin(), silent_.end(), address) != silent_.end();
}

// Connections.

void SimNetwork::StartConnect(const SocketPtr& socket, const SocketAddress& to) {
  CHECK(socket->state == SimSocket::State::kFresh);
  socket->state = SimSocket::State::kConnecting;
  socket->remote = to;
  if (socket->local == SocketAddress{}) {
    socket->local = to.family() == AddressFamily::kUnix ? SocketAddress{} : to;
    socket->local.port = next_port_++;
  }
  if (!Silent(to)) At(now() + options_.delay_max / 2, [this, socket, to] { Knock(socket, to); });
}

void SimNetwork::Knock(const SocketPtr& client, const SocketAddress& to) {
  if (client->state != SimSocket::State::kConnecting) return;
  SimSocket::Door* door = DoorAt(to);
  if (door == nullptr) {
    Arrive(client, [client] {
      if (client->state != SimSocket::State::kConnecting) return;
      client->state = SimSocket::State::kBroken;
      client->error = NetError::kRefused;
    });
    return;
  }
  if (door->waiting.size() >= door->backlog) {
    At(now() + kKnockAgain, [this, client, to] { Knock(client, to); });
    return;
  }
  const auto server = std::make_shared<SimSocket>();
  server->state = SimSocket::State::kConnected;
  server->local = to;
  server->remote = client->local;
  server->other = client;
  client->other = server;
  door->waiting.push_back(server);
  Arrive(client, [client] {
    if (client->state == SimSocket::State::kConnecting) client->state = SimSocket::State::kConnected;
  });
}

// The bytes that are taken now; 0 when there is no room.
size_t SimNetwork::Send(const SocketPtr& from, std::string_view bytes) {
  const SocketPtr to = from->other.lock();
  if (to == nullptr) {  // it was closed, and nothing is left of it but the answer to whoever still writes
    Arrive(from, [this, from] { Break(*from); });
    return bytes.size();
  }
  const size_t used = to->inbox.size() + to->on_its_way;
  if (used >= options_.window) return 0;
  const std::string piece(bytes.substr(0, Cut(std::min(bytes.size(), options_.window - used))));
  to->on_its_way += piece.size();
  Arrive(to, [this, from, to, piece] {
    to->on_its_way -= piece.size();
    if (Chance(options_.reset)) Break(*to);
    if (to->state == SimSocket::State::kConnected) {
      to->inbox += piece;
    } else {
      Arrive(from, [this, from] { Break(*from); });
    }
  });
  return piece.size();
}

std::string SimNetwork::Receive(SimSocket& socket, size_t size) {
  std::string bytes = socket.inbox.substr(0, Cut(std::min(size, socket.inbox.size())));
  socket.inbox.erase(0, bytes.size());
  At(now(), [] {});  // there is room again: who waits to send is asked
  return bytes;
}

void SimNetwork::SendEnd(SimSocket& from) {
  if (std::exchange(from.end_sent, true)) return;
  if (const SocketPtr to = from.other.lock(); to != nullptr) Arrive(to, [to] { to->end_arrived = true; });
}

// A reset has arrived, or was sent.
void SimNetwork::Break(SimSocket& socket) {
  if (socket.state != SimSocket::State::kConnected && socket.state != SimSocket::State::kConnecting) return;
  socket.state = SimSocket::State::kBroken;
  socket.error = NetError::kReset;
  if (Chance(0.5)) socket.inbox.clear();
}

void SimNetwork::Hang(const SocketPtr& socket, bool reset) {
  const SocketPtr other = socket->other.lock();
  const SimSocket::State before = std::exchange(socket->state, SimSocket::State::kClosed);
  if (other == nullptr) return;
  if (before == SimSocket::State::kConnecting ||
      (before == SimSocket::State::kConnected && (reset || !socket->inbox.empty()))) {
    Arrive(other, [this, other] { Break(*other); });
  } else if (before == SimSocket::State::kConnected) {
    SendEnd(*socket);
  }
}

void SimNetwork::Close(Socket handle, bool reset) {
  const SocketPtr socket = Of(handle);
  sockets_[static_cast<size_t>(handle.handle - kFirstHandle)] = nullptr;
  --socket_count_;
  if (socket->door == nullptr) return Hang(socket, reset);
  socket->state = SimSocket::State::kClosed;
  if (--socket->door->handle_count > 0) return;
  for (const SocketPtr& waiting : socket->door->waiting) Hang(waiting, /*reset=*/true);
  std::erase(doors_, socket->door);
}

void SimNetwork::CloseAllBut(const std::vector<Socket>& survivors, bool reset) {
  CHECK(pollers_.empty()) << "somebody still waits for what happens to his sockets";
  for (size_t i = 0; i < sockets_.size(); ++i) {
    const Socket handle{kFirstHandle + static_cast<intptr_t>(i)};
    if (sockets_[i] == nullptr || std::find(survivors.begin(), survivors.end(), handle) != survivors.end()) continue;
    Close(handle, reset);
  }
}

bool SimNetwork::Readable(const SimSocket& socket) const {
  return !socket.inbox.empty() || socket.end_arrived || socket.state == SimSocket::State::kBroken;
}

bool SimNetwork::TryFinish(Op& op, const SocketPtr& shared) {
  const auto finish = [&op](int64_t result, NetError error = NetError::kNone) {
    op.result = result;
    op.error = error;
    return true;
  };
  SimSocket& socket = *shared;
  const bool broken = socket.state == SimSocket::State::kBroken;
  switch (op.kind) {
    case OpKind::kAccept: {
      if (!failing_accepts_.empty()) {
        const NetError error = failing_accepts_.front();
        failing_accepts_.pop_front();
        return finish(-1, error);
      }
      if (socket.door->waiting.empty()) return false;
      const SocketPtr accepted = socket.door->waiting.front();
      socket.door->waiting.pop_front();
      *op.accept_from = accepted->remote;
      return finish(AddHandle(accepted).handle);
    }
    case OpKind::kConnect:
      if (broken) return finish(-1, socket.error);
      return socket.state == SimSocket::State::kConnected && finish(0);
    case OpKind::kAwaitReadable: return Readable(socket) && finish(0);
    case OpKind::kRecv: {
      CHECK_GT(op.size, 0u);
      if (!Readable(socket)) return false;
      if (socket.inbox.empty()) return broken ? finish(-1, socket.error) : finish(0);
      const std::string bytes = Receive(socket, op.size);
      std::copy(bytes.begin(), bytes.end(), op.recv_data);
      return finish(static_cast<int64_t>(bytes.size()));
    }
    case OpKind::kSend: {
      if (broken || socket.end_sent) return finish(-1, NetError::kReset);
      const size_t size = Send(shared, op.send_bytes());
      return (size > 0 || op.size == 0) && finish(static_cast<int64_t>(size));
    }
    case OpKind::kClose: break;
  }
  LOG(FATAL) << "a close is not tried";
}

// Peers.

std::unique_ptr<SimPeer> SimNetwork::Connect(const SocketAddress& to, const SocketAddress& from) {
  const auto socket = std::make_shared<SimSocket>();
  socket->local = from;
  StartConnect(socket, to);
  return std::unique_ptr<SimPeer>(new SimPeer(*this, socket));
}

std::unique_ptr<SimPeer> SimNetwork::TryAccept(Socket listening) {
  auto& waiting = Of(listening)->door->waiting;
  if (waiting.empty()) return nullptr;
  const SocketPtr socket = waiting.front();
  waiting.pop_front();
  return std::unique_ptr<SimPeer>(new SimPeer(*this, socket));
}

SimPeer::SimPeer(SimNetwork& network, std::shared_ptr<SimSocket> socket)
    : network_(network), socket_(std::move(socket)) {
  network_.peers_.push_back(this);
}

SimPeer::~SimPeer() {
  std::erase(network_.peers_, this);
  network_.Hang(socket_, /*reset=*/!outbox_.empty());
}

void SimPeer::Send(std::string_view bytes) {
  outbox_ += bytes;
  network_.At(network_.now(), [] {});  // so that it is noticed
}

void SimPeer::End() {
  ending_ = true;
  network_.At(network_.now(), [] {});
}

void SimPeer::Reset() {
  outbox_.clear();
  network_.Hang(socket_, /*reset=*/true);
}

std::string SimPeer::TakeInput(size_t size_max) {
  std::string bytes;
  while (!socket_->inbox.empty() && bytes.size() < size_max) {
    bytes += network_.Receive(*socket_, size_max - bytes.size());
  }
  return bytes;
}

void SimPeer::Pump() {
  if (!connected()) return;
  while (!outbox_.empty()) {
    const size_t size = network_.Send(socket_, outbox_);
    if (size == 0) return;
    outbox_.erase(0, size);
  }
  if (ending_) network_.SendEnd(*socket_);
}

}  // namespace postern
