// MessageLines holds many lines of messages in one piece of memory, 16 bytes for each message that stands in one.
//
// The scheduler owns it, on the relay's thread. A line itself is a small value that its owner keeps: ten thousand empty
// lines cost nothing, and a line of a million is no harder to join or to leave than one of three.
//
//   places   | a | 7 |   | x | b | y |   | ...      a line is the index of its first and of its last place;
//              |               ^                    a place knows the one behind it,
//              +---------------+                    and free places are a line of their own

#ifndef POSTERN_RELAY_MESSAGE_LINES_H_
#define POSTERN_RELAY_MESSAGE_LINES_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/log/check.h"
#include "core/message.h"

namespace postern {

struct LinedMessage {
  MessageId message;
  bool forced = false;  // an operator wants it now
};

class MessageLines {
 public:
  struct Line {
    uint32_t first = kNoPlace;
    uint32_t last = kNoPlace;
    uint32_t count = 0;
  };

  void PushBack(Line& line, LinedMessage message) {
    const uint32_t place = TakePlace(message, kNoPlace);
    (line.count == 0 ? line.first : places_[line.last].next) = place;
    line.last = place;
    ++line.count;
  }

  void PushFront(Line& line, LinedMessage message) {
    const uint32_t place = TakePlace(message, line.first);
    line.first = place;
    if (line.count == 0) line.last = place;
    ++line.count;
  }

  // The first of a line that is not empty.
  LinedMessage TakeFirst(Line& line) {
    DCHECK_GT(line.count, 0u);
    Place& place = places_[line.first];
    const LinedMessage taken{.message = place.message, .forced = place.forced};
    const uint32_t next = place.next;
    place.next = std::exchange(free_, line.first);
    line.first = next;
    if (--line.count == 0) line.last = kNoPlace;
    return taken;
  }

 private:
  static constexpr uint32_t kNoPlace = UINT32_MAX;
  struct Place {
    MessageId message;
    uint32_t next;
    bool forced;
  };
  static_assert(sizeof(Place) == 16);

  uint32_t TakePlace(LinedMessage message, uint32_t next) {
    const Place place{.message = message.message, .next = next, .forced = message.forced};
    if (free_ == kNoPlace) {
      places_.push_back(place);
      return static_cast<uint32_t>(places_.size() - 1);
    }
    const uint32_t taken = std::exchange(free_, places_[free_].next);
    places_[taken] = place;
    return taken;
  }

  std::vector<Place> places_;
  uint32_t free_ = kNoPlace;
};

}  // namespace postern

#endif  // POSTERN_RELAY_MESSAGE_LINES_H_
