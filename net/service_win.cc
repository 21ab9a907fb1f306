// Windows' own headers come in this order.
// clang-format off
#include <winsock2.h>
// clang-format on

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "net/host_win.h"
#include "net/service.h"
#include "net/socket.h"
#include "net/wide_text_win.h"

namespace postern {
namespace {

// A service on its way says each second that it is, and who hears nothing for the longer time takes it for hung.
constexpr Duration kPulse = std::chrono::seconds(1);
constexpr DWORD kPatienceMs = 30'000;
constexpr DWORD kPollMs = 50;
// What goes wrong may pass: a disk that comes late, a message that is parked after two crashes. What does not pass, as
// a mistake in the configuration, is not tried for ever; after a day without one the count begins again.
constexpr DWORD kFirstPauseMs = 5'000;
constexpr DWORD kSecondPauseMs = 30'000;
constexpr DWORD kThirdPauseMs = 120'000;
constexpr DWORD kForgetAfterSeconds = 24 * 60 * 60;
constexpr std::wstring_view kEventSources = L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\";

struct ServiceCloser {
  void operator()(SC_HANDLE handle) const { CloseServiceHandle(handle); }
};
using OwnedService = std::unique_ptr<SC_HANDLE__, ServiceCloser>;

absl::Status Refused(std::string_view what, DWORD code = GetLastError()) {
  const std::string text = absl::StrCat(what, ": ", SystemErrorText(static_cast<int>(code)));
  switch (code) {
    case ERROR_ACCESS_DENIED: return absl::PermissionDeniedError(absl::StrCat(text, "; run it as an administrator"));
    case ERROR_SERVICE_DOES_NOT_EXIST: return absl::NotFoundError(text);
    case ERROR_SERVICE_EXISTS: return absl::AlreadyExistsError(text);
    default: return absl::InternalError(text);
  }
}

absl::StatusOr<OwnedService> OpenInstalled(const std::string& name, DWORD access) {
  const OwnedService manager(OpenSCManagerW(nullptr, nullptr, SC_MANAGER_CONNECT));
  if (manager == nullptr) return Refused("the service manager");
  OwnedService service(OpenServiceW(manager.get(), ToWide(name).c_str(), access));
  if (service == nullptr) return Refused(absl::StrCat("service ", name));
  return service;
}

// A word as CommandLineToArgvW takes it apart again: backslashes before a quote count double.
std::wstring Quoted(const std::string& word) {
  std::wstring out = L"\"";
  size_t backslashes = 0;
  for (const wchar_t c : ToWide(word)) {
    if (c == L'"') out.append(backslashes + 1, L'\\');
    backslashes = c == L'\\' ? backslashes + 1 : 0;
    out.push_back(c);
  }
  out.append(backslashes, L'\\');
  out.push_back(L'"');
  return out;
}

// Where the viewer of events finds the words that stand round our text: in the program's own table.
void AddEventSource(const ServiceEntry& entry) {
  HKEY key = nullptr;
  const std::wstring path = std::wstring(kEventSources) + ToWide(entry.name);
  if (RegCreateKeyExW(HKEY_LOCAL_MACHINE, path.c_str(), 0, nullptr, 0, KEY_SET_VALUE, nullptr, &key, nullptr) != 0) {
    return;  // its events are shown with a complaint, and whole all the same
  }
  const std::wstring file = ToWide(entry.command.front());
  const DWORD types = EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE;
  RegSetValueExW(key, L"EventMessageFile", 0, REG_EXPAND_SZ, reinterpret_cast<const BYTE*>(file.c_str()),
                 static_cast<DWORD>((file.size() + 1) * sizeof(wchar_t)));
  RegSetValueExW(key, L"TypesSupported", 0, REG_DWORD, reinterpret_cast<const BYTE*>(&types), sizeof types);
  RegCloseKey(key);
}

// Words about it, a new start when it fails, and time to stop; without them it serves as well.
void Describe(SC_HANDLE service, const ServiceEntry& entry) {
  std::wstring about = ToWide(entry.about);
  SERVICE_DESCRIPTIONW description{.lpDescription = about.data()};
  ChangeServiceConfig2W(service, SERVICE_CONFIG_DESCRIPTION, &description);
  std::array<SC_ACTION, 4> actions = {{{SC_ACTION_RESTART, kFirstPauseMs},
                                       {SC_ACTION_RESTART, kSecondPauseMs},
                                       {SC_ACTION_RESTART, kThirdPauseMs},
                                       {SC_ACTION_NONE, 0}}};  // the last one stands for all that follow
  SERVICE_FAILURE_ACTIONSW failure{};
  failure.dwResetPeriod = kForgetAfterSeconds;
  failure.cActions = static_cast<DWORD>(actions.size());
  failure.lpsaActions = actions.data();
  ChangeServiceConfig2W(service, SERVICE_CONFIG_FAILURE_ACTIONS, &failure);
  SERVICE_FAILURE_ACTIONS_FLAG exit_codes_too{.fFailureActionsOnNonCrashFailures = TRUE};
  ChangeServiceConfig2W(service, SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, &exit_codes_too);
  const auto stop_time = std::chrono::duration_cast<std::chrono::milliseconds>(entry.stop_time_max);
  SERVICE_PRESHUTDOWN_INFO shutdown{.dwPreshutdownTimeout = static_cast<DWORD>(stop_time.count())};
  ChangeServiceConfig2W(service, SERVICE_CONFIG_PRESHUTDOWN_INFO, &shutdown);
}

// What it is when it is as wanted, or has ended.
absl::StatusOr<SERVICE_STATUS> AwaitState(SC_HANDLE service, const std::string& name, DWORD wanted) {
  DWORD checkpoint = 0;
  for (DWORD waited = 0;; waited += kPollMs) {
    SERVICE_STATUS status;
    if (!QueryServiceStatus(service, &status)) return Refused(absl::StrCat("service ", name));
    if (status.dwCurrentState == wanted || status.dwCurrentState == SERVICE_STOPPED) return status;
    if (std::exchange(checkpoint, status.dwCheckPoint) != status.dwCheckPoint) waited = 0;
    if (waited >= kPatienceMs) {
      return absl::DeadlineExceededError(absl::StrCat("service ", name, " shows no sign of life; look at its events"));
    }
    Sleep(kPollMs);
  }
}

// The one life that this process leads. The system calls back without a word of whose it is.
class Life {
 public:
  Life(const std::string& name, const ServiceBody& body) : name_(ToWide(name)), body_(body) { the_life_ = this; }

