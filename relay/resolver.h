// Resolver turns the names of hosts into addresses, away from the relay's reactor.
//
// The gateway owns it. The relay starts questions and takes answers on its thread; a question never moves while it is
// away, and its answer never comes inside the call that asked. Literal addresses need no resolver. SystemResolver asks
// the system's own, which blocks, on a thread of its own; one that speaks DNS on the reactor will take its place.

#ifndef POSTERN_RELAY_RESOLVER_H_
#define POSTERN_RELAY_RESOLVER_H_

#include <atomic>
#include <cstddef>
#include <string>
#include <vector>

#include "core/bounded_queue.h"
#include "core/doorbell.h"

namespace postern {

struct Question {
  std::string host{};
  std::vector<std::string> addresses{};  // the answer: literals without brackets, in the order to be tried
  std::string error{};                   // why there is none; always temporary as far as the relay is concerned
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
  SystemResolver(size_t question_count_max, Wakeable& relay)
      : question_count_max_(question_count_max), inbox_(question_count_max), done_(question_count_max), relay_(relay) {}

  // The relay's thread.
  bool TryStart(Question& question) override;
  Question* TryTakeDone() override;
  bool HasDone() const override { return !done_.LooksEmpty(); }

  // The resolver's thread: answers one question; how many that were.
  size_t RunOnce();
  void Run(const std::atomic<bool>& stop);
  void Wake() { bell_.Wake(); }

 private:
  const size_t question_count_max_;
  size_t away_count_ = 0;  // the relay's thread
  BoundedQueue<Question*> inbox_;
  BoundedQueue<Question*> done_;
  Wakeable& relay_;
  ThreadDoorbell bell_;
};

}  // namespace postern

#endif  // POSTERN_RELAY_RESOLVER_H_
