#include "gateway/gateway.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "gateway/own_address.h"
#include "gateway/storage_judgement.h"
#include "gateway/version.h"
#include "net/host.h"
#include "net/socket.h"

namespace postern {
namespace {

constexpr size_t kMailboxJobsMax = 256;
// What the relay may have on its way to one writer: outcomes (256), reports (16, three pieces each) and moves (32).
constexpr size_t kRelayPlaces = 512;
constexpr Duration kLastWordsTime = std::chrono::seconds(2);
constexpr Duration kCutTime = std::chrono::seconds(10);

uint32_t ChooseReactorCount(uint32_t configured) {
  // The writers, the relay and the clients of a local test want their share of the machine.
  return configured != 0 ? configured : std::clamp(std::thread::hardware_concurrency() / 2, 1u, 8u);
}

InboundOptions MakeInboundOptions(const Config& config, std::string identity, uint32_t reactor_count) {
  InboundOptions options;
  ConversationOptions& conversation = options.conversation;
  conversation.hostname = config.hostname;
  conversation.greeting = config.greeting;
  conversation.identity = std::move(identity);
  conversation.bare_newline = config.bare_newline;
  for (const std::string& rule : config.local_domains) conversation.local_domains.Add(rule, 0).IgnoreError();
  conversation.routed_domains.emplace();
  for (uint32_t i = 0; i < config.routes.size(); ++i) {
    const Route& route = config.routes[i];
    conversation.routed_domains->Add(route.match, i).IgnoreError();
    conversation.reject_texts.push_back(route.kind == RouteKind::kReject ? route.reject_text : "");
    conversation.route_size_max.push_back(route.message_size_max);
  }
  conversation.message_size_max = config.limits.message_size;
  conversation.recipient_count_max = config.limits.recipients;
  conversation.message_count_max = config.limits.messages_per_connection;
  conversation.error_count_max = config.limits.errors;
  conversation.hop_count_max = config.limits.hops;
  conversation.own_hop_count_max = config.limits.own_hops;
  conversation.data_rate_min = config.limits.data_rate_min;
  conversation.timeouts = config.timeouts;
  options.trusted_networks = config.trusted_networks;
  options.trusted_only = config.transfer == TransferMode::kOutbound;
  options.connection_count_max = config.limits.connections;
  options.block_count_max = std::max<size_t>(2, config.limits.buffer_memory / kBlockSize / reactor_count);
  return options;
}

CourierOptions MakeCourierOptions(const Config& config, const World& world, WorkSlot* slot) {
  CourierOptions options;
  options.slot = slot;
  options.client = {.hostname = config.hostname, .timeouts = config.relay.timeouts};
  options.connect_timeout = config.relay.connect_timeout;
  options.idle_close = config.relay.idle_close;
  options.own_addresses = OwnAddresses(config, world.addresses);
  options.seed = world.seed;
  return options;
}

DnsOptions MakeDnsOptions(const Config& config) {
  return {
      .servers = config.dns.servers, .timeout = config.dns.timeout, .try_count = static_cast<int>(config.dns.tries)};
}

RelayOptions MakeRelayOptions(const Config& config, WorkSlot* slot) {
  RelayOptions options;
  options.slot = slot;
  options.hostname = config.hostname;
  options.retry = config.relay.retry;
  options.attempt_count_max = config.relay.attempts;
  options.mailbox_attempt_count_max = config.relay.mailbox_attempts;
  options.dead_letters = config.dead_letter_dir();
  options.onward = DeliversNow(config.transfer, RouteKind::kMx);
  options.reports = {.hostname = config.hostname,
                     .postmaster = config.reports.postmaster,
                     .copy_to = config.reports.copy_to,
                     .copy_for = config.reports.copy_for,
                     .return_size_max = config.reports.return_size_max,
                     .slot = slot};
  return options;
}

}  // namespace

Gateway::Gateway(const Config& config, const World& world, EventLog& events, std::string identity)
    : config_(config),
      world_(world),
      events_(events),
      identity_(std::move(identity)),
      ledger_(config.limits.connections, config.limits.connections_per_address),
      inbound_options_(MakeInboundOptions(config, identity_, ChooseReactorCount(config.threads.reactors))),
      relay_poller_(world.make_poller()),
      relay_reactor_(*relay_poller_, world.clock),
      deliveries_(events),
      report_ids_(0) {}

Gateway::~Gateway() { world_.watch_crashes(nullptr, nullptr); }

absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Open(const Config& config, const World& world, EventLog& events,
                                                       std::string identity) {
  auto gateway = std::unique_ptr<Gateway>(new Gateway(config, world, events, std::move(identity)));
  if (absl::Status status = gateway->OpenStore(); !status.ok()) return status;
  if (absl::Status status = gateway->OpenBlackBox(); !status.ok()) return status;
  if (absl::Status status = gateway->AssembleRelay(); !status.ok()) return status;
  gateway->AssembleDoors();
  world.watch_crashes(gateway->poison_->box(), nullptr);
  return gateway;
}

absl::Status Gateway::OpenStore() {
  const size_t connection_places = config_.limits.connections * kPlacesPerMessage;
  absl::StatusOr<std::unique_ptr<StoreSetup>> store =
      StoreSetup::Open(config_, world_.open_directory, world_.clock, connection_places + kRelayPlaces);
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  full_told_.resize(writer_count());
  const StorageReport storage = store_->CheckPlace();
  TellStorage(storage, events_);
  inbound_options_.storage_trusted = storage.trusted();
  return JudgeStorage(storage, config_.store.durability);
}

absl::Status Gateway::OpenBlackBox() {
  absl::StatusOr<std::unique_ptr<Directory>> crashes = world_.open_directory(config_.crash_dir());
  if (!crashes.ok()) return crashes.status();
  poison_ = std::make_unique<PoisonWatch>(*std::move(crashes), events_, kVersion, world_.clock);
  poison_->TellDeath();
  relay_slot_ = poison_->TakeSlot("relay");
  mailbox_slot_ = poison_->TakeSlot("mailbox-writer");
  for (size_t i = 0; i < writer_count(); ++i) {
    writer_slots_.push_back(poison_->TakeSlot(absl::StrCat("store-writer ", i)));
    writer(i).set_slot(writer_slots_.back());
  }
  world_.watch_crashes(poison_->box(), relay_slot_);
  return absl::OkStatus();
}

absl::Status Gateway::AssembleRelay() {
  absl::StatusOr<RouteTable> routes = RouteTable::Create(config_.routes);
  if (!routes.ok()) return routes.status();
  routes_ = *std::move(routes);
  for (size_t i = 0; i < writer_count(); ++i) {
    writer(i).set_follower(&relay_reactor_);
    CHECK(writer(i).TryReserve(kRelayPlaces));
  }
  mail_store_ = std::make_unique<LogMailStore>(store_->logs(), relay_reactor_, relay_slot_);
  poison_->PassOver(*mail_store_);
  mailboxes_ = std::make_unique<MailboxWriter>(
      MailboxWriterOptions{
          .hostname = config_.hostname, .delivered_to = config_.relay.delivered_to, .slot = mailbox_slot_},
      world_.open_directory, kMailboxJobsMax, relay_reactor_);
  for (size_t i = 0; i < writer_count(); ++i) {
    stalls_.Add(writer(i).steps(), store_->directory(i).path(), "mail waits for its 250");
  }
  stalls_.Add(mailboxes_->steps(), "mailboxes", "mail for them waits in the queue");
  dns_ = world_.make_dns(MakeDnsOptions(config_), *relay_poller_);
  courier_ = std::make_unique<SmtpCourier>(MakeCourierOptions(config_, world_, relay_slot_), *relay_poller_, *dns_,
                                           deliveries_, world_.clock);
  absl::StatusOr<std::unique_ptr<Relay>> relay =
      Relay::Create(MakeRelayOptions(config_, relay_slot_), routes_, *mail_store_, *courier_, *mailboxes_, report_ids_,
                    deliveries_, world_.clock, relay_reactor_);
  if (!relay.ok()) return relay.status();
  relay_ = *std::move(relay);
  // The queue is known before the first message is taken, so that no id is ever given twice.
  while (!relay_->caught_up()) relay_->Turn();
  for (size_t i = 0; i < writer_count(); ++i) {
    if (const absl::Status& error = mail_store_->reader(i).error(); !error.ok()) return error;
  }
  poison_->Judge(*mail_store_, *relay_, relay_slot_, config_.store.free_size_min);
  report_ids_ = MessageIdSource(static_cast<uint8_t>(ChooseReactorCount(config_.threads.reactors)), LastKnown());
  queued_at_start_ = mail_store_->message_count();
  store_->TellDamage(*mail_store_, events_);
  relay_loop_ = std::make_unique<RelayLoop>(relay_reactor_, world_.clock, *mail_store_, *courier_, *relay_);
  relay_reactor_.AddHook(*this);
  control_ = std::make_unique<ControlServer>(
      relay_reactor_,
      ControlTargets{
          .store = *mail_store_,
          .book = relay_->destinations(),
          .act = [this](QueueAction action, MessageId id) { return relay_->Act(action, id); },
          .act_on_all = [this](QueueAction action,
                               std::optional<uint32_t> destination) { return relay_->ActOnAll(action, destination); },
          .destinations = [this] { return relay_->Status(); },
          .status = [this] { return Status(); }});
  return absl::OkStatus();
}

void Gateway::AssembleDoors() {
  std::vector<StoreWriter*> writers;
  for (size_t i = 0; i < writer_count(); ++i) writers.push_back(&writer(i));
  const MessageId last_known = LastKnown();
  const uint32_t count = ChooseReactorCount(config_.threads.reactors);
  for (uint32_t i = 0; i < count; ++i) {
    doors_.push_back(std::make_unique<Door>(world_, poison_->TakeSlot(absl::StrCat("reactor ", i))));
    Door& door = *doors_.back();
    door.inbound = std::make_unique<Inbound>(inbound_options_, door.reactor, writers, ledger_, gate_, events_,
                                             static_cast<uint8_t>(i), last_known, door.slot);
  }
}

MessageId Gateway::LastKnown() const {
  MessageId last_known;
  for (size_t i = 0; i < store_->log_count(); ++i)
    last_known = std::max(last_known, mail_store_->index(i).last_known());
  return last_known;
}

void Gateway::Listen(Socket listening) {
  for (size_t i = 0; i < doors_.size(); ++i) {
    Socket own = listening;
    if (i > 0) {
      const SocketResult copy = doors_[i]->reactor.sockets().Duplicate(listening);
      if (!copy.socket.valid()) continue;  // no descriptors: the others serve it
      own = copy.socket;
    }
    doors_[i]->reactor.Post([inbound = doors_[i]->inbound.get(), own] { inbound->Listen(own); });
  }
}

void Gateway::ListenControl(Socket listening, std::string key) {
  relay_reactor_.Post([this, listening, key = std::move(key)] { control_->Start(listening, key); });
}

GatewayStatus Gateway::Status() const {
  uint64_t record_count = 0;
  uint64_t sync_count = 0;
  for (size_t i = 0; i < store_->log_count(); ++i) {
    record_count += store_->writer(i).record_count();
    sync_count += store_->writer(i).sync_count();
  }
  return {.version = std::string(kVersion),
          .pid = ProcessId(),
          .identity = identity_,
          .counters = {{"connections", ledger_.count()},
                       {"connections_out", courier_->connection_count()},
                       {"queued", mail_store_->message_count()},
                       {"records", record_count},
                       {"syncs", sync_count}}};
}

void Gateway::Watch() {
  stalls_.Look(world_.clock.Monotonic());
  const absl::StatusOr<uint64_t> free_size = store_->root().FreeSize();
  // A disk that does not even answer that is told by the first write; the gate stays as it is.
  const bool low = free_size.ok() ? *free_size < config_.store.free_size_min : gate_.low_disk.load();
  if (low != gate_.low_disk.exchange(low, std::memory_order_relaxed)) {
    events_.Write(
        Event::kLowDisk,
        {{"dir", config_.store_dir()},
         {"free", absl::StrCat(*free_size)},
         {"text", low ? "too little room: mail is refused with 452 until there is more; what is queued goes out"
                      : "there is room again: mail is taken"}});
  }
  for (size_t i = 0; i < writer_count(); ++i) {
    const bool full = writer(i).full();
    if (full != full_told_[i]) {
      full_told_[i] = full;
      events_.Write(Event::kLowDisk,
                    {{"dir", store_->directory(i).path()},
                     {"text", full ? "the log finds no room: mail is refused with 452" : "the log has room again"}});
    }
    if (!writer(i).poisoned() || std::exchange(poison_told_, true)) continue;
    events_.Write(Event::kCorrupt,
                  {{"dir", store_->directory(i).path()},
                   {"text",
                    "a write or sync of the log has failed: mail is refused with 451 and nothing is sent until a "
                    "restart; look at the disk, then restart"}});
    // What is sent now could not be noted, and would be sent again.
    relay_reactor_.Post([this] { relay_->Stop(); });
  }
}

bool Gateway::poisoned() const {
  for (size_t i = 0; i < store_->log_count(); ++i) {
    if (store_->writer(i).poisoned()) return true;
  }
  return false;
}

size_t Gateway::lent_block_count() const {
  size_t count = 0;
  for (const std::unique_ptr<Door>& door : doors_) count += door->inbound->lent_block_count();
  return count;
}

size_t Gateway::lent_place_count() const {
  size_t count = 0;
  for (size_t i = 0; i < store_->log_count(); ++i) count += store_->writer(i).reserved_count() - kRelayPlaces;
  return count;
}

bool Gateway::InboundOpen() const {
  return std::any_of(doors_.begin(), doors_.end(),
                     [](const std::unique_ptr<Door>& door) { return door->inbound->open_count() > 0; });
}

bool Gateway::Drain() {
  const bool late = world_.clock.Monotonic() >= deadline_;
  const auto tell_doors = [this](auto what) {
    for (const std::unique_ptr<Door>& door : doors_) {
      door->reactor.Post([inbound = door->inbound.get(), what] { what(*inbound); });
    }
  };
  switch (life_) {
    case Life::kServing:
      tell_doors([](Inbound& inbound) { inbound.Shutdown(); });
      Enter(Life::kTalking, config_.shutdown_timeout);
      return false;
    case Life::kTalking:
    case Life::kLastWords:
    case Life::kCut:
      if (!InboundOpen() || (late && life_ == Life::kCut)) {
        relay_reactor_.Post([this] {
          relay_->Stop();
          control_->Stop();
          relay_stopped_.store(true, std::memory_order_release);
        });
        Enter(Life::kRelaying, config_.shutdown_timeout);
      } else if (late && life_ == Life::kTalking) {
        tell_doors([](Inbound& inbound) { inbound.Abort(/*hard=*/false); });
        Enter(Life::kLastWords, kLastWordsTime);
      } else if (late) {
        tell_doors([](Inbound& inbound) { inbound.Abort(/*hard=*/true); });
        Enter(Life::kCut, kCutTime);
      }
      return false;
    case Life::kRelaying:
    case Life::kRelayCut:
      if (relay_quiet_.load(std::memory_order_acquire) || (late && life_ == Life::kRelayCut)) {
        Enter(Life::kDone, Duration::zero());
        return true;
      }
      if (late) {
        relay_reactor_.Post([this] { relay_->Abort(); });
        Enter(Life::kRelayCut, kCutTime);
      }
      return false;
    case Life::kDone: return true;
  }
  return true;
}

void Gateway::Enter(Life life, Duration patience) {
  life_ = life;
  deadline_ = world_.clock.Monotonic() + patience;
}

void Gateway::RunTurn() {
  store_->TellDamage(*mail_store_, events_);
  poison_->Turn(*mail_store_, *relay_);
  if (!relay_stopped_.load(std::memory_order_acquire)) return;
  if (!relay_->idle() || !courier_->closed() || !control_->closed()) return;
  dns_->Close();
  relay_quiet_.store(dns_->closed(), std::memory_order_release);
}

}  // namespace postern
