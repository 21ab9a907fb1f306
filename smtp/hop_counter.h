// HopCounter counts the Received headers of a message: how often it was handed on before it came here.
//
// One conversation owns it, on that conversation's reactor thread, and shows it what its decoder produced, in pieces of
// any size. It looks at the first bytes of each header line and at nothing behind the first empty line, so a long body
// costs it nothing. A message that has gone round too often is in a loop (RFC 5321 6.3).

#ifndef POSTERN_SMTP_HOP_COUNTER_H_
#define POSTERN_SMTP_HOP_COUNTER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace postern {

class HopCounter {
 public:
  // A message begins.
  void Start() { *this = HopCounter(); }

  // The next bytes of the message, decoded: lines end with CR LF.
  void Update(std::string_view bytes) {
    if (!in_body_) UpdateHeaders(bytes);
  }

  uint32_t count() const { return count_; }

 private:
  void UpdateHeaders(std::string_view bytes);

  uint32_t count_ = 0;
  size_t matched_size_ = 0;    // bytes of "Received:" that this line has shown so far
  bool rest_of_line_ = false;  // nothing more to see before the next line
  bool in_body_ = false;
};

}  // namespace postern

#endif  // POSTERN_SMTP_HOP_COUNTER_H_
