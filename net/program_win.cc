// Windows' own headers come in this order.
// clang-format off
#include <winsock2.h>
#include <shellapi.h>
// clang-format on

#include <fcntl.h>
#include <io.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "net/program.h"
#include "net/wide_text_win.h"

namespace postern {

// `argv` is in the machine's old code page, in which not every name can be written: the wide line is the true one.
std::vector<std::string> StartProgram(int /*argc*/, char** /*argv*/) {
  // An exported message and a line of JSON end as they were written, not in CR CR LF.
  for (std::FILE* const stream : {stdin, stdout, stderr}) _setmode(_fileno(stream), _O_BINARY);
  SetConsoleOutputCP(CP_UTF8);
  std::vector<std::string> arguments;
  int count = 0;
  wchar_t** const words = CommandLineToArgvW(GetCommandLineW(), &count);
  arguments.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) arguments.push_back(ToUtf8(words[i]));
  LocalFree(words);
  return arguments;
}

std::string ProgramPath() {
  std::wstring path(32'768, L'\0');  // the longest there can be
  path.resize(GetModuleFileNameW(nullptr, path.data(), static_cast<DWORD>(path.size())));
  return ToUtf8(path);
}

std::string DefaultDataDir() {
  wchar_t folder[MAX_PATH];
  const DWORD count = GetEnvironmentVariableW(L"ProgramData", folder, MAX_PATH);
  const bool known = count > 0 && count < MAX_PATH;
  return absl::StrCat(known ? ToUtf8({folder, count}) : "C:\\ProgramData", "\\Postern");
}

bool CanBecomeUser() { return false; }

}  // namespace postern
