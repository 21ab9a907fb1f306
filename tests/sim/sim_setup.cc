#include "tests/sim/sim_setup.h"

#include <chrono>
#include <utility>

#include "core/limits.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

IpAddress Ip(std::string_view text) { return *IpAddress::Parse(text); }

RetryPolicy MakePolicy(Dice& dice, std::initializer_list<Duration> expiries) {
  RetryPolicy policy;
  policy.intervals = {seconds(1), seconds(5), seconds(30)};
  policy.expiry = dice.One(expiries);
  policy.expiry_urgent = policy.expiry / 2;
  policy.expiry_non_urgent = policy.expiry * 2;
  policy.by_priority = dice.Chance(0.5);
  policy.delay_notice = dice.One<Duration>({Duration::zero(), Duration::zero(), seconds(10)});
  return policy;
}

void AddRoutes(Dice& dice, Config& config) {
  const auto add = [&](Route route) -> Route& {
    route.retry = config.relay.retry;
    config.routes.push_back(std::move(route));
    return config.routes.back();
  };
  const auto add_maildir = [&](std::string_view match) {
    add({.match = std::string(match), .kind = RouteKind::kMaildir, .maildir = "/mail/{domain}/{local}"});
  };
  const auto limit = [&](Route& route) {
    route.connection_count_max = dice.One<uint32_t>({1, 3});
    route.messages_per_connection_max = dice.One<uint32_t>({1, 3, 0});
    route.recipients_per_transaction_max = dice.One<uint32_t>({1, 2, 100});
    route.eight_bit = dice.One({EightBit::kPass, EightBit::kPass, EightBit::kPass, EightBit::kBounce});
  };
  add_maildir("box.example");
  limit(add({.match = "*",
             .kind = RouteKind::kNextHop,
             .next_hops = {{.host = "10.2.0.1", .port = 25}, {.host = "hop2.hosts.example", .port = 25}}}));
  limit(add({.match = "lmtp.example", .kind = RouteKind::kLmtp, .next_hops = {{.host = "10.2.0.5", .port = 24}}}));
  add({.match = "reject.example", .kind = RouteKind::kReject, .reject_text = "nobody lives here"});
  add({.match = "discard.example", .kind = RouteKind::kDiscard});
  Route& exchanges = add({.match = "mx.example", .kind = RouteKind::kMx});
  exchanges.retry = MakePolicy(dice, {seconds(40), minutes(10)});
  limit(exchanges);
  switch (dice.One({0, 0, 0, 1, 1, 2, 3})) {
    case 0: add_maildir(kSimSenderDomain); break;
    case 1: break;  // "*"
    case 2: limit(add({.match = std::string(kSimSenderDomain), .kind = RouteKind::kMx})); break;
    default: add({.match = std::string(kSimSenderDomain), .kind = RouteKind::kReject, .reject_text = "no reports"});
  }
  if (dice.Chance(0.8)) {
    add_maildir(kSimHostname);
  } else {
    add({.match = std::string(kSimHostname), .kind = RouteKind::kReject, .reject_text = "no postmaster"});
  }
}

}  // namespace

SocketAddress SimAddress(std::string_view text) { return *SocketAddress::Parse(text); }

Weather MakeWeather(Dice& dice) {
  Weather weather;
  weather.client_wildness = dice.One({0.0, 0.3, 1.0});
  weather.hop_wildness = dice.One({0.0, 0.3, 1.0, 2.0});
  weather.dns_wildness = dice.One({0.0, 0.3, 1.0});
  if (dice.Chance(0.15)) return weather;
  weather.kills = dice.Chance(0.5);
  weather.power_cuts = dice.Chance(0.5);
  weather.disk_faults = dice.Chance(0.4);
  weather.full_disks = dice.Chance(0.3);
  weather.drains = dice.Chance(0.3);
  weather.wrong_clocks = dice.Chance(0.2);
  weather.transfer_modes = dice.Chance(0.2);
  weather.operators = dice.Chance(0.35);
  weather.sweeping_deletes = weather.operators && dice.Chance(0.15);
  return weather;
}

