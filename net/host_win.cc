#include "net/host_win.h"

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "net/host.h"
#include "net/ip_helper_win.h"
#include "net/socket.h"
#include "net/wide_text_win.h"

namespace postern {
namespace {

// Handles are bounded by memory alone.
constexpr uint64_t kHandleCountMax = 16'000'000;
// A pipe that takes less at once than it is given takes nothing at all, so it is given little.
constexpr DWORD kPipeWriteSizeMax = 512;
constexpr DWORD kPipePauseMs = 5;

struct SignalBox {
  std::mutex mutex;
  std::condition_variable came;
  std::deque<Signal> signals;
};

SignalBox& Box() {
  static SignalBox box;
  return box;
}

// On a thread of the system's. When the console closes or the machine goes down, the process dies as soon as this
// returns: so it does not, and the orderly stop ends the process.
BOOL WINAPI HandleConsoleEvent(DWORD event) {
  if (event == CTRL_LOGOFF_EVENT) return TRUE;  // services hear of it, whoever it is that goes home
  RaiseSignal(Signal::kStop);
  if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT) Sleep(INFINITE);
  return TRUE;
}

// On the thread that crashes. Microsoft's C library keeps the handlers of SIGSEGV, SIGILL and SIGFPE a thread each, so
// whoever handles crashes is told of those of his own thread alone; that of SIGABRT is everybody's.
LONG WINAPI HandleCrash(EXCEPTION_POINTERS* /*crash*/) {
  std::raise(SIGABRT);
  return EXCEPTION_CONTINUE_SEARCH;
}

}  // namespace

std::string HostName() {
  wchar_t name[256];
  DWORD count = std::size(name);
  // What the machine is called, with the domain that it was given.
  if (!GetComputerNameExW(ComputerNameDnsFullyQualified, name, &count) || count == 0) return "localhost";
  return ToUtf8({name, count});
}

std::vector<IpAddress> MachineAddresses() {
  std::vector<IpAddress> addresses;
  std::vector<char> memory;
  ULONG size = 16 * 1024;
  ULONG code = ERROR_BUFFER_OVERFLOW;
  for (int i = 0; i < 4 && code == ERROR_BUFFER_OVERFLOW; ++i) {  // it may grow between two calls
    memory.resize(size);
    constexpr ULONG kFlags = GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST | GAA_FLAG_SKIP_DNS_SERVER;
    code =
        GetAdaptersAddresses(AF_UNSPEC, kFlags, nullptr, reinterpret_cast<IP_ADAPTER_ADDRESSES*>(memory.data()), &size);
  }
  if (code != NO_ERROR) return addresses;
  const auto* adapter = reinterpret_cast<const IP_ADAPTER_ADDRESSES*>(memory.data());
  for (; adapter != nullptr; adapter = adapter->Next) {
    if (adapter->OperStatus != IfOperStatusUp) continue;
    for (const auto* entry = adapter->FirstUnicastAddress; entry != nullptr; entry = entry->Next) {
      const IpAddress ip = FromSystemAddress(*entry->Address.lpSockaddr).ip.Unmapped();
      if (std::find(addresses.begin(), addresses.end(), ip) == addresses.end()) addresses.push_back(ip);
    }
  }
  return addresses;
}

int64_t ProcessId() { return GetCurrentProcessId(); }

// Who may do what is an account's affair here: nobody starts with rights that he then drops.
bool IsSuperuser() { return false; }

uint64_t RaiseDescriptorLimit() { return kHandleCountMax; }

absl::Status DropPrivileges(const std::string& user, BindRight /*bind_right*/) {
  return absl::UnimplementedError(
      absl::StrCat("cannot become user \"", user, "\": a Windows process keeps its account; run the service under it"));
}

void DropBindRight() {}

// There is no right to drop, and so nothing that a process of its own would be good for.
absl::StatusOr<int> RunApart(absl::FunctionRef<int(ByteSink write)> task, ByteSink sink) {
  bool taken = true;
  return task([&](std::string_view bytes) { return taken = taken && sink(bytes); });
}

void RaiseSignal(Signal signal) {
  SignalBox& box = Box();
  {
    const std::lock_guard lock(box.mutex);
    box.signals.push_back(signal);
  }
  box.came.notify_one();
}

void CatchSignals() {
  SetConsoleCtrlHandler(HandleConsoleEvent, TRUE);
  SetUnhandledExceptionFilter(HandleCrash);
}

Signal WaitForSignal(Duration timeout) {
  SignalBox& box = Box();
  std::unique_lock lock(box.mutex);
  if (!box.came.wait_for(lock, timeout, [&box] { return !box.signals.empty(); })) return Signal::kNone;
  const Signal signal = box.signals.front();
  box.signals.pop_front();
  return signal;
}

bool WriteToStandardError(std::string_view bytes, Duration patience) {
  const HANDLE stream = GetStdHandle(STD_ERROR_HANDLE);
  // A full pipe would hold us for as long as its reader likes; one that does not wait takes what it has room for.
  DWORD mode = PIPE_READMODE_BYTE | PIPE_NOWAIT;
  const bool pipe = GetFileType(stream) == FILE_TYPE_PIPE && SetNamedPipeHandleState(stream, &mode, nullptr, nullptr);
  MonotonicTime end = SystemClock().Monotonic() + patience;
  while (!bytes.empty()) {
    const DWORD size = static_cast<DWORD>(std::min<size_t>(bytes.size(), kPipeWriteSizeMax));
    DWORD written = 0;
    if (!WriteFile(stream, bytes.data(), size, &written, nullptr)) return false;
    bytes.remove_prefix(written);
    const MonotonicTime now = SystemClock().Monotonic();
    if (written > 0) {
      end = now + patience;
    } else if (!pipe || now >= end) {
      return false;
    } else {
      Sleep(kPipePauseMs);
    }
  }
  return true;
}

void LowerThreadPriority() { SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_BELOW_NORMAL); }

void NameThread(const char* name) {
  // mingw's library does not know it yet.
  using SetDescription = HRESULT(WINAPI*)(HANDLE thread, PCWSTR text);
  static const auto set_description = reinterpret_cast<SetDescription>(
      reinterpret_cast<void*>(GetProcAddress(GetModuleHandleW(L"kernel32"), "SetThreadDescription")));
  if (set_description != nullptr) set_description(GetCurrentThread(), ToWide(name).c_str());
}

void RunWithSignalStack(absl::FunctionRef<void()> run) { run(); }

}  // namespace postern
