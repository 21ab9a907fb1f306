#include "tests/sim/scenario.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/sim/audit.h"
#include "tests/sim/post_book.h"
#include "tests/sim/sim_client.h"
#include "tests/sim/sim_next_hop.h"
#include "tests/sim/sim_operator.h"
#include "tests/sim/sim_setup.h"
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
// Clients and reports have been patient for less, and what nobody answers for has expired. Messages on hold stay, and
// the gateway looks at them now and then for ever.
constexpr Duration kTimeToRest = hours(6);

// It is its own world's fate.
class Scenario final : private SimActor {
 public:
  Scenario(uint64_t seed, bool trace)
      : dice_(seed),
        weather_(MakeWeather(dice_)),
        config_(MakeConfig(dice_, weather_)),
        world_(seed, config_,
               {.network = {.reset = weather_.client_wildness * 0.002},
                .dns = {.failure = 0.1 * weather_.dns_wildness, .silence = 0.05 * weather_.dns_wildness},
                .trace = trace}),
        operator_(world_, book_, weather_.sweeping_deletes),
        keeps_on_hold_(weather_.operators && dice_.Chance(0.2)) {
    world_.set_event_sink([this](std::string_view line) { HearEvent(line); });
    FillDns(world_.dns());
    SetSickness(world_.dns(), weather_.dns_wildness > 0);
    world_.network().Silence(SimAddress(kSimDeadHost));
    for (const SimHopPlace& place : kSimHops) {
      hops_.push_back(std::make_unique<SimNextHop>(world_, book_, place, weather_.hop_wildness));
      hops_.back()->Open();
      world_.Add(*hops_.back());
    }
    world_.Add(operator_);
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
    if (weather_.operators && world_.Chance(0.5)) operator_.Wish();
    const uint64_t dice = world_.Below(100);
    if (dice < 60) {
      clients_.push_back(std::make_unique<SimClient>(world_, book_, client_count_++, weather_.client_wildness));
      world_.Add(*clients_.back());
    } else if (dice < 70) {
      if (weather_.dns_wildness > 0 && world_.Chance(0.2)) SetSickness(world_.dns(), world_.Chance(0.5));
      if (weather_.hop_wildness == 0) return;
      SimNextHop& hop = *hops_[world_.Below(hops_.size())];
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
    if (!weather_.transfer_modes) return;
    constexpr std::array kModes = {TransferMode::kBoth, TransferMode::kInbound, TransferMode::kOutbound,
                                   TransferMode::kFlush};
    config_.transfer = healed_ ? TransferMode::kBoth : kModes[world_.Below(kModes.size())];
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
    for (const auto& hop : hops_) hop->Heal();
    world_.dns().Heal();
    SetSickness(world_.dns(), false);
    rest_by_ = world_.now() + kTimeToRest;
    if (!keeps_on_hold_) operator_.ReleaseAll();
    if (world_.poisoned() || (world_.running() && config_.transfer != TransferMode::kBoth)) return Die();
    config_.transfer = TransferMode::kBoth;
  }

  // False when something has gone so wrong that there is no rest to be found.
  bool RunToRest() {
    while (!gave_up_ && world_.Step()) {
      if (world_.now() >= rest_by_) return true;  // the audit tells who is not at rest
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
    size_t talk_count = 0;
    for (const auto& hop : hops_) talk_count += hop->talk_count();
    none("connections to next hops", talk_count);
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
    const MessageId id = ParseMessageId(value("id")).value_or(MessageId{});
    if (value("state") == "delivered") book_.NoteDelivered(id, value("recipient"), world_.life());
    if (value("event") == "1015") {
      book_.reports().NoteMade(id, ParseMessageId(value("about")).value_or(MessageId{}), value("kind"),
                               value("recipient"));
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
        result_.reported_count +=
            !recipient.failures.empty() || !recipient.delays.empty() || !recipient.receipts.empty();
      }
    }
    result_.last_report_count = book_.reports().led_on_count();
    result_.wish_count = operator_.answer_count();
    return result_;
  }

  Dice dice_;
  const Weather weather_;
  Config config_;  // changes while no gateway runs
  PostBook book_;
  SimWorld world_;
  SimOperator operator_;
  const bool keeps_on_hold_;
  std::vector<std::unique_ptr<SimNextHop>> hops_;
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
  MonotonicTime rest_by_ = kNever;
  bool gave_up_ = false;
  int failed_start_count_ = 0;
  ScenarioResult result_;
};

}  // namespace

ScenarioResult RunScenario(uint64_t seed, bool trace) { return Scenario(seed, trace).Run(); }

}  // namespace postern
