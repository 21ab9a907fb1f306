#include "gateway/config.h"

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

std::vector<std::string> Mistakes(std::string_view text) {
  Config config;
  std::vector<std::string> told;
  for (const ConfigError& error : ParseConfig(text, "f", config)) told.push_back(error.ToString());
  return told;
}

Config Good(std::string_view text) {
  Config config;
  std::string told;
  for (const ConfigError& error : ParseConfig(text, "f", config)) told += error.ToString() + "\n";
  EXPECT_EQ(told, "") << text;
  return config;
}

TEST(ConfigTest, WithoutAFileItServesThisMachineOnly) {
  const Config config = DefaultConfig();
  EXPECT_EQ(config.file, "");
  EXPECT_NE(config.hostname, "");
  EXPECT_EQ(config.listen, std::vector{*SocketAddress::Parse("127.0.0.1:2525")});
  EXPECT_EQ(config.data_dir, "./var");
  ASSERT_EQ(config.routes.size(), 1u);
  EXPECT_EQ(config.routes[0].match, "*");
  EXPECT_EQ(config.routes[0].kind, RouteKind::kMaildir);
  EXPECT_EQ(config.routes[0].maildir, "./var/mail/{domain}/{local}");
  EXPECT_TRUE(config.local_domains.empty()) << "an open relay otherwise";
}

TEST(ConfigTest, AnEmptyFileIsGood) {
  const Config config = Good("");
  EXPECT_EQ(config.file, "f");
  EXPECT_NE(config.hostname, "");
  EXPECT_EQ(config.listen, (std::vector{*SocketAddress::Parse("0.0.0.0:25"), *SocketAddress::Parse("[::]:25")}));
  EXPECT_EQ(config.data_dir, "/var/lib/postern");
  EXPECT_EQ(config.control_socket(), "/var/lib/postern/control.sock");
  EXPECT_EQ(config.routes.at(0).maildir, "/var/lib/postern/mail/{domain}/{local}");
  const IpAddress loopback = *IpAddress::Parse("127.0.0.9");
  EXPECT_TRUE(config.trusted_networks.at(0).Contains(loopback));
  EXPECT_EQ(config.limits.message_size, 50u << 20);
  EXPECT_EQ(config.relay.retry.intervals, (std::vector<Duration>{minutes(15), minutes(30), hours(1), hours(4)}));
}

