// Resolver turns the names of hosts into addresses, away from the relay's reactor.
//
// The gateway shares it with the threads that answer; the relay starts questions and takes answers on its own. A
// question never moves while it is away, and its answer never comes inside the call that asked. SystemResolver asks the
// system's own, which blocks, for seconds when a server of names is silent; so several threads answer, and one that is
// stuck is left behind at the end. One that speaks DNS on the reactor will take its place.

#ifndef POSTERN_RELAY_RESOLVER_H_
#define POSTERN_RELAY_RESOLVER_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/bounded_queue.h"
#include "core/doorbell.h"

namespace postern {

struct Question {
  std::string host{};
  std::vector<std::string> addresses{};  // the answer: literals without brackets, in the order to be tried
  std::string error{};                   // why there is none; always temporary as far as the relay is concerned
  std::atomic<bool> begun{false};        // somebody looks for the answer; until then it waits for others
  void* owner = nullptr;
};

class Resolver {
 public:
  virtual ~Resolver() = default;
  // False when too many questions are away.
  virtual bool TryStart(Question& question) = 0;
  // An answered question, or null.
  virtual Question* TryTakeDone() = 0;
  virtual bool HasDone() const = 0;
};

// At most this many addresses of one name are tried.
inline constexpr size_t kAddressCountMax = 8;

class SystemResolver final : public Resolver {
 public:
  using LookUp = std::function<absl::StatusOr<std::vector<std::string>>(const std::string& host)>;

  // `relay` is woken when answers came home; nobody touches it after Close().
  SystemResolver(size_t question_count_max, Wakeable& relay);
  SystemResolver(size_t question_count_max, Wakeable& relay, LookUp look_up)
      : question_count_max_(question_count_max),
        look_up_(std::move(look_up)),
        relay_(relay),
        done_(question_count_max) {}

  // The relay's thread.
  bool TryStart(Question& question) override;
  Question* TryTakeDone() override;
  bool HasDone() const override { return !done_.LooksEmpty(); }

  // Answers until Close(); any number of threads. Who comes home from the system after it touches nothing but the
  // resolver itself, so every thread holds a share of that and need not be waited for.
  void Run();
  // No question is answered any more, and none is touched when this returns. Any thread, after the relay's has ended.
  void Close();

 private:
  const size_t question_count_max_;
  const LookUp look_up_;
  Wakeable& relay_;
  size_t away_count_ = 0;  // the relay's thread
  BoundedQueue<Question*> done_;

  std::mutex mutex_;  // held for moments, never while a name is looked up
  std::condition_variable asked_;
  std::deque<Question*> inbox_;
  bool closed_ = false;
};

}  // namespace postern

#endif  // POSTERN_RELAY_RESOLVER_H_