  // Returns when it is over. False when the system does not know of it.
  bool Lead() {
    const std::array<SERVICE_TABLE_ENTRYW, 2> table = {{{name_.data(), Main}, {nullptr, nullptr}}};
    return StartServiceCtrlDispatcherW(table.data());
  }

  int exit_code() const { return exit_code_; }

 private:
  static void WINAPI Main(DWORD, wchar_t**) { the_life_->Run(); }

  static DWORD WINAPI HandleControl(DWORD control, DWORD, void*, void*) {
    switch (control) {
      case SERVICE_CONTROL_STOP:
      case SERVICE_CONTROL_PRESHUTDOWN:
        the_life_->Enter(SERVICE_STOP_PENDING);
        RaiseSignal(Signal::kStop);
        return NO_ERROR;
      case SERVICE_CONTROL_INTERROGATE: return NO_ERROR;
      default: return ERROR_CALL_NOT_IMPLEMENTED;
    }
  }

  void Run() {
    handle_ = RegisterServiceCtrlHandlerExW(name_.c_str(), HandleControl, nullptr);
    if (handle_ == nullptr) {
      exit_code_ = EXIT_FAILURE;
      return;
    }
    Enter(SERVICE_START_PENDING);
    std::thread pulse([this] { Pulse(); });
    exit_code_ = body_([this] { Enter(SERVICE_RUNNING); });
    EndPulse();
    pulse.join();
    // The last word: from here on Lead() may return, and the process end.
    Enter(SERVICE_STOPPED);
  }

  void Enter(DWORD state) {
    const std::lock_guard lock(mutex_);
    if (state_ == SERVICE_STOPPED) return;  // a control that came too late
    state_ = state;
    checkpoint_ = 0;
    Report();
    changed_.notify_one();
  }

  void Pulse() {
    std::unique_lock lock(mutex_);
    while (!over_) {
      if (changed_.wait_for(lock, kPulse) == std::cv_status::timeout && state_ != SERVICE_RUNNING) Report();
    }
  }

  void EndPulse() {
    const std::lock_guard lock(mutex_);
    over_ = true;
    changed_.notify_one();
  }

  void Report() {
    SERVICE_STATUS status{};
    status.dwServiceType = SERVICE_WIN32_OWN_PROCESS;
    status.dwCurrentState = state_;
    if (state_ == SERVICE_RUNNING) {
      status.dwControlsAccepted = SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PRESHUTDOWN;
    } else if (state_ != SERVICE_STOPPED) {
      status.dwCheckPoint = ++checkpoint_;
      status.dwWaitHint = kPatienceMs;
    } else if (exit_code_ != 0) {
      status.dwWin32ExitCode = ERROR_SERVICE_SPECIFIC_ERROR;
      status.dwServiceSpecificExitCode = static_cast<DWORD>(exit_code_);
    }
    SetServiceStatus(handle_, &status);
  }

  static Life* the_life_;

