// Threads puts a thread round each actor of a gateway: nothing else in the program starts one.
//
// `postern serve` owns it, on the main thread, from after Gateway::Open() until the gateway has drained. An actor's
// state belongs to its thread for as long as that runs.

#ifndef POSTERN_GATEWAY_THREADS_H_
#define POSTERN_GATEWAY_THREADS_H_

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "gateway/event_buffer.h"
#include "gateway/gateway.h"

namespace postern {

class Threads {
 public:
  // Both are lent and outlive it.
  Threads(Gateway& gateway, EventBuffer& events);
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  void Start(std::vector<std::thread>& group, const char* name, WorkSlot* slot, std::function<void()> run);

  Gateway& gateway_;
  EventBuffer& events_;
  // Those who give work end first, those who do it afterwards: the writers last, with the logs sealed.
  std::atomic<bool> stop_reactors_{false};
  std::atomic<bool> stop_workers_{false};
  std::vector<std::thread> reactors_;
  std::vector<std::thread> workers_;
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_THREADS_H_
