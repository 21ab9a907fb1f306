#include "gateway/threads.h"

#include <chrono>
#include <utility>

#include "core/clock.h"
#include "gateway/crash_handler.h"
#include "net/host.h"

namespace postern {
namespace {

// Nobody waits for the relay: under load it comes by for what has gathered, and each batch costs one wake-up less.
constexpr std::chrono::milliseconds kRelayLinger(3);

}  // namespace

Threads::Threads(Gateway& gateway, EventBuffer& events) : gateway_(gateway), events_(events) {
  gateway.relay_reactor().set_linger(kRelayLinger);
  Start(workers_, "events", nullptr, [this] { events_.Run(stop_workers_); });
  for (size_t i = 0; i < gateway.writer_count(); ++i) {
    Start(workers_, "store-writer", gateway.writer_slot(i),
          [&writer = gateway.writer(i), this] { writer.Run(stop_workers_); });
  }
  Start(workers_, "mailbox-writer", gateway.mailbox_slot(), [this] {
    LowerThreadPriority();  // taking mail in comes before putting it away
    gateway_.mailboxes().Run(stop_workers_);
  });
  const auto turn = [this](Reactor& reactor) {
    return [&reactor, this] {
      while (!stop_reactors_.load(std::memory_order_acquire)) reactor.Turn();
    };
  };
  Start(reactors_, "relay", gateway.relay_slot(), turn(gateway.relay_reactor()));
  for (size_t i = 0; i < gateway.reactor_count(); ++i) {
    Start(reactors_, "reactor", gateway.reactor_slot(i), turn(gateway.reactor(i)));
  }
}

Threads::~Threads() {
  stop_reactors_.store(true, std::memory_order_release);
  gateway_.relay_reactor().Wake();
  for (size_t i = 0; i < gateway_.reactor_count(); ++i) gateway_.reactor(i).Wake();
  for (std::thread& thread : reactors_) thread.join();
  stop_workers_.store(true, std::memory_order_release);
  events_.Wake();
  gateway_.mailboxes().Wake();
  for (size_t i = 0; i < gateway_.writer_count(); ++i) gateway_.writer(i).Wake();
  for (std::thread& thread : workers_) thread.join();
}

void Threads::Start(std::vector<std::thread>& group, const char* name, WorkSlot* slot, std::function<void()> run) {
  group.emplace_back([name, slot, run = std::move(run)] {
    SetThreadSlot(slot);
    DropBindRight();
    NameThread(name);
    RunWithSignalStack(run);
  });
}

}  // namespace postern
