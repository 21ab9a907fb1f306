// Faults for a real program: a library for LD_PRELOAD that stands before the C library's calls.
//
// POSTERN_FAULTS names the file of the table (fault_table.h). Each call asks Judge() what is to become of it, by the
// rules that are armed at that moment; without one it is made as if nobody stood here. Nothing in the product knows.
// Bytes that a rule looks for are found within one buffer, not across two.

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <span>
#include <string_view>

#include "tests/faults/fault_table.h"

extern "C" void* __libc_malloc(size_t size);  // what malloc() of glibc is; dlsym() may itself want memory

namespace postern::faults {
namespace {

FaultTable* table = nullptr;

[[noreturn]] void Die(const char* what, const char* file) {
  std::fprintf(stderr, "fault shim: %s: %s\n", file, what);
  std::_Exit(99);
}

__attribute__((constructor)) void MapTable() {
  const char* file = std::getenv("POSTERN_FAULTS");
  if (file == nullptr) return;
  const int fd = ::open(file, O_RDWR | O_CLOEXEC);
  if (fd < 0) Die(std::strerror(errno), file);
  void* memory = ::mmap(nullptr, sizeof(FaultTable), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) Die(std::strerror(errno), file);
  ::close(fd);
  auto* mapped = static_cast<FaultTable*>(memory);
  if (mapped->magic != kFaultMagic || mapped->rule_size != sizeof(Rule)) Die("not a table of this shim's layout", file);
  table = mapped;
}

// The function that we stand before.
template <typename Function>
Function* Next(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

struct Call {
  Calls kind;
  int fd = -1;  // of the file, or of the folder that `name` is in
  const char* name = nullptr;
  uint64_t size = 0;
  std::span<const iovec> pieces = {};
  bool made = false;  // the bytes have come: the rules that ask for none were heard before
};

struct Verdict {
  int error = 0;
  uint64_t size_max = UINT64_MAX;
  int64_t shift = 0;
};

bool Contains(const Call& call, std::string_view bytes) {
  return std::any_of(call.pieces.begin(), call.pieces.end(), [bytes](const iovec& piece) {
    return memmem(piece.iov_base, piece.iov_len, bytes.data(), bytes.size()) != nullptr;
  });
}

bool PathContains(const Call& call, const char* part) {
  char path[2 * PATH_MAX] = "";
  size_t size = 0;
  if (call.fd >= 0 && (call.name == nullptr || call.name[0] != '/')) {
    char link[32];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", call.fd);
    size = static_cast<size_t>(std::max<ssize_t>(0, readlink(link, path, PATH_MAX)));
  }
  if (call.name != nullptr) std::snprintf(path + size, sizeof path - size, "%s%s", size > 0 ? "/" : "", call.name);
  return std::strstr(path, part) != nullptr;
}

bool Matches(const Rule& rule, const Call& call) {
  if (rule.armed.load(std::memory_order_acquire) == 0 || (rule.calls & call.kind) == 0) return false;
  if (call.size < rule.size_min || (rule.size_max > 0 && call.size > rule.size_max)) return false;
  if (rule.bytes_size > 0 ? !Contains(call, {rule.bytes, rule.bytes_size}) : call.made) return false;
  return rule.path[0] == '\0' || PathContains(call, rule.path);
}

// Whether it is this call's turn.
bool Hits(Rule& rule) {
  const uint64_t seen = rule.seen_count.fetch_add(1);
  if (seen < rule.skip_count || (seen - rule.skip_count) % rule.every != 0) return false;
  if (rule.hit_count_max > 0 && (seen - rule.skip_count) / rule.every >= rule.hit_count_max) return false;
  rule.hit_count.fetch_add(1);
  return true;
}

void Sleep(int64_t ns) {
  timespec rest{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  while (nanosleep(&rest, &rest) != 0 && errno == EINTR) continue;
}

void Apply(Rule& rule, Verdict& verdict) {
  switch (rule.effect) {
    case Effect::kFail: verdict.error = rule.error; return;
    case Effect::kShorten: verdict.size_max = std::min(verdict.size_max, static_cast<uint64_t>(rule.value)); return;
    case Effect::kDelay: Sleep(rule.value); return;
    case Effect::kStall:
      while (rule.armed.load(std::memory_order_acquire) != 0) Sleep(1'000'000);
      return;
    case Effect::kAbort: std::abort();
    case Effect::kShift: verdict.shift += rule.value; return;
  }
}

Verdict Judge(const Call& call) {
  Verdict verdict;
  if (table == nullptr || (table->calls.load(std::memory_order_relaxed) & call.kind) == 0) return verdict;
  const int saved = errno;
  for (Rule& rule : table->rules) {
    if (Matches(rule, call) && Hits(rule)) Apply(rule, verdict);
  }
  errno = saved;
  return verdict;
}

// The call made, or its failure.
template <typename Make>
auto MakeUnlessRefused(const Call& call, Make make) -> decltype(make()) {
  if (const Verdict verdict = Judge(call); verdict.error != 0) {
    errno = verdict.error;
    return -1;
  }
  return make();
}

template <typename Make>
ssize_t Put(Calls kind, int fd, const void* bytes, size_t size, Make make) {
  const iovec piece{.iov_base = const_cast<void*>(bytes), .iov_len = size};
  const Verdict verdict = Judge({.kind = kind, .fd = fd, .size = size, .pieces = {&piece, 1}});
  if (verdict.error == 0) return make(std::min(size, verdict.size_max));
  errno = verdict.error;
  return -1;
}

template <typename Make>
ssize_t PutVector(int fd, const iovec* pieces, int count, Make make) {
  const std::span<const iovec> all(pieces, static_cast<size_t>(count));
  uint64_t size = 0;
  for (const iovec& piece : all) size += piece.iov_len;
  const Verdict verdict = Judge({.kind = kWrite, .fd = fd, .size = size, .pieces = all});
  if (verdict.error != 0) {
    errno = verdict.error;
    return -1;
  }
  if (verdict.size_max >= size) return make(pieces, count);
  // A short write: as many whole pieces as fit, or a part of the first one.
  uint64_t rest = verdict.size_max;
  int whole = 0;
  while (whole < count && pieces[whole].iov_len <= rest) rest -= pieces[whole++].iov_len;
  if (whole > 0) return make(pieces, whole);
  const iovec part{.iov_base = pieces[0].iov_base, .iov_len = rest};
  return make(&part, 1);
}

template <typename Make>
ssize_t Get(Calls kind, int fd, void* bytes, size_t size, Make make) {
  Call call{.kind = kind, .fd = fd, .size = size};
  Verdict verdict = Judge(call);
  ssize_t result = -1;
  if (verdict.error == 0) {
    result = make(std::min(size, verdict.size_max));
    if (result <= 0) return result;
    const iovec piece{.iov_base = bytes, .iov_len = static_cast<size_t>(result)};
    call.pieces = {&piece, 1};
    call.made = true;
    verdict = Judge(call);
    if (verdict.error == 0) return result;
  }
  errno = verdict.error;
  return -1;
}

// By how much this thread's clock was ahead when it was told the time last.
thread_local int64_t wall_shift = 0;
thread_local int64_t monotonic_shift = 0;

timespec Shifted(timespec time, int64_t by_ns) {
  const int64_t ns = time.tv_nsec + by_ns % 1'000'000'000;
  time.tv_sec += by_ns / 1'000'000'000 + (ns >= 1'000'000'000) - (ns < 0);
  time.tv_nsec = (ns + 1'000'000'000) % 1'000'000'000;
  return time;
}

}  // namespace
}  // namespace postern::faults

// What follows is one of these a call, in the order of the groups. Their names are not ours to choose.
// NOLINTBEGIN(readability-identifier-naming)
using namespace postern::faults;  // NOLINT(google-build-using-namespace)

extern "C" {

ssize_t write(int fd, const void* bytes, size_t size) {
  static const auto next = Next(&write, "write");
  return Put(kWrite, fd, bytes, size, [=](size_t n) { return next(fd, bytes, n); });
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  static const auto next = Next(&pwrite, "pwrite");
  return Put(kWrite, fd, bytes, size, [=](size_t n) { return next(fd, bytes, n, offset); });
}
ssize_t writev(int fd, const iovec* pieces, int count) {
  static const auto next = Next(&writev, "writev");
  return PutVector(fd, pieces, count, [=](const iovec* some, int n) { return next(fd, some, n); });
}
ssize_t pwritev(int fd, const iovec* pieces, int count, off_t offset) {
  static const auto next = Next(&pwritev, "pwritev");
  return PutVector(fd, pieces, count, [=](const iovec* some, int n) { return next(fd, some, n, offset); });
}

ssize_t read(int fd, void* bytes, size_t size) {
  static const auto next = Next(&read, "read");
  return Get(kRead, fd, bytes, size, [=](size_t n) { return next(fd, bytes, n); });
}
ssize_t pread(int fd, void* bytes, size_t size, off_t offset) {
  static const auto next = Next(&pread, "pread");
  return Get(kRead, fd, bytes, size, [=](size_t n) { return next(fd, bytes, n, offset); });
}

int fsync(int fd) {
  static const auto next = Next(&fsync, "fsync");
  return MakeUnlessRefused({.kind = kSync, .fd = fd}, [=] { return next(fd); });
}
int fdatasync(int fd) {
  static const auto next = Next(&fdatasync, "fdatasync");
  return MakeUnlessRefused({.kind = kSync, .fd = fd}, [=] { return next(fd); });
}
int syncfs(int fd) noexcept {
  static const auto next = Next(&syncfs, "syncfs");
  return MakeUnlessRefused({.kind = kSync, .fd = fd}, [=] { return next(fd); });
}
int sync_file_range(int fd, off64_t offset, off64_t size, unsigned flags) {
  static const auto next = Next(&sync_file_range, "sync_file_range");
  return MakeUnlessRefused({.kind = kStartSync, .fd = fd}, [=] { return next(fd, offset, size, flags); });
}

int fallocate(int fd, int mode, off_t offset, off_t size) {
  static const auto next = Next(&fallocate, "fallocate");
  return MakeUnlessRefused({.kind = kAllocate, .fd = fd, .size = static_cast<uint64_t>(size)},
                           [=] { return next(fd, mode, offset, size); });
}
int posix_fallocate(int fd, off_t offset, off_t size) {  // its result is the error
  static const auto next = Next(&posix_fallocate, "posix_fallocate");
  const Verdict verdict = Judge({.kind = kAllocate, .fd = fd, .size = static_cast<uint64_t>(size)});
  return verdict.error != 0 ? verdict.error : next(fd, offset, size);
}

int openat(int folder, const char* name, int flags, ...) {
  static const auto next = Next(&openat, "openat");
  mode_t mode = 0;
  if ((flags & (O_CREAT | __O_TMPFILE)) != 0) {
    va_list more;
    va_start(more, flags);
    mode = va_arg(more, mode_t);
    va_end(more);
  }
  return MakeUnlessRefused({.kind = kOpen, .fd = folder, .name = name},
                           [=] { return next(folder, name, flags, mode); });
}
int open(const char* name, int flags, ...) {
  mode_t mode = 0;
  if ((flags & (O_CREAT | __O_TMPFILE)) != 0) {
    va_list more;
    va_start(more, flags);
    mode = va_arg(more, mode_t);
    va_end(more);
  }
  return openat(AT_FDCWD, name, flags, mode);
}
int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  static const auto next = Next(&renameat, "renameat");
  return MakeUnlessRefused({.kind = kRename, .fd = from_folder, .name = from},
                           [=] { return next(from_folder, from, to_folder, to); });
}
int unlinkat(int folder, const char* name, int flags) noexcept {
  static const auto next = Next(&unlinkat, "unlinkat");
  return MakeUnlessRefused({.kind = kRemove, .fd = folder, .name = name}, [=] { return next(folder, name, flags); });
}

int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  static const auto next = Next(&accept4, "accept4");
  return MakeUnlessRefused({.kind = kAccept, .fd = fd}, [=] { return next(fd, address, size, flags); });
}
int socket(int domain, int type, int protocol) noexcept {
  static const auto next = Next(&socket, "socket");
  return MakeUnlessRefused({.kind = kSocket}, [=] { return next(domain, type, protocol); });
}
int connect(int fd, const sockaddr* address, socklen_t size) {
  static const auto next = Next(&connect, "connect");
  return MakeUnlessRefused({.kind = kConnect, .fd = fd}, [=] { return next(fd, address, size); });
}
ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  static const auto next = Next(&send, "send");
  return Put(kSend, fd, bytes, size, [=](size_t n) { return next(fd, bytes, n, flags); });
}
ssize_t recv(int fd, void* bytes, size_t size, int flags) {
  static const auto next = Next(&recv, "recv");
  return Get(kReceive, fd, bytes, size, [=](size_t n) { return next(fd, bytes, n, flags); });
}