  std::wstring name_;
  const ServiceBody& body_;
  SERVICE_STATUS_HANDLE handle_ = nullptr;
  int exit_code_ = 0;
  // Controls come on a thread of the system's, and the pulse has its own.
  std::mutex mutex_;
  std::condition_variable changed_;
  DWORD state_ = SERVICE_START_PENDING;
  DWORD checkpoint_ = 0;
  bool over_ = false;  // what it lives for is done
};

Life* Life::the_life_ = nullptr;

}  // namespace

absl::Status InstallService(const ServiceEntry& entry) {
  const OwnedService manager(OpenSCManagerW(nullptr, nullptr, SC_MANAGER_CREATE_SERVICE));
  if (manager == nullptr) return Refused("the service manager");
  std::wstring command;
  for (const std::string& word : entry.command) command += (command.empty() ? L"" : L" ") + Quoted(word);
  const std::wstring account = ToWide(entry.account);
  const OwnedService service(CreateServiceW(manager.get(), ToWide(entry.name).c_str(), ToWide(entry.title).c_str(),
                                            // Who asks for a restart must have the right to start.
                                            SERVICE_CHANGE_CONFIG | SERVICE_START, SERVICE_WIN32_OWN_PROCESS,
                                            SERVICE_AUTO_START, SERVICE_ERROR_NORMAL, command.c_str(), nullptr, nullptr,
                                            L"Tcpip\0", account.empty() ? nullptr : account.c_str(), nullptr));
  if (service == nullptr) return Refused(absl::StrCat("service ", entry.name));
  Describe(service.get(), entry);
  AddEventSource(entry);
  return absl::OkStatus();
}

absl::Status RemoveService(const std::string& name) {
  const absl::StatusOr<OwnedService> service = OpenInstalled(name, DELETE | SERVICE_QUERY_STATUS | SERVICE_STOP);
  if (!service.ok()) return service.status();
  if (const absl::Status ended = EndService(name); !ended.ok()) return ended;
  if (!DeleteService(service->get())) return Refused(absl::StrCat("service ", name));
  RegDeleteKeyW(HKEY_LOCAL_MACHINE, (std::wstring(kEventSources) + ToWide(name)).c_str());
  return absl::OkStatus();
}

absl::StatusOr<int> BeginService(const std::string& name) {
  const absl::StatusOr<OwnedService> service = OpenInstalled(name, SERVICE_START | SERVICE_QUERY_STATUS);
  if (!service.ok()) return service.status();
  // One that is on its way to its end counts as running, and would be taken for one that has ended at its start.
  SERVICE_STATUS before;
  if (QueryServiceStatus(service->get(), &before) && before.dwCurrentState == SERVICE_STOP_PENDING) {
    const absl::StatusOr<SERVICE_STATUS> ended = AwaitState(service->get(), name, SERVICE_STOPPED);
    if (!ended.ok()) return ended.status();
  }
  if (!StartServiceW(service->get(), 0, nullptr) && GetLastError() != ERROR_SERVICE_ALREADY_RUNNING) {
    return Refused(absl::StrCat("service ", name));
  }
  const absl::StatusOr<SERVICE_STATUS> status = AwaitState(service->get(), name, SERVICE_RUNNING);
  if (!status.ok()) return status.status();
  if (status->dwCurrentState == SERVICE_RUNNING) return 0;
  if (status->dwWin32ExitCode != ERROR_SERVICE_SPECIFIC_ERROR) {
    return Refused(absl::StrCat("service ", name, " has ended before it had started"), status->dwWin32ExitCode);
  }
  return static_cast<int>(status->dwServiceSpecificExitCode);
}

absl::Status EndService(const std::string& name) {
  const absl::StatusOr<OwnedService> service = OpenInstalled(name, SERVICE_STOP | SERVICE_QUERY_STATUS);
  if (!service.ok()) return service.status();
  SERVICE_STATUS status;
  while (!ControlService(service->get(), SERVICE_CONTROL_STOP, &status)) {
    const DWORD code = GetLastError();
    if (code == ERROR_SERVICE_NOT_ACTIVE) return absl::OkStatus();
    if (code != ERROR_SERVICE_CANNOT_ACCEPT_CTRL) return Refused(absl::StrCat("service ", name), code);
    // It is on its way: to its end already, or to its start, and then it can be stopped.
    const absl::StatusOr<SERVICE_STATUS> arrived = AwaitState(service->get(), name, SERVICE_RUNNING);
    if (!arrived.ok() || arrived->dwCurrentState == SERVICE_STOPPED) return arrived.status();
  }
  return AwaitState(service->get(), name, SERVICE_STOPPED).status();
}

absl::StatusOr<int> LiveAsService(const std::string& name, const ServiceBody& body) {
  // It never dies: the system's threads may still be in it when the dispatcher has returned.
  Life& life = *new Life(name, body);
  if (!life.Lead()) {
    const DWORD code = GetLastError();
    if (code != ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) return Refused("the service manager", code);
    return absl::FailedPreconditionError(
        "only the service manager starts this; at a console use `postern serve`, or `postern service start`");
  }
  return life.exit_code();
}

void WriteToJournal(const std::string& service, JournalLevel level, uint16_t number, const std::string& text) {
  static const HANDLE source = RegisterEventSourceW(nullptr, ToWide(service).c_str());  // one service a process
  if (source == nullptr) return;
  const WORD type = level == JournalLevel::kError     ? EVENTLOG_ERROR_TYPE
                    : level == JournalLevel::kWarning ? EVENTLOG_WARNING_TYPE
                                                      : EVENTLOG_INFORMATION_TYPE;
  const std::wstring wide = ToWide(text);
  const wchar_t* strings = wide.c_str();
  ReportEventW(source, type, 0, number, nullptr, 1, 0, &strings, nullptr);
}

}  // namespace postern
