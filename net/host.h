// What the program needs of its machine beside sockets and files: its name, its signals, its rights.
//
// Plain functions, called on the main thread while the program starts, but for signal flags, which are set in handlers.

#ifndef POSTERN_NET_HOST_H_
#define POSTERN_NET_HOST_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/clock.h"
#include "net/address.h"

namespace postern {

std::string HostName();                     // as the machine calls itself; nothing is asked of DNS
std::vector<IpAddress> MachineAddresses();  // of all its interfaces that are up, each once
int64_t ProcessId();
bool IsSuperuser();

// As many descriptors as the system lets us have; returns how many that is.
uint64_t RaiseDescriptorLimit();

enum class BindRight : uint8_t { kDrop, kKeep };

// Becomes `user`, with its groups, for good. Needs to be root. With kKeep the one right that stays is to listen on
// ports below 1024, for a port that is not free yet; DropBindRight() ends that too.
absl::Status DropPrivileges(const std::string& user, BindRight bind_right = BindRight::kDrop);

// Rights belong to threads, and a new thread gets its maker's. So of a program that kept the bind right every thread
// but the one that will use it calls this first thing, and that one when it has the port. Harmless without the right.
void DropBindRight();

// Runs `task` in a process of its own and returns its exit code: it may drop rights that we need afterwards. What it
// hands to its `write` comes to `sink` here, in order; when that returns false, so does `write` from then on. Call
// while there is one thread.
using ByteSink = absl::FunctionRef<bool(std::string_view bytes)>;
absl::StatusOr<int> RunApart(absl::FunctionRef<int(ByteSink write)> task, ByteSink sink);

enum class Signal : uint8_t { kNone, kStop, kReload };

// From here on TERM and INT mean kStop, HUP means kReload, and PIPE nothing. Call before any thread is started.
// On Windows a crash of any thread raises SIGABRT there.
void CatchSignals();
// The next signal that came, or kNone after `timeout`.
Signal WaitForSignal(Duration timeout);

// Writes all of it to standard error; false when its reader takes nothing for `patience`. Any thread.
bool WriteToStandardError(std::string_view bytes, Duration patience);

// Lets everybody else go first when there is not enough processor time; for the calling thread.
void LowerThreadPriority();
void NameThread(const char* name);  // 15 bytes at most

// Runs `run` on the calling thread, whose signals have a stack of their own meanwhile: whoever handles a crash can do
// so when what has run over is the stack. On Windows it just runs it.
void RunWithSignalStack(absl::FunctionRef<void()> run);

}  // namespace postern

#endif  // POSTERN_NET_HOST_H_
