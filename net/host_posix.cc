#include <grp.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "net/host.h"

namespace postern {
namespace {

constexpr int kLowPriority = 10;

sigset_t CaughtSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

std::string HostName() {
  char name[256] = "localhost";
  if (gethostname(name, sizeof name - 1) != 0) return "localhost";
  return name;
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

absl::Status DropPrivileges(const std::string& user) {
  errno = 0;
  const passwd* entry = getpwnam(user.c_str());
  if (entry == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("user \"", user, "\" is not known on this machine: create it, or name another"));
  }
  if (initgroups(user.c_str(), entry->pw_gid) != 0 || setgid(entry->pw_gid) != 0 || setuid(entry->pw_uid) != 0) {
    return absl::PermissionDeniedError(absl::StrCat("cannot become user \"", user, "\": ", strerror(errno)));
  }
  // The way back must be closed, or the drop was none.
  if (entry->pw_uid != 0 && setuid(0) == 0)
    return absl::InternalError("the privileges came back after they were dropped");
  return absl::OkStatus();
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

void LowerThreadPriority() { setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kLowPriority); }

void NameThread(const char* name) { pthread_setname_np(pthread_self(), name); }

}  // namespace postern
