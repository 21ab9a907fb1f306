// ServerWatch tells what a server uses of its machine: processor time and memory, of its process and all its children.
//
// The run owns it, on the main thread. It reads what the system tells of processes, which takes it some milliseconds: a
// thing for once a second.

#ifndef POSTERN_BENCH_LOAD_SERVER_WATCH_H_
#define POSTERN_BENCH_LOAD_SERVER_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/clock.h"

namespace postern {

struct ServerUsage {
  Duration cpu{0};             // user and system, since each process was born; of children that have ended too
  uint64_t resident_size = 0;  // bytes; pages that processes share count in each
  size_t process_count = 0;
};

class ServerWatch {
 public:
  explicit ServerWatch(int64_t pid) : pid_(pid) {}

  // Nothing when there is no such process.
  std::optional<ServerUsage> Look() const;

 private:
  const int64_t pid_;
};

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_SERVER_WATCH_H_
