// Gateway is all that serves, put together: reactors, writers, the relay and what they share. It has no thread.
//
// Whoever serves owns it: `postern serve` puts a thread round each of its actors (gateway/threads.h), the simulator
// steps them by seed. Open() and the destructor are called while no thread runs; Listen(), Watch() and Drain() belong
// to the one thread that leads (main); each actor belongs to the thread that steps it.

#ifndef POSTERN_GATEWAY_GATEWAY_H_
#define POSTERN_GATEWAY_GATEWAY_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/clock.h"
#include "core/message.h"
#include "core/work_slot.h"
#include "gateway/black_box.h"
#include "gateway/config.h"
#include "gateway/connection_ledger.h"
#include "gateway/control_server.h"
#include "gateway/delivery_events.h"
#include "gateway/events.h"
#include "gateway/inbound.h"
#include "gateway/poison_watch.h"
#include "gateway/stall_watch.h"
#include "gateway/store_setup.h"
#include "net/dns_client.h"
#include "net/dns_client_ares.h"
#include "net/poller.h"
#include "net/reactor.h"
#include "relay/log_mail_store.h"
#include "relay/mailbox_writer.h"
#include "relay/relay.h"
#include "relay/relay_loop.h"
#include "relay/route.h"
#include "relay/smtp_courier.h"

namespace postern {

// What a gateway takes from outside: the machine, or the simulator's make of one.
struct World {
  const Clock& clock;
  std::function<std::unique_ptr<Poller>()> make_poller;
  std::function<std::unique_ptr<DnsClient>(const DnsOptions& options, Poller& poller)> make_dns;
  DirectoryOpener open_directory;
  std::vector<IpAddress> addresses{};  // of the machine
  uint64_t seed = 0;                   // for choices that are left to chance
  // Told where crashes are noted, and where this thread notes its work until Open() is done; null: nowhere any more.
  std::function<void(BlackBox*, WorkSlot*)> watch_crashes = [](BlackBox*, WorkSlot*) {};
};

class Gateway final : private TurnHook {
 public:
  // Opens the store, recovers the queue and stands ready; nothing is listened on yet. `config`, `world` and `events`
  // are lent and outlive it. `identity` is what HELP and the control socket tell of this very gateway.
  static absl::StatusOr<std::unique_ptr<Gateway>> Open(const Config& config, const World& world, EventLog& events,
                                                       std::string identity);
  ~Gateway() override;

  // The actors, and what wakes each: a reactor is turned, a writer runs.
  size_t reactor_count() const { return doors_.size(); }
  Reactor& reactor(size_t index) { return doors_[index]->reactor; }
  Reactor& relay_reactor() { return relay_reactor_; }
  size_t writer_count() const { return store_->log_count(); }
  StoreWriter& writer(size_t index) { return store_->writer(index); }
  MailboxWriter& mailboxes() { return *mailboxes_; }

  // Every reactor takes connections from `listening`.
  void Listen(Socket listening);

  // The operator's commands come from `listening`, and say `key` first when there is one.
  void ListenControl(Socket listening, std::string key = {});

  // A look at the disk and the logs, once in a second or so: closes the gate and opens it again, and says so.
  void Watch();

  // Towards the end, a step at a time; true when all is done and the actors may be stopped. Conversations end first,
  // then the relay's; what takes longer than the configuration allows is cut off.
  bool Drain();

  // A write or sync of a log has failed: what was acknowledged is safe, and nothing more was taken or sent.
  bool poisoned() const;
  uint32_t connection_count() const { return ledger_.count(); }
  // While no thread runs: what conversations have of memory and of places in the writers' queues. Nothing when nobody
  // talks.
  size_t lent_block_count() const;
  size_t lent_place_count() const;
  // Where an actor's thread notes what it works on; null when it is nowhere.
  WorkSlot* reactor_slot(size_t index) { return doors_[index]->slot; }
  WorkSlot* relay_slot() { return relay_slot_; }
  WorkSlot* writer_slot(size_t index) { return writer_slots_[index]; }
  WorkSlot* mailbox_slot() { return mailbox_slot_; }
  size_t queued_at_start() const { return queued_at_start_; }

 private:
  // A reactor and the road in that it drives.
  struct Door {
    Door(const World& world, WorkSlot* slot) : poller(world.make_poller()), reactor(*poller, world.clock), slot(slot) {}
    const std::unique_ptr<Poller> poller;
    Reactor reactor;
    WorkSlot* const slot;
    std::unique_ptr<Inbound> inbound;
  };

  enum class Life : uint8_t {
    kServing,
    kTalking,    // no new connections; conversations end
    kLastWords,  // they were told to end now
    kCut,        // they were closed
    kRelaying,   // no new attempts; those under way end
    kRelayCut,   // they were told to end now
    kDone,
  };

  Gateway(const Config& config, const World& world, EventLog& events, std::string identity);
  absl::Status OpenStore();
  absl::Status OpenBlackBox();
  absl::Status AssembleRelay();
  void AssembleDoors();
  GatewayStatus Status() const;
  MessageId LastKnown() const;  // of all logs
  void Enter(Life life, Duration patience);
  bool InboundOpen() const;

  // In every turn of the relay: tells what it found damaged, and sees whether it has come to rest.
  void RunTurn() override;
  bool HasWork() const override { return false; }

  const Config& config_;
  const World& world_;
  EventLog& events_;
  const std::string identity_;

  std::unique_ptr<StoreSetup> store_;
  std::unique_ptr<PoisonWatch> poison_;
  WorkSlot* relay_slot_ = nullptr;
  WorkSlot* mailbox_slot_ = nullptr;
  std::vector<WorkSlot*> writer_slots_;
  AdmissionGate gate_;
  ConnectionLedger ledger_;
  InboundOptions inbound_options_;
  std::vector<std::unique_ptr<Door>> doors_;

  const std::unique_ptr<Poller> relay_poller_;
  Reactor relay_reactor_;
  DeliveryEvents deliveries_;
  RouteTable routes_;
  std::unique_ptr<LogMailStore> mail_store_;
  std::unique_ptr<MailboxWriter> mailboxes_;
  std::unique_ptr<DnsClient> dns_;
  MessageIdSource report_ids_;
  std::unique_ptr<SmtpCourier> courier_;
  std::unique_ptr<Relay> relay_;
  std::unique_ptr<RelayLoop> relay_loop_;
  std::unique_ptr<ControlServer> control_;
  size_t queued_at_start_ = 0;

  Life life_ = Life::kServing;
  MonotonicTime deadline_ = kNever;
  std::atomic<bool> relay_stopped_{false};
  std::atomic<bool> relay_quiet_{false};
  std::vector<bool> full_told_;
  bool poison_told_ = false;
  StallWatch stalls_{events_};
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_GATEWAY_H_
