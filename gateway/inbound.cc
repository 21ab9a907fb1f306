#include "gateway/inbound.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/inbound_connection.h"
#include "net/socket.h"

namespace postern {
namespace {

// Peers that are being told that they are one too many, or are saying goodbye; more are closed without a word.
constexpr size_t kLeavingCountMax = 256;
// How often a message is let in while the disk is full, to find out whether it still is.
constexpr Duration kTrialPause = std::chrono::milliseconds(250);
// A lack of descriptors or of memory lasts, and is met ten times a second.
constexpr Duration kShortageReminder = std::chrono::minutes(1);

}  // namespace

Inbound::Inbound(const InboundOptions& options, Reactor& reactor, std::vector<StoreWriter*> writers,
                 ConnectionLedger& ledger, const AdmissionGate& gate, EventLog& events, uint8_t source,
                 MessageId last_known, WorkSlot* slot)
    : options_(options),
      reactor_(reactor),
      writers_(std::move(writers)),
      ledger_(ledger),
      gate_(gate),
      events_(events),
      slot_(slot),
      ids_(source, last_known),
      rings_(reactor, (options.block_count_max - options.block_count_max / 4) / 2),
      bodies_(reactor, options.block_count_max - options.block_count_max / 4 - rings_.pool().count_max()),
      transactions_(options.block_count_max / 4 * kBlockSize),
      receipts_((options.connection_count_max + kLeavingCountMax) * kPlacesPerMessage, reactor) {
  reactor_.AddHook(*this);
}

Inbound::~Inbound() { reactor_.RemoveHook(*this); }

void Inbound::Listen(Socket listening) {
  open_count_.fetch_add(1, std::memory_order_release);
  listeners_.push_back(std::make_unique<Listener>());
  listeners_.back()->Start(reactor_, *this, listening);
}

void Inbound::HandleAccepted(Socket socket, const SocketAddress& peer) {
  const bool trusted = Trusts(peer.ip);
  // RFC 7504: this host takes no mail from you, at no time.
  if (!trusted && options_.trusted_only) {
    return Refuse(socket, peer, "521 5.7.1", "access denied: mail is taken from our own networks only");
  }
  const ConnectionLedger::Entry entry = ledger_.TryEnter(peer.ip, trusted);
  if (entry != ConnectionLedger::Entry::kEntered) {
    const std::string_view from = entry == ConnectionLedger::Entry::kTooManyOfAddress ? " from your address" : "";
    return Refuse(socket, peer, "421 4.7.0", absl::StrCat("too many connections", from));
  }
  InboundConnection* const connection = TakeConnection();
  if (connection != nullptr) return connection->Start(socket, peer, trusted);
  ledger_.Leave(peer.ip, trusted);
  reactor_.sockets().CloseNow(socket);
}

void Inbound::Refuse(Socket socket, const SocketAddress& peer, std::string_view code, std::string_view why) {
  InboundConnection* const connection = TakeConnection();
  if (connection == nullptr) return reactor_.sockets().CloseNow(socket);
  events_.Write(Event::kRejected,
                {{"dir", "in"}, {"peer", peer.ip.ToString()}, {"code", code.substr(0, code.find(' '))}, {"text", why}});
  connection->StartRefused(socket, absl::StrCat(code, " ", options_.conversation.hostname, " ", why, "\r\n"));
}

void Inbound::HandleAcceptFailed(NetError, int system_code) {
  if (reactor_.now() < tell_accept_at_) return;
  tell_accept_at_ = reactor_.now() + kShortageReminder;
  events_.Write(
      Event::kConnectFailed,
      {{"dir", "in"}, {"text", absl::StrCat("cannot accept: ", SystemErrorText(system_code), "; clients wait")}});
}

void Inbound::HandleListenerClosed() {
  std::erase_if(listeners_, [](const auto& listener) { return listener->closed(); });
  open_count_.fetch_sub(1, std::memory_order_release);
}

void Inbound::Shutdown() {
  stopping_ = true;
  for (const auto& listener : listeners_) listener->Close();
  for (const auto& connection : connections_) {
    if (connection->in_use()) connection->Shutdown();
  }
}

void Inbound::Abort(bool hard) {
  for (const auto& connection : connections_) {
    if (connection->in_use()) connection->Abort(hard);
  }
}

void Inbound::RunTurn() {
  Handoff* handoff = nullptr;
  while (receipts_.queue.TryPop(handoff)) static_cast<InboundConnection*>(handoff->owner)->HandleReceipt(*handoff);
  for (StoreWriter* writer : pushed_) writer->Wake();
  pushed_.clear();
  TellMemory();
}

void Inbound::TellMemory() {
  if (!(rings_.pool().refused() || bodies_.pool().refused()) || reactor_.now() < tell_memory_at_) return;
  tell_memory_at_ = reactor_.now() + kShortageReminder;
  events_.Write(Event::kLowMemory,
                {{"dir", "in"}, {"text", "the system has no memory for another buffer: clients wait for one"}});
}

bool Inbound::Trusts(const IpAddress& ip) const {
  return std::any_of(options_.trusted_networks.begin(), options_.trusted_networks.end(),
                     [&](const IpNetwork& network) { return network.Contains(ip); });
}

InboundConnection* Inbound::TakeConnection() {
  if (stopping_) return nullptr;
  if (free_.empty()) {
    if (connections_.size() == options_.connection_count_max + kLeavingCountMax) return nullptr;
    connections_.push_back(std::make_unique<InboundConnection>(*this));
    free_.push_back(connections_.back().get());
  }
  InboundConnection* connection = free_.back();
  free_.pop_back();
  open_count_.fetch_add(1, std::memory_order_release);
  return connection;
}

void Inbound::GiveConnection(InboundConnection& connection) {
  free_.push_back(&connection);
  open_count_.fetch_sub(1, std::memory_order_release);
}

StoreWriter& Inbound::ChooseWriter() { return *writers_[next_writer_++ % writers_.size()]; }

HandoffResult Inbound::MayAdmit(const StoreWriter& writer) const {
  if (writer.poisoned()) return HandoffResult::kPoisoned;
  if (gate_.low_disk.load(std::memory_order_relaxed)) return HandoffResult::kNoRoom;
  return writer.full() && reactor_.now() < next_trial_ ? HandoffResult::kNoRoom : HandoffResult::kDurable;
}

void Inbound::NoteAdmitted(const StoreWriter& writer) {
  if (writer.full()) next_trial_ = reactor_.now() + kTrialPause;
}

void Inbound::NotePushed(StoreWriter& writer) {
  if (std::find(pushed_.begin(), pushed_.end(), &writer) == pushed_.end()) pushed_.push_back(&writer);
}

}  // namespace postern
