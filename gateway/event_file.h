// EventFile keeps the event lines of a service, which has no standard error: a file a day, in DATA_DIR/events.
//
// Whoever serves owns it; one thread at a time writes (event_buffer.h). Files are named by the day in UTC and only
// grow; the operator removes what he needs no more.

#ifndef POSTERN_GATEWAY_EVENT_FILE_H_
#define POSTERN_GATEWAY_EVENT_FILE_H_

#include <fstream>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace postern {

class EventFile {
 public:
  // `folder` is made when it is missing, for our account alone.
  EventFile(std::string folder, const Clock& clock) : folder_(std::move(folder)), clock_(clock) {}

  // Whole lines. False when they could not be written; the next ones are tried again.
  bool Write(std::string_view lines);

 private:
  bool OpenToday();

  const std::string folder_;
  const Clock& clock_;
  std::string day_;  // of the open file
  std::ofstream file_;
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_EVENT_FILE_H_
