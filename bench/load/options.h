// LoadOptions is what the command line asks for: whom to load, with what, for how long, and what to tell.
//
// A plain value that main makes and everybody reads. ParseOptions() tells mistakes and the help itself.

#ifndef POSTERN_BENCH_LOAD_OPTIONS_H_
#define POSTERN_BENCH_LOAD_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bench/load/mix.h"
#include "core/clock.h"
#include "net/address.h"

namespace postern {

struct LoadOptions {
  std::string target;     // as it was said
  SocketAddress address;  // what it means; main asks for it when the target is a name

  size_t connection_count = 10;
  size_t idle_count = 0;    // connections beside those, that say nothing
  size_t source_count = 0;  // addresses of 127/8 that connections come from; 0: the system chooses
  size_t thread_count = 1;
  uint64_t messages_per_connection = 0;  // 0: all that there are
  bool pipelining = true;
  bool chunking = true;

  Mix mix{4096};
  std::string from = "load@load.example";
  std::string to = "load@load.example";
  size_t recipient_count = 1;

  double rate = 0;             // messages a second of an open loop; 0: closed loop
  uint64_t message_count = 0;  // 0: any number
  Duration duration{0};        // 0: until message_count
  Duration warm_up{0};
  Duration timeout = std::chrono::seconds(30);  // for a connection, and for each reply

  int64_t pid = 0;  // the server's; 0: not known
  bool json = false;
  std::string report_file;  // empty: none

  // The addresses of the recipients: `to` itself, or with numbers behind its local part when there are several.
  std::vector<std::string> Recipients() const;
  // The address that the `index`-th connection comes from.
  std::optional<IpAddress> Source(size_t index) const;
};

// The options, or the exit code when there is nothing to do but to end.
std::variant<LoadOptions, int> ParseOptions(int argc, const char* const* argv);

// In a line or two, for reports.
std::string Summary(const LoadOptions& options);

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_OPTIONS_H_
