#include "gateway/config_keys.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gateway/config_text.h"
#include "gateway/domain_rule.h"
#include "store/maildir.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kDay = hours(24);
constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kGiB = 1 << 30;

// What texts must be.

absl::Status Wrong(std::string_view what) { return absl::InvalidArgumentError(what); }

absl::StatusOr<std::string> ReadHostname(std::string_view text) {
  if (text.empty()) return std::string();
  if (const std::string what = DomainMistake(text); !what.empty()) return Wrong(what);
  return std::string(text);
}

absl::StatusOr<std::string> ReadGreeting(std::string_view text) {
  constexpr size_t kGreetingSizeMax =
      200;  // with a hostname of 255 bytes it still is one reply line (RFC 5321 4.5.3.1.5)
  if (text.size() > kGreetingSizeMax) return Wrong(absl::StrCat("must be at most ", kGreetingSizeMax, " bytes"));
  for (const char c : text) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) return Wrong("must be one line of printable ASCII");
  }
  if (absl::StrReplaceAll(text, {{"{host}", ""}}).find_first_of("{}") != std::string::npos) {
    return Wrong("only {host} may stand in braces");
  }
  return std::string(text);
}

absl::StatusOr<std::string> ReadDataDir(std::string_view text) {
  constexpr size_t kDataDirSizeMax = 90;  // "/control.sock" behind it must fit into the address of a UNIX socket
  if (text.empty() || text.size() > kDataDirSizeMax) {
    return Wrong(absl::StrCat("must be a path of 1 to ", kDataDirSizeMax, " bytes, so that a socket can lie in it"));
  }
  if (text.find_first_of(std::string_view("{}\0", 3)) != std::string_view::npos) {
    return Wrong("must be a path without braces or NUL");
  }
  return std::string(text);
}

absl::StatusOr<std::string> ReadUser(std::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && std::string_view("_-.@$").find(c) == std::string::npos) {
      return Wrong("must be the name of a user, as \"postern\"");
    }
  }
  return std::string(text);
}

absl::StatusOr<SocketAddress> ReadListen(std::string_view text) {
  constexpr uint16_t kSmtpPort = 25;
  const std::optional<SocketAddress> address = SocketAddress::Parse(text, kSmtpPort);
  if (!address.has_value() || address->family() == AddressFamily::kUnix) {
    return Wrong("must be an IP address with a port of 0 to 65535, as \"192.0.2.1:25\" or \"[2001:db8::1]:25\"");
  }
  return *address;
}

absl::StatusOr<IpNetwork> ReadNetwork(std::string_view text) {
  const std::optional<IpNetwork> network = IpNetwork::Parse(text);
  if (!network.has_value())
    return Wrong("must be an IP network, as \"10.0.0.0/8\", \"2001:db8::/32\" or \"192.0.2.1\"");
  return *network;
}

absl::StatusOr<std::string> ReadLocalDomain(std::string_view text) {
  if (text == "*") return Wrong("mail for every domain from everybody would be an open relay; name the domains");
  if (const std::string what = DomainRuleMistake(text); !what.empty()) return Wrong(what);
  return std::string(text);
}

absl::StatusOr<std::string> ReadRouteDomain(std::string_view text) {
  if (text == "*") return std::string(text);
  if (const std::string what = DomainRuleMistake(text); !what.empty())
    return Wrong(absl::StrCat(what, ", or be \"*\""));
  return std::string(text);
}

absl::StatusOr<std::string> ReadMaildir(std::string_view text) {
  if (text.empty()) return Wrong("must be a path, as \"/var/mail/{domain}/{local}\"");
  if (!MaildirTemplate::Parse(text).ok()) {
    return Wrong("must be a path in which only {domain} and {local} stand in braces");
  }
  return std::string(text);
}

absl::StatusOr<HostPort> ReadNextHop(std::string_view text) {
  absl::StatusOr<HostPort> next_hop = ParseHostPort(text);
  if (!next_hop.ok()) {
    // Its message names the text again, which the complaint does already.
    std::string_view what = next_hop.status().message();
    if (absl::StartsWith(what, absl::StrCat("\"", text, "\": "))) what.remove_prefix(text.size() + 4);
    return Wrong(what);
  }
  if (!IpAddress::Parse(next_hop->host).has_value()) {
    if (const std::string what = DomainMistake(next_hop->host); !what.empty()) return Wrong(what);
  }
  return next_hop;
}

