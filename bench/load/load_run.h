// LoadRun puts a thread round each worker, watches over them, and sums up what they have seen.
//
// main makes one, on its thread, after CatchSignals(): INT and TERM end the load and tell what was seen so far, a
// second one ends it at once.

#ifndef POSTERN_BENCH_LOAD_LOAD_RUN_H_
#define POSTERN_BENCH_LOAD_LOAD_RUN_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bench/load/mail.h"
#include "bench/load/options.h"
#include "bench/load/plan.h"
#include "bench/load/report.h"
#include "bench/load/report_text.h"
#include "bench/load/server_watch.h"
#include "bench/load/worker.h"
#include "core/clock.h"
#include "net/poller.h"

namespace postern {

class LoadRun {
 public:
  // `mails` as many as options.mix has parts.
  LoadRun(const LoadOptions& options, std::vector<Mail> mails);
  ~LoadRun();
  LoadRun(const LoadRun&) = delete;
  LoadRun& operator=(const LoadRun&) = delete;

  // All of it, once. The greeting is left to the caller.
  LoadReport Run();

 private:
  struct Crewman {
    std::unique_ptr<Poller> poller;
    std::unique_ptr<Worker> worker;
    std::thread thread;
    std::atomic<bool> idle_settled{false};
    std::atomic<bool> done{false};
  };

  void StartThreads();
  void Post(void (Worker::*what)());
  bool All(std::atomic<bool> Crewman::*flag) const;
  void WaitForIdle();
  void WaitForEnd();
  void HandleStopSignal();
  void StartMeasuring();
  void LookAtServer();
  void ShowProgress(MonotonicTime now);
  Progress ReadProgress(MonotonicTime now) const;
  LoadReport SumUp();

  const LoadOptions options_;
  const std::vector<Mail> mails_;
  const SystemClock clock_;
  Plan plan_;
  std::vector<std::unique_ptr<Crewman>> crew_;
  const bool shows_progress_;
  Progress shown_;

  WallTime began_;
  bool measuring_ = false;
  Duration generator_cpu_at_start_{0};
  const ServerWatch watch_;
  std::optional<ServerUsage> server_at_start_;
  std::optional<ServerUsage> server_last_;
  uint64_t server_resident_size_max_ = 0;
};

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_LOAD_RUN_H_
