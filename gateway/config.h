// Config is what the operator has decided: his file, read and checked, with defaults for all that he left out.
//
// The main thread makes it before any other thread runs; afterwards nobody changes it and everybody may read it. A file
// is read whole and every mistake in it is told at once, each with its line. The keys, their types and defaults are a
// table in config_keys.cc, and docs/configuration.md is held to that table by a test.

#ifndef POSTERN_GATEWAY_CONFIG_H_
#define POSTERN_GATEWAY_CONFIG_H_

#include <chrono>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/limits.h"
#include "net/address.h"
#include "relay/failure_type.h"
#include "relay/retry_policy.h"
#include "relay/route.h"
#include "smtp/client_policy.h"
#include "smtp/conversation_options.h"

namespace postern {

// What is done when another program holds a listening address.
enum class PortConflict : uint8_t {
  kFail,          // end, and say who holds it
  kWait,          // relay what is queued, and take the port as soon as it is free
  kOutboundOnly,  // the same, and meant to be: no failure for whoever watches
};

// What the gateway does of its two trades (imc.md: Q156063).
enum class TransferMode : uint8_t {
  kBoth,
  kInbound,   // mail is taken and put into mailboxes; what has to leave by SMTP waits
  kOutbound,  // mail is taken from trusted networks only
  kFlush,     // nothing is listened on; what is queued goes out
};

const char* ToText(TransferMode mode);  // as the configuration calls it

// Whether mail for a route of this kind is delivered now, or waits for another mode.
bool DeliversNow(TransferMode mode, RouteKind kind);

// [limits]: sizes in bytes, counts of things.
struct LimitsConfig {
  uint64_t message_size = kMessageSizeMaxDefault;
  uint32_t recipients = kRecipientCountMaxDefault;  // of a message
  uint32_t connections = kConnectionCountMaxDefault;
  uint32_t connections_per_address = kConnectionsPerAddressMaxDefault;
  uint32_t messages_per_connection = kMessagesPerConnectionMaxDefault;
  uint32_t errors = kErrorCountMax;  // refused commands in a conversation
  uint32_t hops = kHopCountMax;
  uint32_t own_hops = kOwnHopCountMax;
  uint64_t data_rate_min = 100;  // bytes a second; 0 is no least rate
  uint64_t buffer_memory = kBufferMemoryMaxDefault;
};

// What becomes of a store that lies where mail may not survive.
enum class Durability : uint8_t {
  kWarn,    // it is told, and served
  kStrict,  // it is not served
};

// [store]
struct StoreConfig {
  uint32_t segment_size = kSegmentSizeDefault;   // bytes, a multiple of 8
  uint32_t spare_segments = 4;                   // files kept for reuse, per log
  uint64_t free_size_min = kFreeSizeMinDefault;  // bytes on the disk below which no mail is taken
  Durability durability = Durability::kWarn;
};

// [threads]: 0 is chosen by the machine.
struct ThreadsConfig {
  uint32_t reactors = 0;
  uint32_t store_writers = 0;
};

// [relay]
struct RelayConfig {
  RetryPolicy retry;               // of all routes that do not say otherwise
  uint32_t attempts = 256;         // at once, to all destinations together
  uint32_t mailbox_attempts = 64;  // at once, for one maildir route
  Duration connect_timeout = std::chrono::seconds(30);
  Duration idle_close = std::chrono::seconds(10);  // a kept connection without a message
  ClientTimeouts timeouts;
  bool delivered_to = false;  // adds a Delivered-To line in a Maildir
};

// [dns]
struct DnsConfig {
  std::vector<SocketAddress> servers{};        // empty: those that the system asks
  Duration timeout = std::chrono::seconds(3);  // for an answer of one server
  uint32_t tries = 3;                          // of every server
};

// [reports]
struct ReportsConfig {
  std::string postmaster;  // whom reports are from, and who hears of one that fails
  std::string copy_to;     // who gets a copy of reports; empty: nobody
  std::vector<FailureType> copy_for = {std::begin(kFailureTypes), std::end(kFailureTypes)};
  uint64_t return_size_max = kReturnSizeMaxDefault;  // bytes of a message that a report returns
};

struct Config {
  std::string file;  // where it came from; empty for the defaults
  std::string hostname;
  TransferMode transfer = TransferMode::kBoth;
  std::vector<SocketAddress> listen;
  std::string data_dir;
  std::string user;  // to become after binding; empty: stay who we are
  std::string greeting = "{host} ESMTP Postern service ready";
  std::vector<std::string> local_domains;
  std::vector<IpNetwork> trusted_networks;
  PortConflict on_port_conflict = PortConflict::kFail;
  BareNewline bare_newline = BareNewline::kReject;
  LimitsConfig limits;
  ServerTimeouts timeouts;
  Duration shutdown_timeout = std::chrono::seconds(30);  // [timeouts] shutdown: for conversations to end by themselves
  StoreConfig store;
  ThreadsConfig threads;
  RelayConfig relay;
  DnsConfig dns;
  ReportsConfig reports;
  std::vector<Route> routes;  // never empty: by default a Maildir for every recipient, under data_dir

  std::string store_dir() const { return data_dir + "/store"; }
  std::string dead_letter_dir() const { return data_dir + "/dead-letters"; }
  std::string event_dir() const { return data_dir + "/events"; }  // of a service
  std::string crash_dir() const { return data_dir + "/crashes"; }
  std::string control_socket() const { return data_dir + "/control.sock"; }
};

// Where mail comes in; nowhere while the queue is flushed.
const std::vector<SocketAddress>& ListenAddresses(const Config& config);

// A mistake in a file. `line` is 0 when it is the file as a whole: missing, or not readable.
struct ConfigError {
  std::string file;
  uint32_t line = 0;
  std::string text;

  std::string ToString() const;  // "postern.toml:14: route "*.example": ..."
};

// What serves without a file: 127.0.0.1:2525, ./var.
Config DefaultConfig();
// What stands for the keys that a file leaves out, before the machine's name and the default route are filled in.
Config FileDefaults();

// Reads `text` into `config`; what stands in `config` after an error is of no use. `file` is for the messages.
std::vector<ConfigError> ParseConfig(std::string_view text, std::string_view file, Config& config);
// The same with what is in the file at `path`.
std::vector<ConfigError> LoadConfig(const std::string& path, Config& config);

}  // namespace postern

#endif  // POSTERN_GATEWAY_CONFIG_H_
