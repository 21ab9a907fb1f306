#include "bench/load/load_run.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/load/terminal.h"
#include "net/host.h"

namespace postern {
namespace {

constexpr Duration kLookInterval = std::chrono::seconds(1);
constexpr Duration kSignalInterval = std::chrono::milliseconds(50);

// Of all threads of this process.
Duration ProcessCpu() {
  return Duration(static_cast<int64_t>(static_cast<double>(std::clock()) * (1e9 / CLOCKS_PER_SEC)));
}

void Show(std::string_view text) { WriteToStandardError(text, std::chrono::milliseconds(100)); }

}  // namespace

LoadRun::LoadRun(const LoadOptions& options, std::vector<Mail> mails)
    : options_(options),
      mails_(std::move(mails)),
      plan_(options.warm_up, options.duration, options.message_count),
      shows_progress_(StandardErrorIsTerminal()),
      watch_(options.pid) {
  for (size_t i = 0; i < options_.thread_count; ++i) {
    auto crewman = std::make_unique<Crewman>();
    crewman->poller = MakeSystemPoller();
    crewman->worker = std::make_unique<Worker>(
        *crewman->poller, clock_, Worker::Setup{.options = options_, .mails = mails_, .plan = plan_, .index = i});
    crew_.push_back(std::move(crewman));
  }
}

LoadRun::~LoadRun() {
  for (const auto& crewman : crew_) {
    if (crewman->thread.joinable()) crewman->thread.join();
  }
}

LoadReport LoadRun::Run() {
  StartThreads();
  WaitForIdle();
  began_ = clock_.Wall();
  plan_.Begin(clock_.Monotonic());
  Post(&Worker::Begin);
  WaitForEnd();
  for (const auto& crewman : crew_) crewman->thread.join();
  return SumUp();
}

void LoadRun::StartThreads() {
  for (const auto& crewman : crew_) {
    crewman->thread = std::thread([&man = *crewman] {
      NameThread("load");
      man.worker->HoldIdle();
      while (!man.worker->done()) {
        if (man.worker->idle().settled()) man.idle_settled.store(true, std::memory_order_release);
        man.worker->Turn(std::chrono::seconds(60));
      }
      man.done.store(true, std::memory_order_release);
    });
  }
}

void LoadRun::Post(void (Worker::*what)()) {
  for (const auto& crewman : crew_) {
    crewman->worker->reactor().Post([worker = crewman->worker.get(), what] { (worker->*what)(); });
  }
}

bool LoadRun::All(std::atomic<bool> Crewman::*flag) const {
  return std::all_of(crew_.begin(), crew_.end(), [flag](const std::unique_ptr<Crewman>& crewman) {
    return ((*crewman).*flag).load(std::memory_order_acquire);
  });
}

void LoadRun::WaitForIdle() {
  while (!All(&Crewman::idle_settled) && !plan_.stopped()) {
    if (WaitForSignal(kSignalInterval) == Signal::kStop) HandleStopSignal();
  }
}

void LoadRun::WaitForEnd() {
  MonotonicTime next_look = plan_.measured_from();
  while (!All(&Crewman::done)) {
    const MonotonicTime now = clock_.Monotonic();
    if (now >= next_look) {
      if (!measuring_) StartMeasuring();
      LookAtServer();
      next_look = next_look + kLookInterval;
    }
    if (now - plan_.start() >= shown_.time + kLookInterval) ShowProgress(now);
    const Duration wait = std::clamp(next_look - now, Duration::zero(), kSignalInterval);
    if (WaitForSignal(wait) == Signal::kStop) HandleStopSignal();
  }
  if (measuring_) LookAtServer();
  if (shows_progress_) Show("\n");
}

void LoadRun::HandleStopSignal() {
  if (plan_.stopped()) return Post(&Worker::Abort);
  plan_.Stop();
  for (const auto& crewman : crew_) crewman->worker->reactor().Wake();
}

void LoadRun::StartMeasuring() {
  measuring_ = true;
  generator_cpu_at_start_ = ProcessCpu();
  if (options_.pid != 0) server_at_start_ = watch_.Look();
}

void LoadRun::LookAtServer() {
  if (!server_at_start_) return;
  const std::optional<ServerUsage> usage = watch_.Look();
  if (!usage) return;
  server_last_ = usage;
  server_resident_size_max_ = std::max(server_resident_size_max_, usage->resident_size);
}

Progress LoadRun::ReadProgress(MonotonicTime now) const {
  Progress progress{.time = now - plan_.start()};
  for (const auto& crewman : crew_) {
    const LiveCounts& counts = crewman->worker->counts();
    progress.message_count += counts.message_count.load(std::memory_order_relaxed);
    progress.byte_count += counts.byte_count.load(std::memory_order_relaxed);
    progress.failed_count += counts.failed_count.load(std::memory_order_relaxed);
  }
  return progress;
}

void LoadRun::ShowProgress(MonotonicTime now) {
  const Progress progress = ReadProgress(now);
  const bool warming_up = now < plan_.measured_from();
  if (shows_progress_) Show(absl::StrCat("\r", ProgressLine(progress, shown_), warming_up ? "  warm-up" : "         "));
  shown_ = progress;
}

LoadReport LoadRun::SumUp() {
  LoadReport report;
  report.options = options_;
  report.began = began_;
  report.interrupted = plan_.stopped();
  for (const auto& crewman : crew_) {
    report.tally.Merge(crewman->worker->tally());
    report.idle_held_count += crewman->worker->idle_held_count();
  }
  report.idle_lost_count = options_.idle_count - report.idle_held_count;
  if (!plan_.stopped() && !plan_.all_taken()) report.planned = options_.duration;
  if (measuring_) report.generator_cpu = ProcessCpu() - generator_cpu_at_start_;
  if (server_at_start_ && server_last_) {
    report.server_cpu = std::max(Duration::zero(), server_last_->cpu - server_at_start_->cpu);
    report.server_resident_size_max = server_resident_size_max_;
    report.server_process_count = server_last_->process_count;
  }
  return report;
}

}  // namespace postern
