// What net/ costs: a turn of the reactor, a timer that is moved, a line and its answer over loopback, a stream of
// bytes.

#include <memory>
#include <string>
#include <vector>

#include "bench/counted.h"
#include "benchmark/benchmark.h"
#include "net/block_lender.h"
#include "net/connection.h"
#include "net/listener.h"
#include "net/poller.h"
#include "net/reactor.h"
#include "net/timers.h"

namespace postern {
namespace {

// A turn without anything to do, which asks the kernel once.
void BM_IdleTurn(benchmark::State& state) {
  const SystemClock clock;
  const std::unique_ptr<Poller> poller = MakeSystemPoller();
  Reactor reactor(*poller, clock);
  for (auto _ : state) reactor.Turn(Duration::zero());
}
BENCHMARK(BM_IdleTurn)->Apply(Counted);

// Every command of a conversation does this: its timer is one of `range(0)` that never fire.
void BM_MoveTimer(benchmark::State& state) {
  Timers timers;
  std::vector<Timer> all(static_cast<size_t>(state.range(0)));
  MonotonicTime now{0};
  for (Timer& timer : all) timers.Arm(timer, {++now.ns});
  size_t i = 0;
  for (auto _ : state) {
    timers.Arm(all[i], {now.ns += 10});
    if (++i == all.size()) i = 0;
  }
}
BENCHMARK(BM_MoveTimer)->Apply(Counted)->Arg(100)->Arg(10'000);

void BM_ArmAndDisarmTimer(benchmark::State& state) {
  Timers timers;
  std::vector<Timer> all(static_cast<size_t>(state.range(0)));
  MonotonicTime now{0};
  for (Timer& timer : all) timers.Arm(timer, {++now.ns});
  size_t i = 0;
  for (auto _ : state) {
    timers.Disarm(all[i]);
    timers.Arm(all[i], {now.ns += 10});
    if (++i == all.size()) i = 0;
  }
}
BENCHMARK(BM_ArmAndDisarmTimer)->Arg(100)->Arg(10'000);

struct Talker : ConnectionHandler {
  void HandleInput(Connection&) override {
    RingBuffer& input = connection.input();
    received_size += input.size();
    if (answers) {
      connection.output() += input.Peek();
      connection.Flush();
    }
    input.Consume(input.size());
  }
  void HandlePeerEnd(Connection&) override { connection.Abort(); }
  void HandleClosed(Connection&) override { closed = true; }

  Connection connection;
  size_t received_size = 0;
  bool answers = false;
  bool closed = false;
};

// Both ends on one reactor: what is measured is twice the cost of either.
class Loopback : private ListenerHandler {
 public:
  Loopback() {
    listener_.Start(reactor, *this, reactor.sockets().ListenOn(*SocketAddress::Parse("127.0.0.1:0"), 8).socket);
    client.connection.StartConnect(reactor, lender_, client, listener_.address());
    while (!server.connection.open() || !client.connection.open()) reactor.Turn();
  }
  ~Loopback() override {
    client.connection.Abort();
    listener_.Close();
    while (!client.closed || !server.closed || !listener_.closed()) reactor.Turn();
  }

  void Say(std::string_view bytes) {
    client.connection.output() += bytes;
    client.connection.Flush();
  }

  const SystemClock clock;
  const std::unique_ptr<Poller> poller = MakeSystemPoller();
  Reactor reactor{*poller, clock};
  Talker client, server;

 private:
  void HandleAccepted(Socket socket, const SocketAddress&) override {
    server.connection.Start(reactor, lender_, server, socket);
  }
  void HandleAcceptFailed(NetError, int) override {}

  BlockLender lender_{reactor, 4};
  Listener listener_;
};

// A line of 40 bytes there and back.
void BM_RoundTrip(benchmark::State& state) {
  Loopback loopback;
  loopback.server.answers = true;
  const std::string line(40, 'x');
  for (auto _ : state) {
    const size_t before = loopback.client.received_size;
    loopback.Say(line);
    while (loopback.client.received_size - before < line.size()) loopback.reactor.Turn();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_RoundTrip)->Apply(Counted);

// A message of `range(0)` bytes, one way.
void BM_Stream(benchmark::State& state) {
  Loopback loopback;
  const std::string message(static_cast<size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    const size_t before = loopback.server.received_size;
    loopback.Say(message);
    while (loopback.server.received_size - before < message.size()) loopback.reactor.Turn();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Stream)->Arg(1024)->Arg(64 * 1024)->Arg(1024 * 1024);

}  // namespace
}  // namespace postern