Config MakeConfig(Dice& dice, const Weather& weather) {
  Config config;
  config.hostname = kSimHostname;
  config.listen = {SimAddress("10.1.0.1:25")};
  config.data_dir = "/postern";
  config.local_domains = {"box.example",    "hop.example",     "lmtp.example", "mx.example",
                          "reject.example", "discard.example", "gate.example"};
  config.trusted_networks = {*IpNetwork::Parse("10.0.0.0/24")};
  config.limits.message_size = dice.One<uint64_t>({100'000, 50'000'000});
  config.limits.connections = dice.One<uint32_t>({3, 40});
  config.limits.messages_per_connection = dice.One<uint32_t>({2, 100});
  config.limits.buffer_memory = dice.One<uint64_t>({4, 8, 64}) * kBlockSize;
  config.timeouts = {.greeting = minutes(1),
                     .command = minutes(1),
                     .data_initiation = minutes(1),
                     .data_block = minutes(1),
                     .message = minutes(5),
                     .data_rate_grace = seconds(30)};
  config.shutdown_timeout = dice.One<Duration>({seconds(1), seconds(20)});
  config.store = {.segment_size = dice.One<uint32_t>({72 * 1024, 72 * 1024, 128 * 1024, 1024 * 1024}),
                  .spare_segments = dice.One<uint32_t>({1, 4}),
                  .free_size_min = 200'000};
  config.threads = {.reactors = dice.One<uint32_t>({1, 2, 3}), .store_writers = dice.One<uint32_t>({1, 1, 2})};
  config.relay.retry = MakePolicy(dice, {seconds(40), hours(2), hours(2)});
  config.relay.connect_timeout = seconds(10);
  config.relay.timeouts = {.greeting = seconds(30),
                           .command = seconds(30),
                           .data = seconds(30),
                           .block = seconds(30),
                           .body_end = seconds(40),
                           .quit = seconds(5)};
  config.reports.return_size_max = dice.One<uint64_t>({1000, kReturnSizeMaxDefault});
  if (dice.Chance(0.2)) config.reports.copy_to = kSimAdministrator;
  if (weather.transfer_modes) config.transfer = dice.One({TransferMode::kBoth, TransferMode::kInbound});
  AddRoutes(dice, config);
  return config;
}

void FillDns(SimDns& dns) {
  const Duration ttl = minutes(2);
  dns.SetAddresses("hop2.hosts.example", {Ip("10.2.0.2")}, ttl);
  dns.SetAddresses("mx1.hosts.example", {Ip("10.2.0.3")}, ttl);
  dns.SetAddresses("mx2.hosts.example", {Ip("10.2.0.4")}, ttl);
  dns.SetAddresses("dead.hosts.example", {Ip("10.2.9.9")}, ttl);
  dns.SetAddresses("forbidden.hosts.example", {Ip("10.2.9.8")}, ttl);
  dns.SetAddresses("gate.hosts.example", {Ip("10.1.0.1")}, ttl);
  dns.SetExchanges("good.mx.example",
                   {{10, "dead.hosts.example"}, {20, "mx1.hosts.example"}, {20, "mx2.hosts.example"}}, ttl);
  dns.SetExchanges("own.mx.example",
                   {{5, "mx1.hosts.example"}, {10, "gate.hosts.example"}, {20, "forbidden.hosts.example"}}, ttl);
  dns.SetExchanges("sick.mx.example", {{10, "mx2.hosts.example"}}, ttl);
  dns.SetAddresses("plain.mx.example", {Ip("10.2.0.4")}, ttl);
  dns.SetExchanges("null.mx.example", {{0, ""}}, ttl);
  dns.SetExchanges("loop.mx.example", {{10, "gate.hosts.example"}, {20, "forbidden.hosts.example"}}, ttl);
  dns.SetExchanges("bare.mx.example", {{10, "nowhere.hosts.example"}}, ttl);
  dns.SetExchanges(kSimSenderDomain, {{10, "mx1.hosts.example"}, {20, "mx2.hosts.example"}}, ttl);
}

void SetSickness(SimDns& dns, bool sick) { dns.SetBroken("sick.mx.example", sick); }

bool FailsAlways(std::string_view domain) {
  return domain == "reject.example" || domain == "null.mx.example" || domain == "gone.mx.example" ||
         domain == "loop.mx.example" || domain == "bare.mx.example";
}

bool VanishesAlways(std::string_view domain) { return domain == "discard.example"; }

}  // namespace postern
