#include <fcntl.h>
#include <grp.h>
#include <ifaddrs.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "net/host.h"
#include "net/socket.h"

namespace postern {
namespace {

constexpr int kLowPriority = 10;
constexpr size_t kSignalStackSize = 64 * 1024;  // enough to name the functions of the stack that has run over
constexpr off_t kWriteBackStretch = 256 * 1024;

sigset_t CaughtSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  return set;
}

// The calling thread's rights become `rights`, which it must have already, and nothing else.
bool SetRights(uint32_t rights) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  // The second half is for rights from number 32 on.
  __user_cap_data_struct data[2] = {{.effective = rights, .permitted = rights, .inheritable = 0}, {}};
  return syscall(SYS_capset, &header, data) == 0;
}

bool WriteAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = write(descriptor, bytes.data(), bytes.size());
    if (size < 0 && errno != EINTR) return false;
    if (size > 0) bytes.remove_prefix(static_cast<size_t>(size));
  }
  return true;
}

// Of a file to which `size` bytes were just written, sends whole stretches to the disk, and does not wait until they
// are there, at most for room in its queue. Left to itself the system writes what is half a minute old all at once, and
// a sync of the log on that disk waits behind it. What is no file has no such position, and nothing is done.
void WriteBackSteadily(int descriptor, size_t size) {
  const off_t end = lseek(descriptor, 0, SEEK_CUR);
  const off_t to = end - end % kWriteBackStretch;
  const off_t begin = end - static_cast<off_t>(size);
  if (begin < 0 || begin >= to) return;
  const off_t from = begin - begin % kWriteBackStretch;
  sync_file_range(descriptor, from, to - from, SYNC_FILE_RANGE_WRITE);
}

}  // namespace

std::string HostName() {
  char name[256] = "localhost";
  if (gethostname(name, sizeof name - 1) != 0) return "localhost";
  return name;
}

std::vector<IpAddress> MachineAddresses() {
  std::vector<IpAddress> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return addresses;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0) continue;
    const int family = entry->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    char text[NI_MAXHOST];
    if (getnameinfo(entry->ifa_addr, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) continue;
    // A link-local one names its interface too: "fe80::1%eth0".
    const std::string_view whole = text;
    const std::optional<IpAddress> ip = IpAddress::Parse(whole.substr(0, whole.find('%')));
    if (!ip.has_value() || std::find(addresses.begin(), addresses.end(), *ip) != addresses.end()) continue;
    addresses.push_back(*ip);
  }
  freeifaddrs(list);
  return addresses;
}

int64_t ProcessId() { return getpid(); }

bool IsSuperuser() { return geteuid() == 0; }

uint64_t RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

absl::Status DropPrivileges(const std::string& user, BindRight bind_right) {
  const passwd* entry = getpwnam(user.c_str());
  if (entry == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("user \"", user, "\" is not known on this machine: create it, or name another"));
  }
  const bool keep = bind_right == BindRight::kKeep && entry->pw_uid != 0;
  // A change of the user drops all rights, unless the thread asks to keep them; all but one go right after.
  if (keep) prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
  if (initgroups(user.c_str(), entry->pw_gid) != 0 || setgid(entry->pw_gid) != 0 || setuid(entry->pw_uid) != 0) {
    return absl::PermissionDeniedError(absl::StrCat("cannot become user \"", user, "\": ", SystemErrorText(errno)));
  }
  if (keep) {
    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
    if (!SetRights(1u << CAP_NET_BIND_SERVICE)) {
      return absl::PermissionDeniedError(absl::StrCat("cannot keep the right to bind: ", SystemErrorText(errno)));
    }
  }
  // The way back must be closed, or the drop was none.
  if (entry->pw_uid != 0 && setuid(0) == 0) {
    return absl::InternalError("the privileges came back after they were dropped");
  }
  return absl::OkStatus();
}

void DropBindRight() {
  // Who is root has not dropped anything, and means to stay so.
  if (geteuid() != 0) SetRights(0);
}

absl::StatusOr<int> RunApart(absl::FunctionRef<int(ByteSink write)> task, ByteSink sink) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "no pipe to another process");
  std::fflush(nullptr);  // or both would write what waits in our streams
  const pid_t child = fork();
  if (child < 0) {
    const absl::Status status = absl::ErrnoToStatus(errno, "no other process");
    close(ends[0]);
    close(ends[1]);
    return status;
  }
  if (child == 0) {
    signal(SIGPIPE, SIG_IGN);
    close(ends[0]);
    const int code = task([&ends](std::string_view bytes) { return WriteAll(ends[1], bytes); });
    std::fflush(nullptr);
    _exit(code);
  }
  close(ends[1]);
  std::array<char, 64 * 1024> memory;
  for (;;) {
    const ssize_t size = read(ends[0], memory.data(), memory.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0 || !sink({memory.data(), static_cast<size_t>(size)})) break;
  }
  close(ends[0]);
  int state = 0;
  while (waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(state)) return absl::InternalError("the other process has died");
  return WEXITSTATUS(state);
}

void CatchSignals() {
  const sigset_t set = CaughtSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);  // threads inherit it: only WaitForSignal() sees them
  signal(SIGPIPE, SIG_IGN);
}

Signal WaitForSignal(Duration timeout) {
  const sigset_t set = CaughtSignals();
  const timespec wait{.tv_sec = timeout.count() / 1'000'000'000, .tv_nsec = timeout.count() % 1'000'000'000};
  switch (sigtimedwait(&set, nullptr, &wait)) {
    case SIGTERM:
    case SIGINT: return Signal::kStop;
    case SIGHUP: return Signal::kReload;
    default: return Signal::kNone;
  }
}

bool WriteToStandardError(std::string_view bytes, Duration patience) {
  const size_t size = bytes.size();
  while (!bytes.empty()) {
    pollfd ready{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
    const int count = poll(&ready, 1, static_cast<int>(patience.count() / 1'000'000));
    if (count == 0) return false;
    // A pipe that is ready takes so much without blocking.
    const ssize_t written = write(STDERR_FILENO, bytes.data(), std::min<size_t>(bytes.size(), PIPE_BUF));
    if (written < 0 && errno != EINTR && errno != EAGAIN) return false;
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
  }
  WriteBackSteadily(STDERR_FILENO, size);
  return true;
}

void LowerThreadPriority() { setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kLowPriority); }

void NameThread(const char* name) { pthread_setname_np(pthread_self(), name); }

void RunWithSignalStack(absl::FunctionRef<void()> run) {
  const auto memory = std::make_unique_for_overwrite<char[]>(kSignalStackSize);
  const stack_t ours{.ss_sp = memory.get(), .ss_flags = 0, .ss_size = kSignalStackSize};
  stack_t before{};
  const bool changed = sigaltstack(&ours, &before) == 0;
  run();
  if (changed) sigaltstack(&before, nullptr);
}

}  // namespace postern
