// OtherProcess runs one test of this very program in a process of its own, which can be killed.
//
// A test owns it, on its thread. The test that runs there is named DISABLED_..., so that nobody else runs it; the two
// speak by files in TEST_TMPDIR.

#ifndef POSTERN_TESTS_STORE_OTHER_PROCESS_WIN_H_
#define POSTERN_TESTS_STORE_OTHER_PROCESS_WIN_H_

#include <windows.h>

#include <string>

#include "absl/log/check.h"

namespace postern {

class OtherProcess {
 public:
  explicit OtherProcess(const std::wstring& test) {
    wchar_t program[4096];
    CHECK_NE(GetModuleFileNameW(nullptr, program, std::size(program)), 0u);
    std::wstring command = std::wstring(L"test --gtest_also_run_disabled_tests --gtest_filter=") + test;
    SetEnvironmentVariableW(L"XML_OUTPUT_FILE", nullptr);  // that is ours, and was read already
    STARTUPINFOW start{};
    start.cb = sizeof start;
    CHECK(CreateProcessW(program, command.data(), nullptr, nullptr, FALSE, 0, nullptr, nullptr, &start, &process_));
  }
  ~OtherProcess() {
    Kill();
    CloseHandle(process_.hThread);
    CloseHandle(process_.hProcess);
  }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;

  DWORD id() const { return process_.dwProcessId; }
  bool running() const { return WaitForSingleObject(process_.hProcess, 0) == WAIT_TIMEOUT; }
  // Without a word, as by the task manager; returns when nothing of it is left.
  void Kill() {
    TerminateProcess(process_.hProcess, 1);
    WaitForSingleObject(process_.hProcess, INFINITE);
  }

 private:
  PROCESS_INFORMATION process_{};
};

}  // namespace postern

#endif  // POSTERN_TESTS_STORE_OTHER_PROCESS_WIN_H_
