// What is said on the control socket: one JSON object a line, a request and then its reply.
//
// Plain functions without state, usable on any thread, the same for both sides. Either side checks what it reads: a
// line that makes no sense is an error, never a crash.
//
//   {"command":"status"}                                {"version":"0.1.0","pid":4711,"identity":"...",...}
//   {"command":"list","cursor":0}                       {"messages":[...],"count":12,"next_cursor":64}
//   {"command":"list","cursor":0,"destination":"far.example"}
//   {"command":"show","id":"0QZ..."}                    {"message":{...}}
//   {"command":"retry","id":"0QZ..."}                   {"done":true}       when it shows in the queue
//   {"command":"hold","destination":"far.example"}      {"begun":true}
//   {"command":"delete","all":true}                     {"begun":true}
//   {"command":"release","id":"0QZ..."}                 {"unchanged":true}  it is not held
//   anything that cannot be                             {"error":"not-found","text":"..."}
//
// These have a reply of several lines, the last of which does not say "more":
//
//   {"command":"destinations"}                          {"destinations":[...],"count":12,"more":true}
//   {"command":"export","id":"0QZ..."}                  {"data":"UmVjZWl2ZWQ6...","more":true}

#ifndef POSTERN_GATEWAY_CONTROL_PROTOCOL_H_
#define POSTERN_GATEWAY_CONTROL_PROTOCOL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/message.h"
#include "gateway/queue_access.h"
#include "relay/queue_tally.h"
#include "relay/queue_view.h"

namespace postern {

inline constexpr size_t kControlRequestSizeMax = 4096;  // a line; what we ask takes a hundred bytes
// A reply is as large as the message with the most recipients; more is not from a gateway.
inline constexpr size_t kControlReplySizeMax = 256u * 1024 * 1024;

enum class ControlVerb : uint8_t { kStatus, kDestinations, kList, kShow, kExport, kAct };

struct ControlRequest {
  ControlVerb verb = ControlVerb::kStatus;
  QueueAction action = QueueAction::kRetry;  // kAct: on one of `message`, `destination` and `all`
  std::optional<MessageId> message{};        // kShow, kExport, kAct
  std::optional<std::string> destination{};  // kList, kAct: its name
  bool all = false;                          // kAct
  uint64_t cursor = 0;                       // kList
};

struct GatewayStatus {
  std::string version{};
  int64_t pid = 0;
  std::string identity{};  // told by HELP of this very gateway
  std::vector<std::pair<std::string, uint64_t>> counters{};
};

// A line of the reply to kDestinations.
struct DestinationPage {
  std::vector<DestinationView> destinations{};
  size_t message_count = 0;  // in the whole queue
  bool more = false;
};

// A line of the reply to kExport.
struct ExportPiece {
  std::string bytes{};
  bool more = false;
};

// All with their line end.
std::string EncodeRequest(const ControlRequest& request);
std::string EncodeResult(ActResult result);
std::string EncodeError(const absl::Status& error);
std::string EncodeDestinations(const DestinationPage& page);
std::string EncodePage(const QueuePage& page);
std::string EncodeEntry(const QueueEntryView& entry);
std::string EncodePiece(std::string_view bytes, bool more);
std::string EncodeStatus(const GatewayStatus& status);

// Without or with it. The error of a reply is the one that was encoded; Internal when the line makes no sense.
absl::StatusOr<ControlRequest> ParseRequest(std::string_view line);
absl::StatusOr<ActResult> ParseResult(std::string_view line);
absl::StatusOr<DestinationPage> ParseDestinations(std::string_view line);
absl::StatusOr<QueuePage> ParsePage(std::string_view line);
absl::StatusOr<QueueEntryView> ParseEntry(std::string_view line);
absl::StatusOr<ExportPiece> ParsePiece(std::string_view line);
absl::StatusOr<GatewayStatus> ParseStatus(std::string_view line);

}  // namespace postern

#endif  // POSTERN_GATEWAY_CONTROL_PROTOCOL_H_