TEST(ConfigTest, EverySectionIsRead) {
  const Config config = Good(R"(
    hostname = "mail.example.org"
    listen = ["192.0.2.1", "[2001:db8::1]:587"]
    on_port_conflict = "outbound-only"
    data_dir = "/srv/p"
    user = "postern"
    greeting = "{host} service ready"
    local_domains = ["example.org", "#Exact.example"]
    trusted_networks = "10.0.0.0/8"
    bare_newline = "normalize"
    [limits]
    message_size = "1MiB"
    recipients = 5
    data_rate_min = 0
    buffer_memory = 1_048_576
    [timeouts]
    command = "250ms"
    message = "2d"
    shutdown = "0s"
    [store]
    segment_size = 4_194_304
    [threads]
    reactors = 3
    [relay]
    retry = ["1s", "1m"]
    expiry = "2s"
    command_timeout = "9s"
    delivered_to = true
    [[route]]
    domain = "*"
    maildir = "/m/{domain}/{local}"
    [[route]]
    domain = "next.example"
    next_hop = ["mail.internal:2525", "[::1]:2526", "192.0.2.9"]
    connections_max = 2
    messages_per_connection_max = 0
    [[route]]
    domain = "#one.example"
    next_hop = "mail.internal"
  )");
  EXPECT_EQ(config.hostname, "mail.example.org");
  EXPECT_EQ(config.listen,
            (std::vector{*SocketAddress::Parse("192.0.2.1:25"), *SocketAddress::Parse("[2001:db8::1]:587")}));
  EXPECT_EQ(config.on_port_conflict, PortConflict::kOutboundOnly);
  EXPECT_EQ(config.store_dir(), "/srv/p/store");
  EXPECT_EQ(config.user, "postern");
  EXPECT_EQ(config.greeting, "{host} service ready");
  EXPECT_EQ(config.local_domains, (std::vector<std::string>{"example.org", "#Exact.example"}));
  ASSERT_EQ(config.trusted_networks.size(), 1u) << "one alone needs no brackets, and replaces the default";
  EXPECT_TRUE(config.trusted_networks[0].Contains(*IpAddress::Parse("10.9.9.9")));
  EXPECT_EQ(config.bare_newline, BareNewline::kNormalize);
  EXPECT_EQ(config.limits.message_size, 1u << 20);
  EXPECT_EQ(config.limits.recipients, 5u);
  EXPECT_EQ(config.limits.data_rate_min, 0u);
  EXPECT_EQ(config.limits.buffer_memory, 1u << 20);
  EXPECT_EQ(config.timeouts.command, milliseconds(250));
  EXPECT_EQ(config.timeouts.message, hours(48));
  EXPECT_EQ(config.shutdown_timeout, seconds(0));
  EXPECT_EQ(config.store.segment_size, 4u << 20);
  EXPECT_EQ(config.threads.reactors, 3u);
  EXPECT_EQ(config.relay.retry.intervals, (std::vector<Duration>{seconds(1), minutes(1)}));
  EXPECT_EQ(config.relay.retry.expiry, seconds(2));
  EXPECT_EQ(config.relay.timeouts.command, seconds(9));
  EXPECT_TRUE(config.relay.delivered_to);
  ASSERT_EQ(config.routes.size(), 3u);
  EXPECT_EQ(config.routes[0].kind, RouteKind::kMaildir);
  EXPECT_EQ(config.routes[1].kind, RouteKind::kNextHop);
  EXPECT_EQ(config.routes[1].next_hops,
            (std::vector<HostPort>{{"mail.internal", 2525}, {"::1", 2526}, {"192.0.2.9", 25}}));
  EXPECT_EQ(config.routes[1].connection_count_max, 2u);
  EXPECT_EQ(config.routes[1].messages_per_connection_max, 0u);
  EXPECT_EQ(config.routes[2].match, "#one.example");
}

TEST(ConfigTest, ManyRecipientsNeedLargeSegments) {
  Good("[store]\nsegment_size = \"4MiB\"");  // with the default
  Good("[store]\nsegment_size = \"4MiB\"\n[limits]\nrecipients = 1628");
  Good("[store]\nsegment_size = \"246MiB\"\n[limits]\nrecipients = 100_000");
}

struct BadCase {
  std::string_view text;
  std::string_view told;
};

