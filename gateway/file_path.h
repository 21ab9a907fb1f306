// FilePath is a path of the configuration or the command line, UTF-8, as the standard library wants it.
//
// A plain function. On Windows a narrow path would be taken in the machine's old code page, in which not every name
// can be written.

#ifndef POSTERN_GATEWAY_FILE_PATH_H_
#define POSTERN_GATEWAY_FILE_PATH_H_

#include <filesystem>
#include <string>
#include <string_view>

namespace postern {

inline std::filesystem::path FilePath(std::string_view utf8) { return std::u8string(utf8.begin(), utf8.end()); }

}  // namespace postern

#endif  // POSTERN_GATEWAY_FILE_PATH_H_
