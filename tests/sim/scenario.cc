#include "tests/sim/scenario.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/sim/audit.h"
#include "tests/sim/post_book.h"
#include "tests/sim/sim_client.h"
#include "tests/sim/sim_next_hop.h"
#include "tests/sim/sim_world.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr uint64_t kStepCountMax = 3'000'000;
constexpr uint64_t kStepsAtOneTimeMax = 100'000;
constexpr Duration kDrainTick = milliseconds(10);
// Beyond what the gateway gives itself: its threads may be held up.
constexpr Duration kDrainSlack = minutes(1);

// What a seed may bring at all: a run in which only one thing goes wrong shows more clearly what that does.
struct Weather {
  bool kills = false;
  bool power_cuts = false;
  bool disk_faults = false;
  bool full_disks = false;
  bool drains = false;
  bool wrong_clocks = false;
  double client_wildness = 0;
  double hop_wildness = 0;
};

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  bool Chance(double probability) { return std::uniform_real_distribution<double>(0, 1)(random_) < probability; }
  template <typename T>
  T One(std::initializer_list<T> values) {
    return values.begin()[std::uniform_int_distribution<size_t>(0, values.size() - 1)(random_)];
  }

 private:
  SimWorld::Random random_;
};

Weather MakeWeather(Dice& dice) {
  Weather weather;
  weather.client_wildness = dice.One({0.0, 0.3, 1.0});
  weather.hop_wildness = dice.One({0.0, 0.3, 1.0, 2.0});
  if (dice.Chance(0.15)) return weather;
  weather.kills = dice.Chance(0.5);
  weather.power_cuts = dice.Chance(0.5);
  weather.disk_faults = dice.Chance(0.4);
  weather.full_disks = dice.Chance(0.3);
  weather.drains = dice.Chance(0.3);
  weather.wrong_clocks = dice.Chance(0.2);
  return weather;
}

SocketAddress Address(std::string_view text) { return *SocketAddress::Parse(text); }

Config MakeConfig(Dice& dice) {
  Config config;
  config.hostname = "gate.example";
  config.listen = {Address("10.1.0.1:25")};
  config.data_dir = "/postern";
  config.local_domains = {"box.example", "hop.example"};
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
  config.relay.retry = {.intervals = {seconds(1), seconds(5), seconds(30)},
                        .expiry = dice.One<Duration>({seconds(40), hours(2), hours(2)})};
  config.relay.connect_timeout = seconds(10);
  config.relay.timeouts = {.greeting = seconds(30),
                           .command = seconds(30),
                           .data = seconds(30),
                           .block = seconds(30),
                           .body_end = seconds(40),
                           .quit = seconds(5)};
  config.routes = {{.match = "box.example", .kind = RouteKind::kMaildir, .maildir = "/mail/{domain}/{local}"},
                   {.match = "*",
                    .kind = RouteKind::kNextHop,
                    .next_hops = {{.host = "10.2.0.1", .port = 25}, {.host = "10.2.0.2", .port = 25}},
                    .connection_count_max = dice.One<uint32_t>({1, 3}),
                    .messages_per_connection_max = dice.One<uint32_t>({1, 3, 0})}};
  return config;
}

// It is its own world's fate.
class Scenario final : private SimActor {
 public:
  Scenario(uint64_t seed, bool trace)
      : dice_(seed),
        weather_(MakeWeather(dice_)),
        config_(MakeConfig(dice_)),
        world_(seed, config_, {.network = {.reset = weather_.client_wildness * 0.002}, .trace = trace}),
        first_hop_(world_, book_, "hop1", Address("10.2.0.1:25"), weather_.hop_wildness),
        second_hop_(world_, book_, "hop2", Address("10.2.0.2:25"), weather_.hop_wildness) {
    world_.set_event_sink([this](std::string_view line) { HearEvent(line); });
    for (SimNextHop* hop : {&first_hop_, &second_hop_}) {
      hop->Open();
      world_.Add(*hop);
    }
    event_count_left_ = 20 + world_.Below(dice_.One({40, 40, 200}));
  }

  ScenarioResult Run() {
    Start();
    world_.set_fate(this);
    if (!RunToRest()) return Result();  // its fate heals all when it has run out of ideas
    CheckRest();
    DrainAtLast();
    world_.PowerCut();
    AuditAtRest(world_, book_, healed_at_);
    return Result();
  }

 private:
  std::string_view name() const override { return "fate"; }

  // When fate next has its say.
  MonotonicTime NextDue() override {
    if (world_.disk().stopped() || world_.step_count() >= death_step_) return {};
    if (world_.poisoned() && !poisoned_) return {};
    const MonotonicTime next = event_count_left_ > 0 ? next_event_ : kNever;
    if (!world_.running()) return std::min(next, restart_at_);
    if (draining_) return std::min(next, drain_at_);
    return event_count_left_ > 0 || healed_ ? next : MonotonicTime{};
  }

