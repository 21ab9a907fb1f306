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
    {"\n[[route]]\ndomain = \"*\"", R"(f:2: route "*": has no way: exactly one of maildir and next_hop must be given)"},
    {"[[route]]\ndomain = \"*\"\nmaildir = \"/m\"\nnext_hop = \"a.example\"",
     R"(f:1: route "*": has two ways: exactly one of maildir and next_hop must be given)"},
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
};

TEST(ConfigTest, EveryMistakeIsTold) {
  for (const BadCase& bad : kBad) {
    EXPECT_EQ(absl::StrJoin(Mistakes(bad.text), "\n"), bad.told) << bad.text;
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
