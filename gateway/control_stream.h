// ControlStream is a reply of several lines: the next one is made when the one before has gone.
//
// ControlServer owns one for a client that has asked for it, on the relay's thread. So neither a long list nor a large
// message takes memory on either side, or holds up the relay for longer than a line takes.

#ifndef POSTERN_GATEWAY_CONTROL_STREAM_H_
#define POSTERN_GATEWAY_CONTROL_STREAM_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "relay/destination_book.h"
#include "relay/mail_store.h"
#include "relay/queue_view.h"

namespace postern {

class ControlStream {
 public:
  enum class Step {
    kLine,      // more follow
    kLastLine,  //
    kNotYet,    // a piece of work was done, and there is no line yet
  };

  virtual ~ControlStream() = default;
  // A piece of work; appends to `output` what its result names.
  virtual Step Next(std::string& output) = 0;
};

// The destinations that have something in the queue; `statuses` is asked once. All that is lent outlives the stream.
std::unique_ptr<ControlStream> StreamDestinations(MailStore& store, const DestinationBook& book,
                                                  std::function<std::vector<DestinationStatus>()> statuses);
// A message as it is stored.
std::unique_ptr<ControlStream> StreamExport(StoredMessage message);

}  // namespace postern

#endif  // POSTERN_GATEWAY_CONTROL_STREAM_H_