std::string Same(const std::string& text) { return text; }
std::string ShowAddress(const SocketAddress& address) { return address.ToString(); }
std::string ShowNetwork(const IpNetwork& network) {
  return absl::StrCat(network.ip.ToString(), "/", network.prefix_bits);
}
std::string ShowHostPort(const HostPort& host) { return host.ToString(); }

// Sizes that the store keeps in 32 bits.
Codec<uint32_t> SegmentSize(uint32_t min, uint32_t max) {
  const Codec<uint64_t> size = Size(min, max);
  return {
      .type = absl::StrCat(size.type, ", a multiple of 4KiB"),
      .read =
          [size](const toml::node& node, uint32_t& value, Complain complain) {
            constexpr uint64_t kPage = 4096;
            uint64_t wide = value;
            size.read(node, wide, complain);
            if (wide % kPage != 0) return complain(node, "", "must be a multiple of 4KiB");
            value = static_cast<uint32_t>(wide);
          },
      .show = [size](const uint32_t& value) { return size.show(value); },
  };
}

Codec<Duration> Timeout() { return Time(milliseconds(1), 7 * kDay); }

// Places: how a value is found in the Config.

template <typename Outer, typename Inner, typename V>
auto At(Inner Outer::*inner, V Inner::*member) {
  return [ inner, member ](auto& target) -> auto& { return (target.*inner).*member; };
}
template <typename Outer, typename Middle, typename Inner, typename V>
auto At(Middle Outer::*middle, Inner Middle::*inner, V Inner::*member) {
  return [ middle, inner, member ](auto& target) -> auto& { return ((target.*middle).*inner).*member; };
}
template <typename Target, typename V>
auto At(V Target::*member) {
  return [member](auto& target) -> auto& { return target.*member; };
}

template <typename Target, typename Place, typename V>
ConfigKey<Target> Key(std::string_view section, std::string_view name, Place place, Codec<V> codec,
                      std::string_view example, std::string_view about) {
  return {
      .section = section,
      .name = name,
      .type = codec.type,
      .example = example,
      .about = about,
      .read = [place, read = std::move(codec.read)](const toml::node& node, Target& target,
                                                    Complain complain) { read(node, place(target), complain); },
      .show = [place, show = std::move(codec.show)](const Target& target) { return show(place(target)); },
  };
}

