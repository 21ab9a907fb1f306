#include "gateway/config_keys.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/config_codec.h"
#include "gateway/config_values.h"
#include "gateway/route_keys.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kDay = hours(24);
constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kGiB = 1 << 30;

std::string Same(const std::string& text) { return text; }
std::string ShowAddress(const SocketAddress& address) { return address.ToString(); }
std::string ShowNetwork(const IpNetwork& network) {
  return absl::StrCat(network.ip.ToString(), "/", network.prefix_bits);
}

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

using Keys = std::vector<ConfigKey<Config>>;

template <typename Place, typename V>
ConfigKey<Config> Row(std::string_view section, std::string_view name, Place place, Codec<V> codec,
                      std::string_view example, std::string_view about) {
  return Key<Config>(section, name, place, std::move(codec), example, about);
}

Keys MainKeys() {
  using C = Config;
  const auto text = Text<std::string>;
  return {
      Row("", "hostname", At(&C::hostname), text("string", ReadHostname, Same), R"("mail.example.org")",
          "The name by which the gateway greets and says EHLO. Empty: the machine's own name."),
      Row("", "transfer", At(&C::transfer),
          Choice<TransferMode>({{ToText(TransferMode::kBoth), TransferMode::kBoth},
                                {ToText(TransferMode::kInbound), TransferMode::kInbound},
                                {ToText(TransferMode::kOutbound), TransferMode::kOutbound},
                                {ToText(TransferMode::kFlush), TransferMode::kFlush}}),
          R"("outbound")",
          "What the gateway does: both; inbound: mail is taken and put into mailboxes (maildir, lmtp), and what has to "
          "leave by next_hop or mx waits; outbound: only trusted_networks may send, others get 521; flush: nothing is "
          "listened on, and what is queued goes out."),
      Row("", "listen", At(&C::listen), ListOf(Text<SocketAddress>("addresses", ReadListen, ShowAddress), 1),
          R"(["192.0.2.1:25", "[2001:db8::1]:25"])",
          "Where mail comes in. The claim is exclusive; a port that is left out is 25."),
      Row("", "on_port_conflict", At(&C::on_port_conflict),
          Choice<PortConflict>({{"fail", PortConflict::kFail},
                                {"wait", PortConflict::kWait},
                                {"outbound-only", PortConflict::kOutboundOnly}}),
          R"("wait")",
          "When another program holds an address: end and name it, or relay what is queued and take the address as "
          "soon as it is free."),
      Row("", "data_dir", At(&C::data_dir), text("path", ReadDataDir, Same), R"("/srv/postern")",
          "The log, the control socket and, without a route, the mailboxes."),
      Row("", "user", At(&C::user), text("string", ReadUser, Same), R"("postern")",
          "Whom to become once the ports are bound, when started as root. Empty: nobody else."),
      Row("", "greeting", At(&C::greeting), text("string", ReadGreeting, Same), R"("{host} service ready")",
          "What follows 220. {host} is the hostname."),
      Row("", "local_domains", At(&C::local_domains), ListOf(text("domains", ReadLocalDomain, Same), 0),
          R"(["example.org", "#exact.example"])",
          "Domains whose mail is taken from everybody. Subdomains are implied; #domain is the domain alone."),
      Row("", "trusted_networks", At(&C::trusted_networks),
          ListOf(Text<IpNetwork>("networks", ReadNetwork, ShowNetwork), 0), R"(["127.0.0.0/8", "10.0.0.0/8"])",
          "Clients there may send to every domain, and are free of the limits per address and per connection."),
      Row("", "bare_newline", At(&C::bare_newline),
          Choice<BareNewline>({{"reject", BareNewline::kReject}, {"normalize", BareNewline::kNormalize}}),
          R"("normalize")",
          "A CR or LF alone in a message: refuse it and close, or store CR LF. It never ends a message."),
  };
}

