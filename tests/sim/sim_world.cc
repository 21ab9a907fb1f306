#include "tests/sim/sim_world.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/sim/sim_poller.h"

namespace postern {
namespace {

constexpr Duration kWatchInterval = std::chrono::milliseconds(250);  // as `postern serve` does
constexpr int kDepthMax = 3;
constexpr uint64_t kPauseStepsMax = 12;

// A reactor's thread: it turns as long as there is something to do, and once more, since what ops and timers have led
// to is told to others by the hooks of the next turn.
class ReactorThread final : public SimActor {
 public:
  ReactorThread(std::string name, Reactor& reactor, const Clock& clock)
      : name_(std::move(name)), reactor_(reactor), clock_(clock) {}

  std::string_view name() const override { return name_; }
  MonotonicTime NextDue() override { return again_ ? MonotonicTime{} : NextWork(); }
  void Step() override {
    again_ = NextWork() <= clock_.Monotonic();
    reactor_.Turn(Duration::zero());
  }

 private:
  MonotonicTime NextWork() {
    if (reactor_.HasWork()) return {};
    return std::min(static_cast<SimPoller&>(reactor_.poller()).NextDue(), reactor_.timers().NextDue());
  }

  const std::string name_;
  Reactor& reactor_;
  const Clock& clock_;
  bool again_ = true;
};

// The thread of whoever has HasWork() and RunOnce().
template <typename Worker>
class WorkerThread final : public SimActor {
 public:
  WorkerThread(std::string name, Worker& worker) : name_(std::move(name)), worker_(worker) {}

  std::string_view name() const override { return name_; }
  MonotonicTime NextDue() override { return worker_.HasWork() ? MonotonicTime{} : kNever; }
  void Step() override { worker_.RunOnce(); }

 private:
  const std::string name_;
  Worker& worker_;
};

}  // namespace

SimWorld::SimWorld(uint64_t seed, const Config& config, SimWorldOptions options)
    : config_(config),
      options_(options),
      random_(seed),
      network_(clock_, seed ^ 0x9E3779B97F4A7C15, options.network),
      dns_(clock_, seed ^ 0xC2B2AE3D27D4EB4F, options.dns),
      sink_([](std::string_view) {}),
      events_(clock_,
              [this](std::string_view line) {
                Trace("event", line.substr(0, line.size() - 1));
                sink_(line);
              }),
      outside_{.clock = clock_,
               .make_poller = [this] { return std::make_unique<SimPoller>(network_); },
               .make_dns = [this](const DnsOptions&, Poller&) { return dns_.MakeClient(); },
               .open_directory = directory_opener(),
               .addresses = {*IpAddress::Parse("10.1.0.1")},
               .seed = seed,
               .watch_crashes = [this](BlackBox* box, WorkSlot*) { black_box_ = box; }} {
  disk_.set_pause([this] { PauseOnDisk(); });
}

SimWorld::~SimWorld() {
  depth_ = 0;  // an exception may have led here
  if (running()) Kill();
}

bool SimWorld::Chance(double probability) {
  return std::uniform_real_distribution<double>(0, 1)(random_) < probability;
}

uint64_t SimWorld::Below(uint64_t limit) { return std::uniform_int_distribution<uint64_t>(0, limit - 1)(random_); }

Duration SimWorld::Within(Duration max) {
  return Duration(std::uniform_int_distribution<int64_t>(0, max.count())(random_));
}

void SimWorld::SetClock(Duration forward) {
  latest_wall_ = latest_wall();
  clock_.SetWall(clock_.Wall() + forward);
}

DirectoryOpener SimWorld::directory_opener() {
  return [this](const std::string& path) { return disk_.Open(path); };
}

void SimWorld::Trace(std::string_view who, std::string_view what) {
  if (!options_.trace) return;
  absl::FPrintF(stderr, "%12.6f %6d %-10s %s\n", static_cast<double>(now().ns - 1'000'000'000'000) / 1e9, step_count_,
                who, what);
}

// Steps.

void SimWorld::Add(SimActor& actor) {
  CHECK_EQ(depth_, 0);
  entries_.push_back({.actor = &actor});
}

void SimWorld::Remove(SimActor& actor) {
  CHECK_EQ(depth_, 0);
  std::erase_if(entries_, [&actor](const Entry& entry) { return entry.actor == &actor; });
}

bool SimWorld::Step() {
  if (fate_ != nullptr && fate_->NextDue() <= now()) {
    ++step_count_;
    fate_->Step();
    return true;
  }
  // One look at the disk for all the time that was slept: it is the state that counts.
  if (running() && now() >= next_watch_) {
    next_watch_ = now() + kWatchInterval;
    gateway_->Watch();
  }
  if (StepNow()) return true;
  const MonotonicTime next = NextDue();
  if (next == kNever) return false;
  MoveTo(next);
  return true;
}

MonotonicTime SimWorld::NextDue() {
  MonotonicTime next = network_.NextArrivalTime();
  if (fate_ != nullptr && depth_ == 0) next = std::min(next, fate_->NextDue());
  for (const Entry& entry : entries_) {
    if (!entry.busy) next = std::min(next, std::max(entry.actor->NextDue(), entry.stalled_until));
  }
  return next;
}

void SimWorld::MoveTo(MonotonicTime time) {
  if (time <= now()) return;
  clock_.AdvanceTo(time);
  step_count_at_move_ = step_count_;
}

bool SimWorld::StepNow() {
  network_.Run();
  std::vector<size_t> ready;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (!entry.busy && entry.stalled_until <= now() && entry.actor->NextDue() <= now()) ready.push_back(i);
  }
  if (ready.empty()) return false;
  StepEntry(ready[Below(ready.size())]);
  return true;
}

