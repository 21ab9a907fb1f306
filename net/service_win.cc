// Windows' own headers come in this order.
// clang-format off
#include <winsock2.h>
// clang-format on

#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "net/host_win.h"
#include "net/service.h"
#include "net/socket.h"
#include "net/wide_text_win.h"

namespace postern {
namespace {

// The system asks again so often before it takes a service for hung; it may need that long to come to rest.
constexpr DWORD kStopHintMs = 120'000;
constexpr DWORD kPollMs = 50;
constexpr DWORD kPatienceMs = 150'000;
constexpr DWORD kRestartPauseMs = 5'000;
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

// Words about it, and a new start when it dies; without them it serves as well.
void Describe(SC_HANDLE service, const ServiceEntry& entry) {
  std::wstring about = ToWide(entry.about);
  SERVICE_DESCRIPTIONW description{.lpDescription = about.data()};
  ChangeServiceConfig2W(service, SERVICE_CONFIG_DESCRIPTION, &description);
  SC_ACTION restart{.Type = SC_ACTION_RESTART, .Delay = kRestartPauseMs};
  SERVICE_FAILURE_ACTIONSW failure{};
  failure.dwResetPeriod = INFINITE;
  failure.cActions = 1;
  failure.lpsaActions = &restart;
  ChangeServiceConfig2W(service, SERVICE_CONFIG_FAILURE_ACTIONS, &failure);
}

absl::Status AwaitState(SC_HANDLE service, const std::string& name, DWORD wanted) {
  for (DWORD waited = 0;; waited += kPollMs) {
    SERVICE_STATUS status;
    if (!QueryServiceStatus(service, &status)) return Refused(absl::StrCat("service ", name));
    if (status.dwCurrentState == wanted) return absl::OkStatus();
    if (status.dwCurrentState == SERVICE_STOPPED) {
      const DWORD code = status.dwWin32ExitCode == ERROR_SERVICE_SPECIFIC_ERROR ? status.dwServiceSpecificExitCode
                                                                                : status.dwWin32ExitCode;
      return absl::UnavailableError(
          absl::StrCat("service ", name, " has ended with exit code ", code, "; its log says why"));
    }
    if (waited >= kPatienceMs) return absl::DeadlineExceededError(absl::StrCat("service ", name, " takes its time"));
    Sleep(kPollMs);
  }
}

// The one life that this process leads. The system calls back without a word of whose it is.
struct Life {
  std::wstring name;
  std::function<int()> body;
  SERVICE_STATUS_HANDLE handle = nullptr;
  int exit_code = 0;
};
Life* the_life = nullptr;

void Report(DWORD state, DWORD hint_ms = 0) {
  SERVICE_STATUS status{};
  status.dwServiceType = SERVICE_WIN32_OWN_PROCESS;
  status.dwCurrentState = state;
  status.dwControlsAccepted = state == SERVICE_RUNNING ? SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PRESHUTDOWN : 0;
  status.dwWaitHint = hint_ms;
  if (state == SERVICE_STOPPED && the_life->exit_code != 0) {
    status.dwWin32ExitCode = ERROR_SERVICE_SPECIFIC_ERROR;
    status.dwServiceSpecificExitCode = static_cast<DWORD>(the_life->exit_code);
  }
  SetServiceStatus(the_life->handle, &status);
}

DWORD WINAPI HandleControl(DWORD control, DWORD, void*, void*) {
  switch (control) {
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_PRESHUTDOWN:
      Report(SERVICE_STOP_PENDING, kStopHintMs);
      RaiseSignal(Signal::kStop);
      return NO_ERROR;
    case SERVICE_CONTROL_INTERROGATE: return NO_ERROR;
    default: return ERROR_CALL_NOT_IMPLEMENTED;
  }
}

void WINAPI ServiceMain(DWORD, wchar_t**) {
  the_life->handle = RegisterServiceCtrlHandlerExW(the_life->name.c_str(), HandleControl, nullptr);
  if (the_life->handle == nullptr) return;
  Report(SERVICE_RUNNING);
  the_life->exit_code = the_life->body();
  Report(SERVICE_STOPPED);
}

}  // namespace

absl::Status InstallService(const ServiceEntry& entry) {
  const OwnedService manager(OpenSCManagerW(nullptr, nullptr, SC_MANAGER_CREATE_SERVICE));
  if (manager == nullptr) return Refused("the service manager");
  std::wstring command;
  for (const std::string& word : entry.command) command += (command.empty() ? L"" : L" ") + Quoted(word);
  const std::wstring account = ToWide(entry.account);
  const OwnedService service(CreateServiceW(manager.get(), ToWide(entry.name).c_str(), ToWide(entry.title).c_str(),
                                            SERVICE_CHANGE_CONFIG, SERVICE_WIN32_OWN_PROCESS, SERVICE_AUTO_START,
                                            SERVICE_ERROR_NORMAL, command.c_str(), nullptr, nullptr, L"Tcpip\0",
                                            account.empty() ? nullptr : account.c_str(), nullptr));
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

absl::Status BeginService(const std::string& name) {
  const absl::StatusOr<OwnedService> service = OpenInstalled(name, SERVICE_START | SERVICE_QUERY_STATUS);
  if (!service.ok()) return service.status();
  if (!StartServiceW(service->get(), 0, nullptr) && GetLastError() != ERROR_SERVICE_ALREADY_RUNNING) {
    return Refused(absl::StrCat("service ", name));
  }
  return AwaitState(service->get(), name, SERVICE_RUNNING);
}

absl::Status EndService(const std::string& name) {
  const absl::StatusOr<OwnedService> service = OpenInstalled(name, SERVICE_STOP | SERVICE_QUERY_STATUS);
  if (!service.ok()) return service.status();
  SERVICE_STATUS status;
  if (!ControlService(service->get(), SERVICE_CONTROL_STOP, &status)) {
    const DWORD code = GetLastError();
    if (code == ERROR_SERVICE_NOT_ACTIVE) return absl::OkStatus();
    // It is on its way already.
    if (code != ERROR_SERVICE_CANNOT_ACCEPT_CTRL) return Refused(absl::StrCat("service ", name), code);
  }
  return AwaitState(service->get(), name, SERVICE_STOPPED);
}

absl::StatusOr<int> LiveAsService(const std::string& name, const std::function<int()>& body) {
  Life life{.name = ToWide(name), .body = body};
  the_life = &life;
  const std::array<SERVICE_TABLE_ENTRYW, 2> table = {{{life.name.data(), ServiceMain}, {nullptr, nullptr}}};
  if (!StartServiceCtrlDispatcherW(table.data())) {
    const DWORD code = GetLastError();
    if (code != ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) return Refused("the service manager", code);
    return absl::FailedPreconditionError(
        "only the service manager starts this; at a console use `postern serve`, or `postern service start`");
  }
  return life.exit_code;
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