// Where, what, and what would be right: the whole of it.
constexpr BadCase kBad[] = {
    // Keys that are none.
    {"\nlistn = []", R"(f:2: key "listn": there is no such key; did you mean "listen"?)"},
    {"[limits]\nrecipient = 5", R"(f:2: key "limits.recipient": there is no such key; did you mean "recipients"?)"},
    {"[limts]\nrecipients = 5", R"(f:1: key "limts": there is no such key; did you mean "limits"?)"},
    {"[[routes]]", R"(f:1: key "routes": there is no such key; did you mean "route"?)"},
    {"message_size = 1", R"(f:1: key "message_size": there is no such key; it belongs into [limits])"},
    {"[limits]\nuser = \"x\"",
     R"(f:2: key "limits.user": there is no such key; it stands on top of the file, before the first [section])"},
    {"something_else_entirely = 1", R"(f:1: key "something_else_entirely": there is no such key)"},
    {"\"\\u001b[2J\" = 1", R"(f:1: key "\x1B[2J": there is no such key)"},
    {"limits = 5", R"(f:1: key "limits": must be a section: [limits] on a line of its own, its keys below)"},

    // Values of another kind.
    {"hostname = 5", R"(f:1: key "hostname": must be a string in quotes)"},
    {"hostname = \"two words\"",
     R"(f:1: key "hostname": "two words": must be a domain of letters, digits, hyphens and dots, as )"
     R"("mail.example.org")"},
    {"listen = 25", R"(f:1: key "listen": must be a list of addresses)"},
    {"listen = []", R"(f:1: key "listen": must name at least 1)"},
    {"listen = [25]", R"(f:1: key "listen": must be a string in quotes)"},
    {"listen = [\n\"127.0.0.1:99999\"]",
     R"(f:2: key "listen": "127.0.0.1:99999": must be an IP address with a port of 0 to 65535, as "192.0.2.1:25" or )"
     R"("[2001:db8::1]:25")"},
    {"listen = [\"0.0.0.0:25\",\n\"127.0.0.1:25\"]",
     R"(f:2: key "listen": "127.0.0.1:25": "0.0.0.0:25" claims the same port already)"},
    {"on_port_conflict = \"panic\"",
     R"(f:1: key "on_port_conflict": "panic": must be "fail", "wait" or "outbound-only")"},
    {"bare_newline = true", R"(f:1: key "bare_newline": must be a string in quotes)"},
    {"data_dir = \"\"", R"(f:1: key "data_dir": must be a path of 1 to 90 bytes, so that a socket can lie in it)"},
    {"user = \"a b\"", R"(f:1: key "user": "a b": must be the name of a user, as "postern")"},
    {"greeting = \"{hostname} hi\"", R"(f:1: key "greeting": "{hostname} hi": only {host} may stand in braces)"},
    {"greeting = \"a\\r\\n250 b\"", R"(f:1: key "greeting": "a\r\n250 b": must be one line of printable ASCII)"},
    {"local_domains = [\"*\"]",
     R"(f:1: key "local_domains": "*": mail for every domain from everybody would be an open relay; name the domains)"},
    {"local_domains = [\"*.example\"]",
     R"(f:1: key "local_domains": "*.example": subdomains are implied: must be "example")"},
    {"local_domains = [\"*.exam\\nple\"]",
     R"(f:1: key "local_domains": "*.exam\nple": must be a domain as "example.org" (its subdomains are implied), or )"
     R"("#example.org" for the domain alone)"},
    {"trusted_networks = [\"10.0.0.0/33\"]",
     R"(f:1: key "trusted_networks": "10.0.0.0/33": must be an IP network, as "10.0.0.0/8", "2001:db8::/32" or )"
     R"("192.0.2.1")"},

    // Numbers, sizes, durations.
    {"[limits]\nrecipients = 0", R"(f:2: key "limits.recipients": must be an integer from 1 to 100000)"},
    {"[limits]\nconnections = \"many\"", R"(f:2: key "limits.connections": must be an integer from 1 to 1000000)"},
    {"[limits]\nconnections = 1.5", R"(f:2: key "limits.connections": must be an integer from 1 to 1000000)"},
    {"[limits]\nmessage_size = -1",
     R"(f:2: key "limits.message_size": must be an integer of bytes or a text with KiB, MiB or GiB, as "50MiB", from )"
     "1KiB to 2GiB"},
    {"[limits]\nmessage_size = \"50MB\"",
     R"(f:2: key "limits.message_size": must be an integer of bytes or a text with KiB, MiB or GiB, as "50MiB", from )"
     "1KiB to 2GiB"},
    {"[store]\nsegment_size = 5_000_000", R"(f:2: key "store.segment_size": must be a multiple of 4KiB)"},
    {"[limits]\nrecipients = 100_000",
     R"(f:2: key "limits.recipients": the log may have to note 123MiB about so many in one record, which is more than )"
     R"(half of store.segment_size (64MiB, its default): must be at most 26051, or store.segment_size at least )"
     R"("246MiB")"},
    {"[store]\nsegment_size = \"4MiB\"\n[limits]\nrecipients = 1629",
     R"(f:4: key "limits.recipients": the log may have to note 3MiB about so many in one record, which is more than )"
     R"(half of store.segment_size (4MiB, line 2): must be at most 1628, or store.segment_size at least "5MiB")"},
    {"[timeouts]\ncommand = \"5 parsecs\"",
     R"(f:2: key "timeouts.command": "5 parsecs": must be a text of a whole number with its unit, as "250ms", "30s", )"
     R"("15m", "4h" or "2d", from 1ms to 7d)"},
    {"[timeouts]\ncommand = 300",
     R"(f:2: key "timeouts.command": must be a text of a whole number with its unit, as "250ms", "30s", )"
     R"("15m", "4h" or "2d", from 1ms to 7d)"},
    {"[relay]\nretry = []", R"(f:2: key "relay.retry": must name at least 1)"},
    {"[relay]\ndelivered_to = \"yes\"", R"(f:2: key "relay.delivered_to": must be true or false, without quotes)"},

    // Routes.
    {"[route]\ndomain = \"*\"", R"(f:1: key "route": must be a list of tables: write [[route]] instead of [route])"},
    {"route = [1]", R"(f:1: key "route": must be a list of tables: write [[route]] on a line of its own for each)"},
    {"route = []", R"(f:1: key "route": is empty; leave it out to have a Maildir for everybody)"},
    {"\n[[route]]\ndomain = \"*\"",
     R"(f:2: route "*": has no way: exactly one of mx, next_hop, lmtp, maildir, reject and discard must be given)"},
    {"[[route]]\ndomain = \"*\"\nmaildir = \"/m\"\nnext_hop = \"a.example\"",
     R"(f:1: route "*": has more than one way: exactly one of mx, next_hop, lmtp, maildir, reject and discard must be )"
     "given"},
    {"[[route]]\nmaildir = \"/m\"", R"(f:1: route: the domain is missing, as domain = "*")"},
    {"[[route]]\ndomain = \"a.example\"\nmaildir = \"/m\"\n[[route]]\ndomain = \"A.example\"\nmaildir = \"/n\"",
     R"(f:4: route "A.example": there is one for this domain already, in line 1)"},
    {"[[route]]\ndomain = \"a@b\"\nmaildir = \"/m\"",
     R"(f:2: route "a@b": domain "a@b": must be a domain as "example.org" (its subdomains are implied), or )"
     R"("#example.org" for the domain alone, or be "*")"},
    {"[[route]]\ndomain = \"*\"\nmaildir = \"/m/{user}\"",
     R"(f:3: route "*": maildir "/m/{user}": must be a path in which only {domain} and {local} stand in braces)"},
    {"[[route]]\ndomain = \"*\"\nnext_hop = []", R"(f:3: route "*": next_hop: must name at least 1)"},
    {"[[route]]\ndomain = \"x.example\"\nnext_hop = [\"good.internal\",\n\"mail.internal:25a\"]",
     R"(f:4: route "x.example": next_hop "mail.internal:25a": the port must be 1 to 65535)"},
    {"[[route]]\ndomain = \"*\"\nnext_hop = \"::1\"",
     R"(f:3: route "*": next_hop "::1": an IPv6 address stands in brackets, as in [::1]:25)"},
    {"[[route]]\ndomain = \"*\"\nnext_hop = \"a b\"",
     R"(f:3: route "*": next_hop "a b": must be a domain of letters, digits, hyphens and dots, as "mail.example.org")"},
    {"[[route]]\ndomain = \"*\"\nmaildir = \"/m\"\nnexthop = 1",
     R"(f:4: route "*": key "nexthop": there is no such key; did you mean "next_hop"?)"},
    {"[[route]]\ndomain = \"*\"\nnext_hop = \"a.example\"\nconnections_max = 0",
     R"(f:4: route "*": connections_max: must be an integer from 1 to 1000)"},
    {"[[route]]\ndomain = \"*\"\nkind = \"pigeon\"\nmx = true", R"(f:3: route "*": key "kind": there is no such key)"},
    {"[[route]]\ndomain = \"*\"\nmx = false", R"(f:3: route "*": mx: must be true, without quotes, or left out)"},
    {"[[route]]\ndomain = \"*\"\ndiscard = \"true\"",
     R"(f:3: route "*": discard: must be true, without quotes, or left out)"},
    {"[[route]]\ndomain = \"*\"\nmx = true\ndiscard = true\nreject = \"no\"",
     R"(f:1: route "*": has more than one way: exactly one of mx, next_hop, lmtp, maildir, reject and discard must be )"
     "given"},
    {"[[route]]\ndomain = \"*\"\nlmtp = \"unix:lmtp\"",
     R"(f:3: route "*": lmtp "unix:lmtp": must be a whole path, as "unix:/run/dovecot/lmtp")"},
    {"[[route]]\ndomain = \"*\"\nlmtp = [\"a.example\",\n\"unix:/run/lmtp\"]",
     R"(f:4: route "*": lmtp "unix:/run/lmtp": a socket stands alone, not in a list)"},
    {"[[route]]\ndomain = \"*\"\nreject = \"\"",
     R"(f:3: route "*": reject: must be one line of 1 to 300 printable ASCII characters)"},
    {"[[route]]\ndomain = \"*\"\nreject = \"a\\r\\nb\"",
     R"(f:3: route "*": reject "a\r\nb": must be one line of 1 to 300 printable ASCII characters)"},
    {"[[route]]\ndomain = \"*\"\nmx = true\nport = 0", R"(f:4: route "*": port: must be an integer from 1 to 65535)"},
    {"[[route]]\ndomain = \"*\"\nmx = true\ntls = \"required\"",
     R"(f:4: route "*": tls "required": must be "none": the key is reserved, this version speaks no TLS to other )"
     "servers"},
    {"[[route]]\ndomain = \"*\"\nmx = true\neight_bit = \"encode\"",
     R"(f:4: route "*": eight_bit "encode": must be "pass" or "bounce")"},

    // Keys without a meaning for their route.
    {"[[route]]\ndomain = \"*\"\nport = 2525\nmaildir = \"/m\"",
     R"(f:3: route "*": key "port": has no meaning for a route of maildir; leave it out)"},
    {"[[route]]\ndomain = \"*\"\nnext_hop = \"a.example\"\nport = 2525",
     R"(f:4: route "*": key "port": has no meaning for a route of next_hop; leave it out)"},
    {"[[route]]\ndomain = \"*\"\nreject = \"no\"\nexpiry = \"1h\"",
     R"(f:4: route "*": key "expiry": has no meaning for a route of reject; leave it out)"},
    {"[[route]]\ndomain = \"*\"\ndiscard = true\ntls = \"none\"\nconnections_max = 1",
     "f:4: route \"*\": key \"tls\": has no meaning for a route of discard; leave it out\n"
     "f:5: route \"*\": key \"connections_max\": has no meaning for a route of discard; leave it out"},

    // Modes, names, reports.
    {"transfer = \"none\"", R"(f:1: key "transfer": "none": must be "both", "inbound", "outbound" or "flush")"},
    {"[dns]\nservers = \"ns.example\"",
     R"(f:2: key "dns.servers": "ns.example": must be an IP address with a port of 1 to 65535, as "192.0.2.53" or )"
     R"("[2001:db8::53]:5353")"},
    {"[reports]\npostmaster = \"postmaster\"",
     R"(f:2: key "reports.postmaster": "postmaster": must be an address in ASCII, as "postmaster@example.org")"},
    {"[reports]\npostmaster = \"<a@b.example>\"",
     R"(f:2: key "reports.postmaster": "<a@b.example>": must be an address in ASCII, as "postmaster@example.org")"},
    {"[reports]\ncopy_for = \"everything\"",
     R"(f:2: key "reports.copy_for": "everything": must be "address", "host", "content", "expired" or "loop")"},
    {"[reports]\ncopy_to = \"a@there.example\"\n[[route]]\ndomain = \"here.example\"\nmaildir = \"/m\"",
     R"(f:2: key "reports.copy_to": "a@there.example": no route takes its mail; add a [[route]] with domain = )"
     R"("there.example" or "*")"},
    {"[reports]\npostmaster = \"a@there.example\"\n[[route]]\ndomain = \"here.example\"\nmaildir = \"/m\"",
     R"(f:2: key "reports.postmaster": "a@there.example": no route takes its mail; add a [[route]] with domain = )"
     R"("there.example" or "*")"},

    // Mail that would come back.
    {"[[route]]\ndomain = \"*\"\nnext_hop = [\"a.example\",\n\"127.0.0.1\"]",
     R"(f:4: route "*": next_hop "127.0.0.1:25": this is the gateway itself, which listens on 0.0.0.0:25; mail would )"
     "go round for ever"},
    {"listen = \"192.0.2.1:2525\"\n[[route]]\ndomain = \"*\"\nnext_hop = \"192.0.2.1:2525\"",
     R"(f:4: route "*": next_hop "192.0.2.1:2525": this is the gateway itself, which listens on 192.0.2.1:2525; mail )"
     "would go round for ever"},
    {"hostname = \"gw.example\"\n[[route]]\ndomain = \"*\"\nnext_hop = \"GW.example\"",
     R"(f:4: route "*": next_hop "GW.example:25": this is the gateway itself, which listens on 0.0.0.0:25; mail would )"
     "go round for ever"},
    {"listen = \"127.0.0.1:24\"\n[[route]]\ndomain = \"*\"\nlmtp = [\"a.example\", \"localhost\"]",
     R"(f:4: route "*": lmtp "localhost:24": this is the gateway itself, which listens on 127.0.0.1:24; mail would go )"
     "round for ever"},
    {"listen = \"[::]:25\"\n[[route]]\ndomain = \"*\"\nnext_hop = \"[::1]\"",
     R"(f:4: route "*": next_hop "[::1]:25": this is the gateway itself, which listens on [::]:25; mail would go )"
     "round for ever"},
    {"listen = \"127.0.0.1:25\"\n[[route]]\ndomain = \"*\"\nnext_hop = \"0.0.0.0\"",
     R"(f:4: route "*": next_hop "0.0.0.0:25": this is the gateway itself, which listens on 127.0.0.1:25; mail would )"
     "go round for ever"},
};

TEST(ConfigTest, EveryMistakeIsTold) {
  for (const BadCase& bad : kBad) {
    EXPECT_EQ(absl::StrJoin(Mistakes(bad.text), "\n"), bad.told) << bad.text;
  }
}

TEST(ConfigTest, EveryKindOfRouteIsRead) {
  const Config config = Good(R"(
    [[route]]
    domain = "*"
    mx = true
    port = 2525
    recipients_per_transaction_max = 7
    message_size_max = "1MiB"
    eight_bit = "bounce"
    tls = "none"

    [[route]]
    domain = "tcp.example"
    lmtp = ["store.internal", "[::1]:2424"]
    [[route]]
    domain = "unix.example"

    lmtp = "unix:/run/dovecot/lmtp"
    [[route]]
    domain = "moved.example"
    reject = "this domain has moved"
    [[route]]
    domain = "hole.example"
    discard = true
  )");
  ASSERT_EQ(config.routes.size(), 5u);
  const Route& mx = config.routes[0];
  EXPECT_EQ(mx.kind, RouteKind::kMx);
  EXPECT_EQ(mx.port, 2525);
  EXPECT_EQ(mx.recipients_per_transaction_max, 7u);
  EXPECT_EQ(mx.message_size_max, 1u << 20);
  EXPECT_EQ(mx.eight_bit, EightBit::kBounce);
  EXPECT_EQ(mx.connection_count_max, 10u);
  EXPECT_EQ(mx.messages_per_connection_max, 8u);
  EXPECT_EQ(mx.line, 2u);
  EXPECT_EQ(mx.way_line, 4u);
  EXPECT_EQ(config.routes[1].kind, RouteKind::kLmtp);
  EXPECT_EQ(config.routes[1].next_hops, (std::vector<HostPort>{{"store.internal", 24}, {"::1", 2424}}));
  EXPECT_EQ(config.routes[2].kind, RouteKind::kLmtp);
  EXPECT_EQ(config.routes[2].unix_socket, "/run/dovecot/lmtp");
  EXPECT_TRUE(config.routes[2].next_hops.empty());
  EXPECT_EQ(config.routes[2].line, 14u);
  EXPECT_EQ(config.routes[2].way_line, 17u);
  EXPECT_EQ(config.routes[3].kind, RouteKind::kReject);
  EXPECT_EQ(config.routes[3].reject_text, "this domain has moved");
  EXPECT_EQ(config.routes[4].kind, RouteKind::kDiscard);
}

TEST(ConfigTest, AHostOfAnotherScriptIsWhatDnsCallsIt) {
  const Config config = Good("[[route]]\ndomain = \"*\"\nnext_hop = \"bücher.example:26\"");
  EXPECT_EQ(config.routes.at(0).next_hops, (std::vector<HostPort>{{"xn--bcher-kva.example", 26}}));
}

TEST(ConfigTest, ARouteHasTheScheduleOfTheRelayWhereItSaysNoOther) {
  const std::string_view route =
      "[[route]]\ndomain = \"*\"\nmx = true\nretry = \"7s\"\nby_priority = false\n[[route]]\ndomain = "
      "\"a.example\"\nmaildir = \"/m\"\n";
  const std::string_view relay =
      "[relay]\nretry = [\"1s\", \"2s\"]\nexpiry = \"1h\"\nexpiry_urgent = \"1m\"\nexpiry_non_urgent = "
      "\"2h\"\ndelay_notice = \"30m\"\n";
  for (const std::string& text : {absl::StrCat(route, relay), absl::StrCat(relay, route)}) {
    const Config config = Good(text);
    ASSERT_EQ(config.routes.size(), 2u);
    const RetryPolicy& own = config.routes[0].retry;
    EXPECT_EQ(own.intervals, std::vector<Duration>{seconds(7)});
    EXPECT_FALSE(own.by_priority);
    EXPECT_EQ(own.expiry, hours(1));
    EXPECT_EQ(own.expiry_urgent, minutes(1));
    EXPECT_EQ(own.expiry_non_urgent, hours(2));
    EXPECT_EQ(own.delay_notice, minutes(30));
    const RetryPolicy& inherited = config.routes[1].retry;
    EXPECT_EQ(inherited.intervals, (std::vector<Duration>{seconds(1), seconds(2)}));
    EXPECT_TRUE(inherited.by_priority);
  }
  EXPECT_EQ(Good("[relay]\nexpiry = \"9s\"").routes.at(0).retry.expiry, seconds(9)) << "the default route as well";
}

TEST(ConfigTest, TheRoadOutIsRead) {
  const Config config = Good(R"(
    hostname = "gw.example"
    transfer = "flush"
    [limits]
    own_hops = 1
    [dns]
    servers = ["127.0.0.1:5353", "::1"]
    timeout = "1s"
    tries = 1
    [reports]
    copy_to = "\"the admin\"@gw.example"
    copy_for = ["loop", "host"]
    return_size_max = 0
  )");
  EXPECT_EQ(config.transfer, TransferMode::kFlush);
  EXPECT_TRUE(ListenAddresses(config).empty());
  EXPECT_EQ(config.limits.own_hops, 1u);
  EXPECT_EQ(config.dns.servers,
            (std::vector{*SocketAddress::Parse("127.0.0.1:5353"), *SocketAddress::Parse("[::1]:53")}));
  EXPECT_EQ(config.dns.timeout, seconds(1));
  EXPECT_EQ(config.dns.tries, 1u);
  EXPECT_EQ(config.reports.postmaster, "postmaster@gw.example");
  EXPECT_EQ(config.reports.copy_to, "\"the admin\"@gw.example");
  EXPECT_EQ(config.reports.copy_for, (std::vector{FailureType::kLoop, FailureType::kHost}));
  EXPECT_EQ(config.reports.return_size_max, 0u);
  EXPECT_EQ(config.dead_letter_dir(), "/var/lib/postern/dead-letters");
}

TEST(ConfigTest, OnlyInboundLetsNothingLeaveBySmtp) {
  EXPECT_FALSE(DeliversNow(TransferMode::kInbound, RouteKind::kMx));
  EXPECT_FALSE(DeliversNow(TransferMode::kInbound, RouteKind::kNextHop));
  for (const RouteKind kind : {RouteKind::kMaildir, RouteKind::kLmtp, RouteKind::kReject, RouteKind::kDiscard}) {
    EXPECT_TRUE(DeliversNow(TransferMode::kInbound, kind)) << ToText(kind);
  }
  for (const TransferMode mode : {TransferMode::kBoth, TransferMode::kOutbound, TransferMode::kFlush}) {
    EXPECT_TRUE(DeliversNow(mode, RouteKind::kMx));
  }
}

TEST(ConfigTest, ANextHopBesideUsIsNoLoop) {
  Good("listen = \"127.0.0.1:25\"\n[[route]]\ndomain = \"*\"\nnext_hop = \"127.0.0.2:25\"");
  Good("listen = \"127.0.0.1:25\"\n[[route]]\ndomain = \"*\"\nnext_hop = \"127.0.0.1:26\"");
  Good("hostname = \"gw.example\"\nlisten = \"127.0.0.1:25\"\n[[route]]\ndomain = \"*\"\nnext_hop = \"gw.example\"");
}

TEST(ConfigTest, AllMistakesAreToldAtOnceInTheOrderOfTheFile) {
  const std::vector<std::string> told = Mistakes(
      "user = 1\nhostnam = 1\n[limits]\nhops = \"x\"\n[[route]]\ndomain = \"*\"\nmaildir = 1\n[[route]]\nmaildir = "
      "2\n");
  ASSERT_EQ(told.size(), 6u) << absl::StrJoin(told, "\n");
  EXPECT_EQ(told[0].substr(0, 4), "f:1:");
  EXPECT_EQ(told[1].substr(0, 4), "f:2:");
  EXPECT_EQ(told[2].substr(0, 4), "f:4:");
  EXPECT_EQ(told[3].substr(0, 4), "f:7:");
  EXPECT_EQ(told[4], "f:8: route: the domain is missing, as domain = \"*\"");
  EXPECT_EQ(told[5].substr(0, 4), "f:9:");
}

TEST(ConfigTest, WhatIsNoTomlIsToldWithItsLine) {
  for (const std::string_view text : {"\nhostname = \"a.example\n", "\nlisten = [\n", "\n= 5", "\n[,]", "\n[[=]]",
                                      "\n\uFE7Fuser = 1", "\nuser = \"a\"\nuser = \"b\""}) {
    const std::vector<std::string> told = Mistakes(text);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_NE(told[0].find(": not TOML: "), std::string::npos) << told[0];
    EXPECT_EQ(told[0].find("f:"), 0u);
    EXPECT_NE(told[0].find("f:1:"), 0u) << told[0];
  }
}

TEST(ConfigTest, AFloodOfMistakesIsBounded) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) absl::StrAppend(&text, "x", i, " = 1\n");
  EXPECT_EQ(Mistakes(text).size(), 100u);
}

TEST(ConfigTest, AFileThatCannotBeReadIsOneMistakeWithoutALine) {
  Config config;
  const std::vector<ConfigError> missing = LoadConfig("/nowhere/postern.toml", config);
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_EQ(missing[0].ToString(), "/nowhere/postern.toml: there is no such file");
  EXPECT_EQ(missing[0].line, 0u);
  EXPECT_EQ(LoadConfig("/", config).at(0).ToString(), "/: is a folder, not a configuration");

  const std::string path = testing::TempDir() + "/config_test.toml";
  std::ofstream(path) << std::string(2'000'000, '\n');
  EXPECT_EQ(LoadConfig(path, config).at(0).line, 0u) << "too large";
  std::ofstream(path) << "hostname = \"a.example\"\n";
  EXPECT_TRUE(LoadConfig(path, config).empty());
  EXPECT_EQ(config.hostname, "a.example");
  EXPECT_EQ(config.file, path);
  std::remove(path.c_str());
}

}  // namespace
}  // namespace postern
