// Dialog is a talk with a server in lines, by somebody who has nothing else to do and waits for each answer.
//
// A command, or the start of the program, owns it, on the main thread: it blocks, so it never comes near a reactor; it
// has a poller of its own. Every wait is bounded by a deadline.

#ifndef POSTERN_NET_DIALOG_H_
#define POSTERN_NET_DIALOG_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/clock.h"
#include "net/address.h"
#include "net/op.h"
#include "net/poller.h"

namespace postern {

class Dialog {
 public:
  // Unavailable, in the system's words, when nobody answers before `deadline`.
  static absl::StatusOr<Dialog> Connect(const SocketAddress& server, MonotonicTime deadline);
  Dialog(Dialog&& other) noexcept;
  Dialog& operator=(Dialog&&) = delete;
  ~Dialog();

  // A line without its end; of a longer one the first 2,048 bytes. DeadlineExceeded when none came in time, OutOfRange
  // when the server has closed.
  absl::StatusOr<std::string> ReadLine(MonotonicTime deadline);
  absl::Status Write(std::string_view text, MonotonicTime deadline);

 private:
  explicit Dialog(Socket socket) : poller_(MakeSystemPoller()), socket_(socket) {}
  // What the op brought, or why it brought nothing before `deadline`.
  absl::StatusOr<size_t> Await(Op& op, MonotonicTime deadline) const;

  std::unique_ptr<Poller> poller_;
  Socket socket_;
  std::string input_;  // what came after the last line
};

// What a server says first, or nothing when it has not in `wait_max`. A wildcard is asked on this machine.
std::string ReadGreeting(const SocketAddress& server, Duration wait_max);

}  // namespace postern

#endif  // POSTERN_NET_DIALOG_H_