void SimWorld::StepEntry(size_t index) {
  SimActor& actor = *entries_[index].actor;
  ++step_count_;
  digest_ = (digest_ ^ (static_cast<uint64_t>(now().ns) * 31 + index)) * 0x100000001B3;
  Trace(actor.name(), "step");
  entries_[index].busy = true;
  ++depth_;
  actor.Step();
  --depth_;
  entries_[index].busy = false;
  if (Chance(0.3)) MoveTo(now() + Within(std::chrono::microseconds(100)));
  if (Chance(options_.stall)) {
    const Duration while_max = Chance(0.1) ? std::chrono::seconds(3) : std::chrono::milliseconds(50);
    entries_[index].stalled_until = now() + Within(while_max);
  }
}

// Somebody has just called the disk. He is held up for some steps of the others; death comes when he is back.
void SimWorld::PauseOnDisk() {
  if (depth_ == 0 || depth_ >= kDepthMax || disk_.stopped() || !Chance(options_.disk_pause)) return;
  for (uint64_t left = 1 + Below(kPauseStepsMax); left > 0 && !disk_.stopped(); --left) {
    if (StepNow()) continue;
    const MonotonicTime next = NextDue();
    if (next == kNever || next - now() > std::chrono::milliseconds(20)) return;
    MoveTo(next);
  }
}

// Lives.

absl::Status SimWorld::Start() {
  CHECK(!running() && depth_ == 0);
  ++life_;
  next_watch_ = now();
  absl::StatusOr<std::unique_ptr<Gateway>> opened = Gateway::Open(config_, outside_, events_, absl::StrCat(life_));
  if (!opened.ok()) return opened.status();
  gateway_ = *std::move(opened);
  const auto listen = [this](const SocketAddress& address) {
    const SocketResult listening = network_.ListenOn(address, 64);
    CHECK(listening.socket.valid()) << listening.what;
    return listening.socket;
  };
  for (const SocketAddress& address : ListenAddresses(config_)) gateway_->Listen(listen(address));
  gateway_->ListenControl(listen(SocketAddress::Unix(config_.control_socket())));
  AddGatewayActors();
  return absl::OkStatus();
}

void SimWorld::AddGatewayActors() {
  for (size_t i = 0; i < gateway_->reactor_count(); ++i) {
    threads_.push_back(std::make_unique<ReactorThread>(absl::StrCat("reactor", i), gateway_->reactor(i), clock_));
  }
  threads_.push_back(std::make_unique<ReactorThread>("relay", gateway_->relay_reactor(), clock_));
  for (size_t i = 0; i < gateway_->writer_count(); ++i) {
    threads_.push_back(std::make_unique<WorkerThread<StoreWriter>>(absl::StrCat("writer", i), gateway_->writer(i)));
  }
  threads_.push_back(std::make_unique<WorkerThread<MailboxWriter>>("mailboxes", gateway_->mailboxes()));
  for (const auto& thread : threads_) Add(*thread);
}

bool SimWorld::poisoned() const {
  for (size_t i = 0; running() && i < gateway_->writer_count(); ++i) {
    if (gateway_->writer(i).poisoned()) return true;
  }
  return false;
}

void SimWorld::DropGateway(bool reset) {
  CHECK_EQ(depth_, 0);
  for (const auto& thread : threads_) Remove(*thread);
  threads_.clear();
  gateway_.reset();
  network_.CloseAllBut(survivors_, reset);
}

void SimWorld::Kill() {
  Trace("fate", "the process is killed");
  disk_.Kill();  // first: a dead process's destructors write nothing
  DropGateway(/*reset=*/false);
}

void SimWorld::PowerCut() {
  Trace("fate", "the power is cut");
  disk_.PowerCut(random_);
  DropGateway(/*reset=*/true);
}

bool SimWorld::Drain() {
  CHECK_EQ(depth_, 0);
  if (!gateway_->Drain()) return false;
  // As the threads do it when they are told to stop.
  const std::atomic<bool> stop{true};
  gateway_->mailboxes().Run(stop);
  for (size_t i = 0; i < gateway_->writer_count(); ++i) gateway_->writer(i).Run(stop);
  Trace("fate", "the gateway has ended");
  left_open_count_ = network_.open_count() - survivors_.size();
  DropGateway(/*reset=*/false);
  return true;
}

}  // namespace postern