void* malloc(size_t size) noexcept {
  const Verdict verdict = Judge({.kind = kMemory, .size = size});
  if (verdict.error == 0) return __libc_malloc(size);
  errno = verdict.error;
  return nullptr;
}
void* mmap(void* address, size_t size, int protection, int flags, int fd, off_t offset) noexcept {
  static const auto next = Next(&mmap, "mmap");
  const Verdict verdict = Judge({.kind = kMap, .fd = fd, .size = size});
  if (verdict.error == 0) return next(address, size, protection, flags, fd, offset);
  errno = verdict.error;
  return MAP_FAILED;
}

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  static const auto next = Next(&clock_gettime, "clock_gettime");
  const int result = next(clock, time);
  if (clock == CLOCK_REALTIME) *time = Shifted(*time, wall_shift = Judge({.kind = kWallClock}).shift);
  if (clock == CLOCK_MONOTONIC) *time = Shifted(*time, monotonic_shift = Judge({.kind = kMonotonicClock}).shift);
  return result;
}
// The kernel knows nothing of the shift of the clock by which this moment was worked out.
int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock, const timespec* until) {
  static const auto next = Next(&pthread_cond_clockwait, "pthread_cond_clockwait");
  const timespec moment = Shifted(*until, clock == CLOCK_REALTIME ? -wall_shift : -monotonic_shift);
  return next(condition, mutex, clock, &moment);
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming)
