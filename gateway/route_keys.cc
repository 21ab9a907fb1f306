#include "gateway/route_keys.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/config_codec.h"
#include "gateway/config_values.h"

namespace postern {
namespace {

constexpr uint64_t kGiB = 1 << 30;

std::string Same(const std::string& text) { return text; }
std::string ShowHostPort(const HostPort& host) { return host.ToString(); }

// A way that needs no more than its name.
Codec<RouteKind> Only(RouteKind kind) {
  return {
      .type = "true",
      .read =
          [kind](const toml::node& node, RouteKind& value, Complain complain) {
            const toml::value<bool>* flag = node.as_boolean();
            if (flag == nullptr || !flag->get()) return complain(node, "", "must be true, without quotes, or left out");
            value = kind;
          },
      .show = [kind](const RouteKind& value) { return std::string(value == kind ? "true" : "false"); },
  };
}

Codec<uint16_t> Port() {
  const Codec<uint32_t> number = Count(1, 65535);
  return {
      .type = number.type,
      .read =
          [number](const toml::node& node, uint16_t& value, Complain complain) {
            uint32_t wide = value;
            number.read(node, wide, complain);
            value = static_cast<uint16_t>(wide);
          },
      .show = [](const uint16_t& value) { return absl::StrCat(value); },
  };
}

// Hosts, or a socket instead of them.
Codec<Route> LmtpServers() {
  const Codec<std::vector<HostPort>> hosts = ListOf(Text<HostPort>("hosts", ReadLmtpHost, ShowHostPort), 1);
  const Codec<std::string> socket = Text<std::string>(
      "socket", ReadUnixSocket, [](const std::string& path) { return absl::StrCat(kUnixPrefix, path); });
  return {
      .type = absl::StrCat(hosts.type, ", or \"unix:PATH\""),
      .read =
          [hosts, socket](const toml::node& node, Route& route, Complain complain) {
            const toml::value<std::string>* text = node.as_string();
            if (text != nullptr && absl::StartsWith(text->get(), kUnixPrefix)) {
              socket.read(node, route.unix_socket, complain);
            } else {
              hosts.read(node, route.next_hops, complain);
            }
          },
      .show =
          [hosts, socket](const Route& route) {
            return route.unix_socket.empty() ? hosts.show(route.next_hops) : socket.show(route.unix_socket);
          },
  };
}

// Kept for the day on which we speak TLS to other servers; until then nobody shall believe that we do.
Codec<Route> NoTls() {
  return {
      .type = TomlString("none"),
      .read =
          [](const toml::node& node, Route&, Complain complain) {
            const toml::value<std::string>* text = node.as_string();
            if (text != nullptr && text->get() == "none") return;
            complain(node, text == nullptr ? "" : text->get(),
                     "must be \"none\": the key is reserved, this version speaks no TLS to other servers");
          },
      .show = [](const Route&) { return TomlString("none"); },
  };
}

template <typename Place, typename V>
ConfigKey<Route> Row(std::string_view name, Place place, Codec<V> codec, std::string_view example,
                     std::string_view about) {
  return Key<Route>(kRouteSection, name, place, std::move(codec), example, about);
}

// The route as a whole: for a key with more than one place in it, or none.
constexpr auto kWhole = [](auto& route) -> auto& { return route; };

std::vector<RouteKey> WayKeys() {
  const auto text = Text<std::string>;
  const auto key = [](RouteKind kind, ConfigKey<Route> row) {
    row.standard = "none";
    return RouteKey{.key = std::move(row), .way = kind};
  };
  return {
      key(RouteKind::kMx, Row("mx", At(&Route::kind), Only(RouteKind::kMx), "true",
                              "The way onward that DNS tells: SMTP to the mail exchanges of the recipient's domain.")),
      key(RouteKind::kNextHop,
          Row("next_hop", At(&Route::next_hops), ListOf(Text<HostPort>("hosts", ReadNextHop, ShowHostPort), 1),
              R"(["mail.internal:25", "backup.internal"])",
              "The way onward by name: SMTP to these hosts, in turn to those that answer. A port that is left out is "
              "25.")),
      key(RouteKind::kLmtp,
          Row("lmtp", kWhole, LmtpServers(), R"("unix:/run/dovecot/lmtp")",
              "The way into another program's mailboxes: LMTP over a UNIX socket, or to hosts; a port that is left out "
              "is 24.")),
      key(RouteKind::kMaildir,
          Row("maildir", At(&Route::maildir), text("path", ReadMaildir, Same), R"("/var/mail/{domain}/{local}")",
              "The way of the last stop: a Maildir, made when it is missing. {domain} and {local} are the parts of the "
              "address, as safe names.")),
      key(RouteKind::kReject,
          Row("reject", At(&Route::reject_text), text("string", ReadRejectText, Same), R"("this domain has moved")",
              "No way: its recipients are refused with 550 and this text.")),
      key(RouteKind::kDiscard,
          Row("discard", At(&Route::kind), Only(RouteKind::kDiscard), "true", "Its mail is taken and thrown away.")),
  };
}

std::vector<RouteKey> LimitKeys() {
  using K = RouteKind;
  const std::vector<K> smtp = {K::kMx, K::kNextHop, K::kLmtp};
  return {
      {.key = Row("port", At(&Route::port), Port(), "2525", "Of the mail exchanges."), .kinds = {K::kMx}},
      {.key = Row("connections_max", At(&Route::connection_count_max), Count(1, 1000), "2",
                  "Connections to one host at once."),
       .kinds = smtp},
      {.key = Row("messages_per_connection_max", At(&Route::messages_per_connection_max), Count(0, 1'000'000), "100",
                  "Messages on one connection. 0: no limit."),
       .kinds = smtp},
      {.key = Row("recipients_per_transaction_max", At(&Route::recipients_per_transaction_max), Count(1, 100'000),
                  "1000", "Recipients of a message in one go; the others follow in the next."),
       .kinds = smtp},
      {.key = Row("message_size_max", At(&Route::message_size_max), Size(0, 2 * kGiB), R"("10MiB")",
                  "The largest message that goes this way; its recipients here are refused a larger one. 0: no limit "
                  "but limits.message_size."),
       .kinds = {K::kMx, K::kNextHop, K::kLmtp, K::kMaildir, K::kDiscard}},
      {.key = Row("eight_bit", At(&Route::eight_bit),
                  Choice<EightBit>({{"pass", EightBit::kPass}, {"bounce", EightBit::kBounce}}), R"("bounce")",
                  "What becomes of an 8-bit message when the host does not offer 8BITMIME: it goes as it is, or is "
                  "returned."),
       .kinds = smtp},
      {.key = Row("tls", kWhole, NoTls(), R"("none")",
                  "Reserved: this version speaks no TLS to other servers, and takes nothing else here."),
       .kinds = smtp},
  };
}

std::vector<RouteKey> MakeRouteKeys() {
  std::vector<RouteKey> keys = {
      {.key =
           Row("domain", At(&Route::match), Text<std::string>("domain", ReadRouteDomain, Same), R"("example.org")",
               "Whose mail goes this way. Subdomains are implied, #domain is the domain alone, * is everything else. "
               "The longest match wins, wherever it stands in the file.")}};
  keys.front().key.standard = "required";
  for (auto& rows : {WayKeys(), LimitKeys()}) keys.insert(keys.end(), rows.begin(), rows.end());
  for (ConfigKey<Route>& row : RetryKeys<Route>(kRouteSection, At(&Route::retry))) {
    row.standard = "as in `[relay]`";
    keys.push_back(
        {.key = std::move(row), .kinds = {RouteKind::kMx, RouteKind::kNextHop, RouteKind::kLmtp, RouteKind::kMaildir}});
  }
  return keys;
}

}  // namespace

bool RouteKey::Suits(RouteKind kind) const {
  if (way.has_value()) return *way == kind;
  return kinds.empty() || std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

const std::vector<RouteKey>& RouteKeys() {
  static const auto& keys = *new std::vector<RouteKey>(MakeRouteKeys());
  return keys;
}

}  // namespace postern