  void Step() override {
    std::erase_if(clients_, [this](const std::unique_ptr<SimClient>& client) {
      if (!client->done()) return false;
      world_.Remove(*client);
      return true;
    });
    if (world_.disk().stopped() || world_.step_count() >= death_step_) return Die();
    if (world_.poisoned() && !std::exchange(poisoned_, true)) {
      ++result_.poisoning_count;
      // An operator has read the line in the log, and restarts it in a while.
      death_step_ = world_.step_count() + 1 + world_.Below(400);
      return;
    }
    if (!world_.running() && world_.now() >= restart_at_) return Start();
    if (draining_ && world_.now() >= drain_at_) return ContinueDraining();
    if (event_count_left_ == 0) return Heal();
    next_event_ = world_.now() + world_.Within(world_.Chance(0.7)   ? Duration(milliseconds(20))
                                               : world_.Chance(0.8) ? Duration(seconds(2))
                                                                    : Duration(minutes(5)));
    --event_count_left_;
    LetHappen();
  }

  void LetHappen() {
    SimDisk& disk = world_.disk();
    const uint64_t dice = world_.Below(100);
    if (dice < 60) {
      clients_.push_back(std::make_unique<SimClient>(world_, book_, client_count_++, weather_.client_wildness));
      world_.Add(*clients_.back());
    } else if (dice < 70) {
      SimNextHop& hop = world_.Chance(0.5) ? first_hop_ : second_hop_;
      if (weather_.hop_wildness == 0) return;
      hop.open() ? hop.Close() : hop.Open();
    } else if (dice < 82) {
      if (!weather_.kills && !weather_.power_cuts) return;
      // In the middle of what the disk does, or between any two steps.
      if (world_.Chance(0.7)) {
        disk.StopAfter(1 + world_.Below(40));
      } else {
        death_step_ = world_.step_count() + 1 + world_.Below(2000);
      }
    } else if (dice < 88) {
      if (!weather_.disk_faults) return;
      const auto operation = static_cast<SimDisk::Operation>(
          world_.Chance(0.7) ? (world_.Chance(0.5) ? static_cast<size_t>(SimDisk::Operation::kWrite)
                                                   : static_cast<size_t>(SimDisk::Operation::kSync))
                             : world_.Below(SimDisk::kOperationCount));
      disk.FailAt(operation, 1 + world_.Below(20), absl::InternalError("input/output error"));
    } else if (dice < 94) {
      if (!weather_.full_disks) return;
      disk.set_capacity(world_.Chance(0.5) ? UINT64_MAX : disk.used_size() + world_.Below(600'000));
    } else if (dice < 97) {
      if (!weather_.wrong_clocks) return;
      world_.SetClock(world_.Within(minutes(10)) - minutes(5));
      world_.Trace("fate", "the clock is set");
    } else if (weather_.drains && world_.running() && !draining_) {
      StartDraining();
    }
  }

  // Lives.

  void Start() {
    poisoned_ = false;
    const absl::Status status = world_.Start();
    if (status.ok()) return;
    world_.Trace("fate", absl::StrCat("the gateway does not start: ", status.message()));
    restart_at_ = world_.now() + seconds(1);
    if (world_.disk().stopped()) return;  // it died while it started
    if (!weather_.disk_faults) book_.Complain(absl::StrCat("the gateway does not start: ", status.message()));
    if (++failed_start_count_ == 100) {
      book_.Complain(absl::StrCat("the gateway never starts again: ", status.message()));
      gave_up_ = true;
    }
  }

  void Die() {
    const bool power = weather_.power_cuts && (!weather_.kills || world_.Chance(0.5));
    power ? world_.PowerCut() : world_.Kill();
    ++result_.death_count;
    EndLife();
  }

  void EndLife() {
    death_step_ = UINT64_MAX;
    draining_ = false;
    restart_at_ = world_.now() + (world_.Chance(0.5) ? Duration::zero() : world_.Within(seconds(3)));
    world_.disk().Kill();  // what was to happen to the gateway does not happen to the auditor
    Audit(world_, book_, healed_at_);
  }

  void StartDraining() {
    draining_ = true;
    drain_at_ = world_.now();
    // Conversations, their last words and their cut; then the same of the relay's.
    drain_end_ = world_.now() + 2 * config_.shutdown_timeout + seconds(2 + 10 + 10) + kDrainSlack;
  }

  void ContinueDraining() {
    drain_at_ = world_.now() + kDrainTick;
    if (world_.Drain()) {
      ++result_.drain_count;
      return EndLife();
    }
    if (world_.now() < drain_end_) return;
    book_.Complain("the gateway does not end, although it was told to");
    gave_up_ = true;
  }

  void Heal() {
    world_.Trace("fate", "everything is well from here on");
    healed_ = true;
    healed_at_ = world_.latest_wall();
    death_step_ = UINT64_MAX;
    world_.disk().ForgetFaults();
    world_.disk().StopAfter(UINT64_MAX);
    world_.disk().set_capacity(UINT64_MAX);
    first_hop_.Heal();
    second_hop_.Heal();
    if (world_.poisoned()) Die();
  }

  // False when something has gone so wrong that there is no rest to be found.
  bool RunToRest() {
    while (!gave_up_ && world_.Step()) {
      if (world_.step_count() < kStepCountMax && world_.steps_at_this_time() < kStepsAtOneTimeMax) continue;
      book_.Complain(absl::StrCat("the world never comes to rest: ", world_.step_count(), " steps, ",
                                  world_.steps_at_this_time(), " of them at this time"));
      return false;
    }
    return !gave_up_;
  }

  void CheckRest() {
    for (const auto& client : clients_) {
      if (!client->done()) book_.Complain(absl::StrCat("client ", client->name(), " is still there"));
    }
    const auto none = [this](std::string_view what, size_t count) {
      if (count > 0) book_.Complain(absl::StrCat("at rest there are ", what, " left: ", count));
    };
    none("inbound connections", world_.gateway().connection_count());
    none("blocks", world_.gateway().lent_block_count());
    for (size_t i = 0; i < world_.gateway().writer_count(); ++i) {
      none("messages that are coming in", world_.gateway().writer(i).open_message_count());
      CheckLogSize(i);
    }
    none("places", world_.gateway().lent_place_count());
    none("connections to next hops", first_hop_.talk_count() + second_hop_.talk_count());
  }

  // Dead bytes may outweigh the live ones by a few segments, and then room is made. Live are the messages that have
  // failed, and no segment is so full that a message would fit behind it.
  void CheckLogSize(size_t log) {
    uint64_t live_size = 0;
    for (const auto& [token, message] : book_.messages()) {
      const bool failed = std::any_of(message->recipients.begin(), message->recipients.end(),
                                      [](const SentRecipient& recipient) { return !recipient.taken; });
      if (message->finished && failed) live_size += message->body.size() + 2000;
    }
    uint64_t count = 0;
    const auto directory = world_.disk().Open(absl::StrCat(config_.store_dir(), "/", log));
    const std::vector<std::string> names = directory.value()->List().value();
    for (const std::string& name : names) count += absl::StartsWith(name, "segment-");
    const uint64_t count_max = 8 + 3 * live_size / config_.store.segment_size;
    if (count <= count_max) return;
    book_.Complain(absl::StrCat("log ", log, " has ", count, " segments for ", live_size, " live bytes"));
  }

  void DrainAtLast() {
    world_.set_fate(nullptr);
    StartDraining();
    while (!world_.Drain()) {
      if (!world_.Step()) world_.clock().Advance(kDrainTick);
      if (world_.now() < drain_end_) continue;
      return book_.Complain("the gateway at rest does not end, although it was told to");
    }
    if (world_.left_open_count() > 0) {
      book_.Complain(absl::StrCat("a gateway that has ended had sockets: ", world_.left_open_count()));
    }
  }

  // What the gateway says of itself.
  void HearEvent(std::string_view line) {
    const auto value = [line](std::string_view key) {
      const std::string mark = absl::StrCat(" ", key, "=");
      const size_t begin = line.find(mark);
      if (begin == std::string_view::npos) return std::string_view();
      const std::string_view rest = line.substr(begin + mark.size());
      return rest.substr(0, rest.find_first_of(" \n"));
    };
    if (value("state") == "delivered") {
      book_.NoteDelivered(ParseMessageId(value("id")).value_or(MessageId{}), value("recipient"), world_.life());
    }
    const bool damage = !value("segment").empty() || !value("id").empty();
    if (value("event") == "3013" && damage) book_.Complain(absl::StrCat("damage is told: ", line));
  }

  ScenarioResult Result() {
    result_.problems = book_.problems();
    result_.digest = world_.digest();
    result_.step_count = world_.step_count();
    result_.message_count = book_.messages().size();
    result_.acknowledged_count = book_.acknowledged_count();
    for (const auto& [token, message] : book_.messages()) {
      if (!message->acknowledged) continue;
      for (const SentRecipient& recipient : message->recipients) {
        result_.delivered_count += recipient.accepted && recipient.taken;
        result_.failed_count += recipient.accepted && !recipient.taken;
      }
    }
    return result_;
  }

  Dice dice_;
  const Weather weather_;
  const Config config_;
  PostBook book_;
  SimWorld world_;
  SimNextHop first_hop_;
  SimNextHop second_hop_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  uint32_t client_count_ = 0;

  uint64_t event_count_left_ = 0;
  MonotonicTime next_event_;
  uint64_t death_step_ = UINT64_MAX;
  MonotonicTime restart_at_;
  bool draining_ = false;
  MonotonicTime drain_at_;
  MonotonicTime drain_end_;
  bool poisoned_ = false;  // the gateway that runs, and somebody has seen it
  bool healed_ = false;
  WallTime healed_at_{INT64_MAX / 2};  // not yet
  bool gave_up_ = false;
  int failed_start_count_ = 0;
  ScenarioResult result_;
};

}  // namespace

ScenarioResult RunScenario(uint64_t seed, bool trace) { return Scenario(seed, trace).Run(); }

}  // namespace postern