std::vector<ConfigKey<Config>> MakeConfigKeys() {
  using C = Config;
  using L = LimitsConfig;
  using R = RelayConfig;
  using S = ServerTimeouts;
  using T = ClientTimeouts;
  const auto key = [](auto... parts) { return Key<Config>(parts...); };
  const auto text = Text<std::string>;
  return {
      // Who we are, and where.
      key("", "hostname", At(&C::hostname), text("string", ReadHostname, Same), R"("mail.example.org")",
          "The name by which the gateway greets and says EHLO. Empty: the machine's own name."),
      key("", "listen", At(&C::listen), ListOf(Text<SocketAddress>("addresses", ReadListen, ShowAddress), 1),
          R"(["192.0.2.1:25", "[2001:db8::1]:25"])",
          "Where mail comes in. The claim is exclusive; a port that is left out is 25."),
      key("", "on_port_conflict", At(&C::on_port_conflict),
          Choice<PortConflict>({{"fail", PortConflict::kFail},
                                {"wait", PortConflict::kWait},
                                {"outbound-only", PortConflict::kOutboundOnly}}),
          R"("wait")",
          "When another program holds an address: end and name it, or relay what is queued and take the address as "
          "soon as it is free."),
      key("", "data_dir", At(&C::data_dir), text("path", ReadDataDir, Same), R"("/srv/postern")",
          "The log, the control socket and, without a route, the mailboxes."),
      key("", "user", At(&C::user), text("string", ReadUser, Same), R"("postern")",
          "Whom to become once the ports are bound, when started as root. Empty: nobody else."),
      key("", "greeting", At(&C::greeting), text("string", ReadGreeting, Same), R"("{host} service ready")",
          "What follows 220. {host} is the hostname."),
      key("", "local_domains", At(&C::local_domains), ListOf(text("domains", ReadLocalDomain, Same), 0),
          R"(["example.org", "#exact.example"])",
          "Domains whose mail is taken from everybody. Subdomains are implied; #domain is the domain alone."),
      key("", "trusted_networks", At(&C::trusted_networks),
          ListOf(Text<IpNetwork>("networks", ReadNetwork, ShowNetwork), 0), R"(["127.0.0.0/8", "10.0.0.0/8"])",
          "Clients there may send to every domain, and are free of the limits per address and per connection."),
      key("", "bare_newline", At(&C::bare_newline),
          Choice<BareNewline>({{"reject", BareNewline::kReject}, {"normalize", BareNewline::kNormalize}}),
          R"("normalize")",
          "A CR or LF alone in a message: refuse it and close, or store CR LF. It never ends a message."),

      key("limits", "message_size", At(&C::limits, &L::message_size), Size(1024, 2 * kGiB), R"("100MiB")",
          "The largest message; SIZE tells it to clients."),
      key("limits", "recipients", At(&C::limits, &L::recipients), Count(1, 100'000), "5000",
          "Recipients of a message."),
      key("limits", "connections", At(&C::limits, &L::connections), Count(1, 1'000'000), "2000",
          "Inbound connections at once."),
      key("limits", "connections_per_address", At(&C::limits, &L::connections_per_address), Count(1, 1'000'000), "20",
          "Inbound connections of one client address at once, unless it is trusted."),
      key("limits", "messages_per_connection", At(&C::limits, &L::messages_per_connection), Count(1, 1'000'000), "1000",
          "Messages on one connection, unless the client is trusted."),
      key("limits", "errors", At(&C::limits, &L::errors), Count(1, 1'000'000), "10",
          "Refused commands in one conversation before it is closed with 421."),
      key("limits", "hops", At(&C::limits, &L::hops), Count(1, 10'000), "50",
          "Received lines of a message; more are a loop."),
      key("limits", "data_rate_min", At(&C::limits, &L::data_rate_min), Size(0, kGiB), "1000",
          "Bytes a second that a body must have on average, once timeouts.data_rate_grace is over. 0: no least rate."),
      key("limits", "buffer_memory", At(&C::limits, &L::buffer_memory), Size(kMiB, 1024 * kGiB), R"("1GiB")",
          "Memory for what came in and is not in the log yet, of all connections together."),

      key("timeouts", "greeting", At(&C::timeouts, &S::greeting), Timeout(), R"("1m")",
          "From the greeting to the first command."),
      key("timeouts", "command", At(&C::timeouts, &S::command), Timeout(), R"("2m")",
          "From a reply to the next whole command."),
      key("timeouts", "data_initiation", At(&C::timeouts, &S::data_initiation), Timeout(), R"("1m")",
          "From 354 to the first byte of the body."),
      key("timeouts", "data_block", At(&C::timeouts, &S::data_block), Timeout(), R"("1m")",
          "Between two bytes of a body."),
      key("timeouts", "message", At(&C::timeouts, &S::message), Timeout(), R"("30m")",
          "From MAIL to the end of the body."),
      key("timeouts", "data_rate_grace", At(&C::timeouts, &S::data_rate_grace), Timeout(), R"("2m")",
          "How long a body may be slower than limits.data_rate_min."),
      key("timeouts", "shutdown", At(&C::shutdown_timeout), Time(seconds(0), hours(1)), R"("5s")",
          "How long a stop waits for messages that are coming in or going out."),

      key("store", "segment_size", At(&C::store, &StoreConfig::segment_size), SegmentSize(4 * kMiB, kGiB), R"("16MiB")",
          "Bytes of one file of the log."),
      key("store", "spare_segments", At(&C::store, &StoreConfig::spare_segments), Count(0, 1000), "16",
          "Files that each log keeps for reuse when their mail is gone; more are removed."),
      key("store", "free_size_min", At(&C::store, &StoreConfig::free_size_min), Size(0, 1024 * kGiB), R"("100MiB")",
          "With less room than this on its disk the gateway takes no mail (452) and sends what is queued."),

      key("threads", "reactors", At(&C::threads, &ThreadsConfig::reactors), Count(0, 128), "2",
          "Threads that talk to clients. 0: chosen by the machine."),
      key("threads", "store_writers", At(&C::threads, &ThreadsConfig::store_writers), Count(0, 64), "1",
          "Threads that write the log, each a directory of its own. 0: one, since two on one disk only sync twice."),

      key("relay", "retry", At(&C::relay, &R::retry, &RetryPolicy::intervals),
          ListOf(Time(milliseconds(1), 30 * kDay), 1), R"(["5m", "1h"])",
          "How long to wait after the first, second, ... failure; the last one repeats."),
      key("relay", "expiry", At(&C::relay, &R::retry, &RetryPolicy::expiry), Time(seconds(1), 365 * kDay), R"("5d")",
          "How old a message may become; then the recipients it has not reached have failed."),
      key("relay", "attempts", At(&C::relay, &R::attempts), Count(1, 10'000), "64",
          "Deliveries under way at once, to all destinations together."),
      key("relay", "mailbox_attempts", At(&C::relay, &R::mailbox_attempts), Count(1, 10'000), "16",
          "Deliveries under way at once into one route's Maildirs."),
      key("relay", "delivered_to", At(&C::relay, &R::delivered_to), Flag(), "true",
          "Whether a message in a Maildir gets a Delivered-To line."),
      key("relay", "connect_timeout", At(&C::relay, &R::connect_timeout), Timeout(), R"("10s")",
          "For a connection to a next hop to stand."),
      key("relay", "greeting_timeout", At(&C::relay, &R::timeouts, &T::greeting), Timeout(), R"("1m")",
          "For the greeting of a next hop."),
      key("relay", "command_timeout", At(&C::relay, &R::timeouts, &T::command), Timeout(), R"("1m")",
          "For its replies to EHLO, MAIL, RCPT and RSET."),
      key("relay", "data_timeout", At(&C::relay, &R::timeouts, &T::data), Timeout(), R"("1m")", "For its 354 to DATA."),
      key("relay", "block_timeout", At(&C::relay, &R::timeouts, &T::block), Timeout(), R"("1m")",
          "While it takes no byte of a body."),
      key("relay", "body_end_timeout", At(&C::relay, &R::timeouts, &T::body_end), Timeout(), R"("20m")",
          "For its reply to the end of a body."),
      key("relay", "quit_timeout", At(&C::relay, &R::timeouts, &T::quit), Timeout(), R"("1s")",
          "For its reply to QUIT."),
      key("relay", "idle_close", At(&C::relay, &R::idle_close), Timeout(), R"("30s")",
          "How long a connection to a next hop is kept without a message."),
  };
}

std::vector<ConfigKey<Route>> MakeRouteKeys() {
  const auto key = [](auto... parts) { return Key<Route>(kRouteSection, parts...); };
  const auto text = Text<std::string>;
  std::vector<ConfigKey<Route>> keys = {
      key("domain", At(&Route::match), text("domain", ReadRouteDomain, Same), R"("example.org")",
          "Whose mail goes this way. Subdomains are implied, #domain is the domain alone, * is everything else. The "
          "longest match wins, wherever it stands in the file."),
      key("maildir", At(&Route::maildir), text("path", ReadMaildir, Same), R"("/var/mail/{domain}/{local}")",
          "The way of the last stop: a Maildir, made when it is missing. {domain} and {local} are the parts of the "
          "address, as safe names."),
      key("next_hop", At(&Route::next_hops), ListOf(Text<HostPort>("hosts", ReadNextHop, ShowHostPort), 1),
          R"(["mail.internal:25", "backup.internal"])",
          "The way onward: hosts that are tried in this order over SMTP. A port that is left out is 25."),
      key("connections_max", At(&Route::connection_count_max), Count(1, 1000), "2",
          "Connections to the next hop at once."),
      key("messages_per_connection_max", At(&Route::messages_per_connection_max), Count(0, 1'000'000), "100",
          "Messages on one connection to the next hop. 0: no limit."),
  };
  keys.front().required = true;
  return keys;
}

template <typename Target>
ConfigKeyRow MakeRow(const ConfigKey<Target>& key, const Target& defaults) {
  const std::string standard = key.required ? "required" : absl::StrCat("`", key.show(defaults), "`");
  return {.section = key.section,
          .name = key.name,
          .row = absl::StrCat("| `", key.name, "` | ", key.type, " | ", standard, " | `", key.example, "` | ",
                              key.about, " |")};
}

}  // namespace

const std::vector<ConfigKey<Config>>& ConfigKeys() {
  static const auto& keys = *new std::vector<ConfigKey<Config>>(MakeConfigKeys());
  return keys;
}

const std::vector<ConfigKey<Route>>& RouteKeys() {
  static const auto& keys = *new std::vector<ConfigKey<Route>>(MakeRouteKeys());
  return keys;
}

std::vector<ConfigKeyRow> ConfigKeyRows() {
  std::vector<ConfigKeyRow> rows;
  for (const ConfigKey<Config>& key : ConfigKeys()) rows.push_back(MakeRow(key, FileDefaults()));
  for (const ConfigKey<Route>& key : RouteKeys()) rows.push_back(MakeRow(key, Route{}));
  return rows;
}

}  // namespace postern
