// VisibleText makes foreign bytes harmless for a log or a terminal: one line, nothing that moves a cursor, no lie about
// their order.
//
// Plain functions without state, usable on any thread. What is well-formed UTF-8 and visible stays as it is; quotes and
// backslashes get a backslash; every other byte is told as \n, \r, \t or \xNN.

#ifndef POSTERN_GATEWAY_VISIBLE_TEXT_H_
#define POSTERN_GATEWAY_VISIBLE_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace postern {

// Appends `text` to `out`; of a text longer than `size_max` bytes its first bytes and "...", never half a character.
void AppendVisible(std::string_view text, size_t size_max, std::string& out);
std::string VisibleText(std::string_view text, size_t size_max = std::string_view::npos);

}  // namespace postern

#endif  // POSTERN_GATEWAY_VISIBLE_TEXT_H_