Keys LimitsKeys() {
  using C = Config;
  using L = LimitsConfig;
  return {
      Row("limits", "message_size", At(&C::limits, &L::message_size), Size(1024, 2 * kGiB), R"("100MiB")",
          "The largest message; SIZE tells it to clients."),
      Row("limits", "recipients", At(&C::limits, &L::recipients), Count(1, 100'000), "5000",
          "Recipients of a message. Half of store.segment_size must hold what the log may note about them, 1288 bytes "
          "about each."),
      Row("limits", "connections", At(&C::limits, &L::connections), Count(1, 1'000'000), "2000",
          "Inbound connections at once."),
      Row("limits", "connections_per_address", At(&C::limits, &L::connections_per_address), Count(1, 1'000'000), "20",
          "Inbound connections of one client address at once, unless it is trusted."),
      Row("limits", "messages_per_connection", At(&C::limits, &L::messages_per_connection), Count(1, 1'000'000), "1000",
          "Messages on one connection, unless the client is trusted."),
      Row("limits", "errors", At(&C::limits, &L::errors), Count(1, 1'000'000), "10",
          "Refused commands in one conversation before it is closed with 421."),
      Row("limits", "hops", At(&C::limits, &L::hops), Count(1, 10'000), "50",
          "Received lines of a message; more are a loop."),
      Row("limits", "own_hops", At(&C::limits, &L::own_hops), Count(1, 10'000), "2",
          "Received lines of a message that this gateway wrote; more are a loop."),
      Row("limits", "data_rate_min", At(&C::limits, &L::data_rate_min), Size(0, kGiB), "1000",
          "Bytes a second that a body must have on average, once timeouts.data_rate_grace is over. 0: no least rate."),
      Row("limits", "buffer_memory", At(&C::limits, &L::buffer_memory), Size(kMiB, 1024 * kGiB), R"("1GiB")",
          "Memory for what came in and is not in the log yet, of all connections together."),
  };
}

Keys TimeoutsKeys() {
  using C = Config;
  using S = ServerTimeouts;
  return {
      Row("timeouts", "greeting", At(&C::timeouts, &S::greeting), Timeout(), R"("1m")",
          "From the greeting to the first command."),
      Row("timeouts", "command", At(&C::timeouts, &S::command), Timeout(), R"("2m")",
          "From a reply to the next whole command."),
      Row("timeouts", "data_initiation", At(&C::timeouts, &S::data_initiation), Timeout(), R"("1m")",
          "From 354 to the first byte of the body."),
      Row("timeouts", "data_block", At(&C::timeouts, &S::data_block), Timeout(), R"("1m")",
          "Between two bytes of a body."),
      Row("timeouts", "message", At(&C::timeouts, &S::message), Timeout(), R"("30m")",
          "From MAIL to the end of the body."),
      Row("timeouts", "data_rate_grace", At(&C::timeouts, &S::data_rate_grace), Timeout(), R"("2m")",
          "How long a body may be slower than limits.data_rate_min."),
      Row("timeouts", "shutdown", At(&C::shutdown_timeout), Time(seconds(0), hours(1)), R"("5s")",
          "How long a stop waits for messages that are coming in or going out."),
  };
}

Keys StoreKeys() {
  using C = Config;
  using S = StoreConfig;
  return {
      Row("store", "segment_size", At(&C::store, &S::segment_size), SegmentSize(4 * kMiB, kGiB), R"("16MiB")",
          "Bytes of one file of the log."),
      Row("store", "spare_segments", At(&C::store, &S::spare_segments), Count(0, 1000), "16",
          "Files that each log keeps for reuse when their mail is gone; more are removed."),
      Row("store", "free_size_min", At(&C::store, &S::free_size_min), Size(0, 1024 * kGiB), R"("100MiB")",
          "With less room than this on its disk the gateway takes no mail (452) and sends what is queued."),
      Row("store", "durability", At(&C::store, &S::durability),
          Choice<Durability>({{"warn", Durability::kWarn}, {"strict", Durability::kStrict}}), R"("strict")",
          "What becomes of a store that lies where mail may not survive (memory, a container's layer, a network, no "
          "barriers, a sync too quick to be true): it is told and served, or it is not served."),
  };
}

Keys ThreadsKeys() {
  using C = Config;
  using T = ThreadsConfig;
  return {
      Row("threads", "reactors", At(&C::threads, &T::reactors), Count(0, 128), "2",
          "Threads that talk to clients. 0: chosen by the machine."),
      Row("threads", "store_writers", At(&C::threads, &T::store_writers), Count(0, 64), "1",
          "Threads that write the log, each a directory of its own. 0: one, since two on one disk only sync twice."),
  };
}

Keys RelayKeys() {
  using C = Config;
  using R = RelayConfig;
  using T = ClientTimeouts;
  Keys keys = RetryKeys<Config>("relay", At(&C::relay, &R::retry));
  for (ConfigKey<Config>& key : Keys{
           Row("relay", "attempts", At(&C::relay, &R::attempts), Count(1, 10'000), "64",
               "Deliveries under way at once, to all destinations together."),
           Row("relay", "mailbox_attempts", At(&C::relay, &R::mailbox_attempts), Count(1, 10'000), "16",
               "Deliveries under way at once into one route's Maildirs."),
           Row("relay", "delivered_to", At(&C::relay, &R::delivered_to), Flag(), "true",
               "Whether a message in a Maildir gets a Delivered-To line."),
           Row("relay", "connect_timeout", At(&C::relay, &R::connect_timeout), Timeout(), R"("10s")",
               "For a connection to a next hop to stand."),
           Row("relay", "greeting_timeout", At(&C::relay, &R::timeouts, &T::greeting), Timeout(), R"("1m")",
               "For the greeting of a next hop."),
           Row("relay", "command_timeout", At(&C::relay, &R::timeouts, &T::command), Timeout(), R"("1m")",
               "For its replies to EHLO, MAIL, RCPT and RSET."),
           Row("relay", "data_timeout", At(&C::relay, &R::timeouts, &T::data), Timeout(), R"("1m")",
               "For its 354 to DATA."),
           Row("relay", "block_timeout", At(&C::relay, &R::timeouts, &T::block), Timeout(), R"("1m")",
               "While it takes no byte of a body."),
           Row("relay", "body_end_timeout", At(&C::relay, &R::timeouts, &T::body_end), Timeout(), R"("20m")",
               "For its reply to the end of a body."),
           Row("relay", "quit_timeout", At(&C::relay, &R::timeouts, &T::quit), Timeout(), R"("1s")",
               "For its reply to QUIT."),
           Row("relay", "idle_close", At(&C::relay, &R::idle_close), Timeout(), R"("30s")",
               "How long a connection to a next hop is kept without a message."),
       })
    keys.push_back(std::move(key));
  return keys;
}

Keys DnsKeys() {
  using C = Config;
  using D = DnsConfig;
  return {
      Row("dns", "servers", At(&C::dns, &D::servers),
          ListOf(Text<SocketAddress>("addresses", ReadNameServer, ShowAddress), 0),
          R"(["192.0.2.53", "[2001:db8::53]:5353"])",
          "Whom to ask for mail exchanges and addresses. Empty: whom the system asks. A port that is left out is 53."),
      Row("dns", "timeout", At(&C::dns, &D::timeout), Time(milliseconds(10), hours(1)), R"("2s")",
          "How long one of them may take for an answer; in each further round twice as long."),
      Row("dns", "tries", At(&C::dns, &D::tries), Count(1, 100), "2", "How often each of them is asked."),
  };
}

Keys ReportsKeys() {
  using C = Config;
  using R = ReportsConfig;
  const auto text = Text<std::string>;
  return {
      Row("reports", "postmaster", At(&C::reports, &R::postmaster), text("address", ReadMailAddress, Same),
          R"("postmaster@example.org")",
          "Whom reports are visibly from, and who is told of one that cannot be delivered. Empty: postmaster@ the "
          "hostname."),
      Row("reports", "copy_to", At(&C::reports, &R::copy_to), text("address", ReadMailAddress, Same),
          R"("mail-admin@example.org")", "Who gets a copy of reports of failure. Empty: nobody."),
      Row("reports", "copy_for", At(&C::reports, &R::copy_for),
          ListOf(Choice<FailureType>({{"address", FailureType::kAddress},
                                      {"host", FailureType::kHost},
                                      {"content", FailureType::kContent},
                                      {"expired", FailureType::kExpired},
                                      {"loop", FailureType::kLoop}}),
                 0),
          R"(["expired", "loop"])",
          "Of which failures copy_to hears: no such address; the way or the host failed; the message was refused; its "
          "time was over; it went round."),
      Row("reports", "return_size_max", At(&C::reports, &R::return_size_max), Size(0, 2 * kGiB), R"("1MiB")",
          "Of a message up to this size a report of failure returns the whole, unless its sender wants the headers "
          "alone (RET=HDRS); of a "
          "larger one it returns the headers."),
  };
}

Keys MakeConfigKeys() {
  Keys keys;
  for (const auto section :
       {MainKeys, LimitsKeys, TimeoutsKeys, StoreKeys, ThreadsKeys, RelayKeys, DnsKeys, ReportsKeys}) {
    Keys rows = section();
    std::move(rows.begin(), rows.end(), std::back_inserter(keys));
  }
  return keys;
}

template <typename Target>
ConfigKeyRow MakeRow(const ConfigKey<Target>& key, const Target& defaults) {
  const std::string standard =
      key.standard.empty() ? absl::StrCat("`", key.show(defaults), "`") : std::string(key.standard);
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

std::vector<ConfigKeyRow> ConfigKeyRows() {
  std::vector<ConfigKeyRow> rows;
  for (const ConfigKey<Config>& key : ConfigKeys()) rows.push_back(MakeRow(key, FileDefaults()));
  for (const RouteKey& key : RouteKeys()) rows.push_back(MakeRow(key.key, Route{}));
  return rows;
}

}  // namespace postern
