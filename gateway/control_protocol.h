// What is said on the control socket: one JSON object a line, a request and then its reply.
//
// Plain functions without state, usable on any thread, the same for both sides. Either side checks what it reads: a
// line that makes no sense is an error, never a crash.
//
//   {"command":"list","cursor":0}         {"messages":[...],"count":12,"next_cursor":64}
//   {"command":"show","id":"0QZ..."}      {"message":{...}}
//   {"command":"retry","id":"0QZ..."}     {"done":true}         when it shows in the queue
//   {"command":"retry-all"}               {"done":true}         when it has begun
//   {"command":"delete","id":"0QZ..."}    {"done":true}         when it is gone from the queue
//   {"command":"status"}                  {"version":"0.1.0","pid":4711,"identity":"...","counters":{...}}
//   anything that cannot be               {"error":"not-found","text":"..."}

#ifndef POSTERN_GATEWAY_CONTROL_PROTOCOL_H_
#define POSTERN_GATEWAY_CONTROL_PROTOCOL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/message.h"
#include "relay/queue_view.h"

namespace postern {

inline constexpr size_t kControlRequestSizeMax = 4096;  // a line; what we ask takes a hundred bytes
// A reply is as large as the message with the most recipients; more is not from a gateway.
inline constexpr size_t kControlReplySizeMax = 256u * 1024 * 1024;

enum class ControlVerb : uint8_t { kStatus, kList, kShow, kRetry, kRetryAll, kDelete };

struct ControlRequest {
  ControlVerb verb = ControlVerb::kStatus;
  MessageId message{};  // kShow, kRetry, kDelete
  uint64_t cursor = 0;  // kList
};

struct GatewayStatus {
  std::string version{};
  int64_t pid = 0;
  std::string identity{};  // told by HELP of this very gateway
  std::vector<std::pair<std::string, uint64_t>> counters{};
};

// All with their line end.
std::string EncodeRequest(const ControlRequest& request);
std::string EncodeDone();
std::string EncodeError(const absl::Status& error);
std::string EncodePage(const QueuePage& page);
std::string EncodeEntry(const QueueEntryView& entry);
std::string EncodeStatus(const GatewayStatus& status);

// Without or with it. The error of a reply is the one that was encoded; Internal when the line makes no sense.
absl::StatusOr<ControlRequest> ParseRequest(std::string_view line);
absl::Status ParseDone(std::string_view line);
absl::StatusOr<QueuePage> ParsePage(std::string_view line);
absl::StatusOr<QueueEntryView> ParseEntry(std::string_view line);
absl::StatusOr<GatewayStatus> ParseStatus(std::string_view line);

}  // namespace postern

#endif  // POSTERN_GATEWAY_CONTROL_PROTOCOL_H_
