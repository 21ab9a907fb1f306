// kVersion names this program, for people, for headers and for `postern version`.
//
// A constant, for every thread.

#ifndef POSTERN_GATEWAY_VERSION_H_
#define POSTERN_GATEWAY_VERSION_H_

#include <string_view>

namespace postern {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace postern

#endif  // POSTERN_GATEWAY_VERSION_H_
