// Windows' own text is UTF-16, ours is UTF-8: the way there and back, for the files of net/ that call Windows.
//
// Plain functions, usable on any thread. What is no text in one is told by U+FFFD in the other, never cut.

#ifndef POSTERN_NET_WIDE_TEXT_WIN_H_
#define POSTERN_NET_WIDE_TEXT_WIN_H_

#include <windows.h>
#include <winsock2.h>

#include <string>
#include <string_view>

namespace postern {

inline std::wstring ToWide(std::string_view text) {
  const int size = static_cast<int>(text.size());
  std::wstring wide(static_cast<size_t>(MultiByteToWideChar(CP_UTF8, 0, text.data(), size, nullptr, 0)), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, text.data(), size, wide.data(), static_cast<int>(wide.size()));
  return wide;
}

inline std::string ToUtf8(std::wstring_view wide) {
  const int count = static_cast<int>(wide.size());
  const int size = WideCharToMultiByte(CP_UTF8, 0, wide.data(), count, nullptr, 0, nullptr, nullptr);
  std::string text(static_cast<size_t>(size), '\0');
  WideCharToMultiByte(CP_UTF8, 0, wide.data(), count, text.data(), size, nullptr, nullptr);
  return text;
}

}  // namespace postern

#endif  // POSTERN_NET_WIDE_TEXT_WIN_H_
