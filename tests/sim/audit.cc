#include "tests/sim/audit.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "core/envelope.h"
#include "gateway/offline_queue.h"
#include "relay/mail_store.h"
#include "relay/queue_view.h"
#include "smtp/address.h"
#include "tests/sim/sim_setup.h"

namespace postern {
namespace {

using Queue = std::map<MessageId, QueueEntryView>;

// What a queue gets done in a world that is well: it takes a few tries, and clocks may be wrong.
constexpr Duration kTimeToDeliver = std::chrono::minutes(20);
// What is put before a message that was sent: the limit of a next hop is for all of it.
constexpr uint64_t kTraceSizeMax = 1000;

std::vector<std::string> List(SimDisk& disk, const std::string& path) {
  return disk.Open(path).value()->List().value();
}

std::string Read(SimDisk& disk, const std::string& folder, const std::string& name) {
  const std::unique_ptr<File> file = disk.Open(folder).value()->OpenForRead(name).value();
  std::string text(file->Size().value(), '\0');
  CHECK_EQ(file->ReadAt({text.data(), text.size()}, 0).value(), text.size());
  return text;
}

class Auditor {
 public:
  Auditor(SimWorld& world, PostBook& book, WallTime healed_at, bool at_rest)
      : world_(world),
        book_(book),
        routes_(RouteTable::Create(world.config().routes).value()),
        healed_at_(healed_at),
        at_rest_(at_rest) {}

  void Run() {
    CHECK(!world_.running());
    ReadMailboxes();
    ReadDeadLetters();
    const std::optional<Queue> queue = ReadQueue();
    if (!queue.has_value()) return;
    for (const auto& [id, entry] : *queue) CheckEntry(entry);
    for (const auto& [id, message] : book_.acknowledged()) {
      const auto entry = queue->find(id);
      CheckMessage(*message, entry == queue->end() ? nullptr : &entry->second);
    }
    if (!at_rest_) return;
    std::set<MessageId> queued;
    for (const auto& [id, entry] : *queue) queued.insert(id);
    book_.reports().CheckRest(queued);
  }

 private:
  // What lies in a mailbox was taken.
  void HandleLetter(const std::string& where, const std::string& recipient, const std::string& text,
                    std::map<const SentMessage*, size_t>& counts) {
    if (ReportBook::LooksLikeReport(text)) {
      const std::optional<MessageId> id = book_.reports().HandleText(where, recipient, text);
      if (id.has_value()) book_.reports().NoteArrived(*id);
      return;
    }
    SentMessage* const message = book_.CheckCopy(where, recipient, text);
    if (message == nullptr) return;
    if (++counts[message] == 2) book_.Complain(absl::StrCat(where, ": ", message->token, " lies there twice"));
    if (SentRecipient* found = message->Find(recipient); found != nullptr) found->taken = found->unreceipted = true;
  }

  // The mailboxes lie at /mail/DOMAIN/LOCAL.
  void ReadMailboxes() {
    SimDisk& disk = world_.disk();
    for (const std::string& domain : List(disk, "/mail")) {
      for (const std::string& local : List(disk, absl::StrCat("/mail/", domain))) {
        const std::string folder = absl::StrCat("/mail/", domain, "/", local, "/new");
        std::map<const SentMessage*, size_t> counts;
        for (const std::string& name : List(disk, folder)) {
          HandleLetter(absl::StrCat(folder, "/", name), absl::StrCat(local, "@", domain), Read(disk, folder, name),
                       counts);
        }
      }
    }
  }

  // They are mail from nobody, or reports to postmaster.
  void ReadDeadLetters() {
    const std::string folder = absl::StrCat(world_.config().dead_letter_dir(), "/new");
    for (const std::string& name : List(world_.disk(), folder)) {
      const std::string where = absl::StrCat(folder, "/", name);
      const std::string text = Read(world_.disk(), folder, name);
      if (ReportBook::LooksLikeReport(text)) {
        const std::optional<MessageId> id = book_.reports().HandleText(where, kSimPostmaster, text);
        if (id.has_value()) book_.reports().NoteArrived(*id);
      } else if (SentMessage* message = book_.CheckCopy(where, "", text); message != nullptr) {
        message->buried = true;
        if (!message->sender.empty()) book_.Complain(absl::StrCat(where, ": ", message->token, " has a sender"));
      }
    }
  }

  // All of it; reports that were never seen are looked at.
  std::optional<Queue> ReadQueue() {
    absl::StatusOr<std::unique_ptr<OfflineQueue>> opened =
        OfflineQueue::Open(world_.config(), world_.directory_opener(), world_.clock());
    if (!opened.ok()) {
      book_.Complain(absl::StrCat("the queue cannot be read: ", opened.status().message()));
      return std::nullopt;
    }
    Queue queue;
    std::optional<uint64_t> cursor = 0;
    while (cursor.has_value()) {
      QueuePage page = (*opened)->List(std::nullopt, *cursor).value();
      for (QueueEntryView& entry : page.entries) queue.emplace(entry.id, std::move(entry));
      cursor = page.next_cursor;
    }
    for (const auto& [id, entry] : queue) {
      if (!entry.error.empty()) {
        book_.Complain(absl::StrCat("a message in the queue cannot be read: ", entry.error));
      } else if (IsReport(entry) && !book_.reports().HasSeen(id)) {
        ReadReport(**opened, entry);
      }
    }
    return queue;
  }

  static bool IsReport(const QueueEntryView& entry) {
    return (entry.flags & (kEnvelopeReport | kEnvelopeLastReport)) != 0;
  }

  void ReadReport(OfflineQueue& queue, const QueueEntryView& entry) {
    std::string text;
    const absl::Status status = queue.Export(entry.id, [&text](std::string_view piece) {
      text.append(piece);
      return absl::OkStatus();
    });
    const std::string where = absl::StrCat("queue ", ToText(entry.id).view());
    if (!status.ok()) return book_.Complain(absl::StrCat(where, ": ", status.message()));
    const std::optional<MessageId> id = book_.reports().HandleText(where, "", text);
    if (id.has_value() && *id != entry.id) book_.Complain(absl::StrCat(where, " calls itself ", ToText(*id).view()));
  }

  // Whoever sent it: at rest nothing may be in the queue but what is on hold.
  void CheckEntry(const QueueEntryView& entry) {
    if (!at_rest_) return;
    for (const QueueRecipientView& recipient : entry.recipients) {
      const RecipientState state = recipient.status.state;
      if (Settled(state) || IsHeld(state)) continue;
      book_.Complain(absl::StrCat(ToText(entry.id).view(), " to ", recipient.address, " is ", ToText(state),
                                  " although all is at rest: ", recipient.text));
    }
  }

  void CheckMessage(SentMessage& message, const QueueEntryView* entry) {
    for (SentRecipient& recipient : message.recipients) {
      if (!recipient.accepted) continue;
      CheckReceiptsAreOurs(message, recipient);
      if (entry == nullptr) {
        CheckGone(message, recipient);
        continue;
      }
      const auto same = [&recipient](const QueueRecipientView& view) { return view.address == recipient.address; };
      const auto queued = std::find_if(entry->recipients.begin(), entry->recipients.end(), same);
      if (queued == entry->recipients.end()) {
        Tell(message, recipient, "is forgotten by the queue, which has the message");
      } else {
        CheckQueued(message, recipient, *queued);
      }
    }
  }

  // The message has left the queue: each of its recipients is delivered, bounced or deleted, and nobody says which.
  void CheckGone(const SentMessage& message, SentRecipient& recipient) {
    recipient.settled = true;
    if (Delivered(recipient)) {
      // A next hop may have taken what the gateway, which has not heard of it, gave up later.
      if (!recipient.failures.empty() || book_.reports().MayBeUnseen(message, "failure")) return;
      if (recipient.Wants("FAILURE") || !MayHaveFailed(message, recipient)) CheckReceipt(message, recipient);
    } else if (!book_.WasWished(QueueAction::kDelete, message)) {
      CheckBounced(message, recipient, "it is not in the queue");
    }
  }

  void CheckQueued(const SentMessage& message, SentRecipient& recipient, const QueueRecipientView& queued) {
    const RecipientState state = queued.status.state;
    if (state != RecipientState::kBounced && !recipient.failures.empty()) {
      Tell(message, recipient, absl::StrCat("is ", ToText(state), ", and was reported as failed"));
    }
    switch (state) {
      case RecipientState::kDelivered:
      case RecipientState::kArrived:
        recipient.settled = true;
        if (!Delivered(recipient)) Tell(message, recipient, "is told to be delivered, and has nothing: it is lost");
        if (state == RecipientState::kDelivered) CheckReceipt(message, recipient);
        break;
      case RecipientState::kFailed:
        recipient.settled = true;
        CheckReason(message, recipient, queued.text);
        break;
      case RecipientState::kBounced:
        recipient.settled = true;
        CheckBounced(message, recipient, queued.text);
        break;
      case RecipientState::kDelayed:
        if (!recipient.Wants("DELAY") || message.sender.empty()) break;
        if (recipient.delays.empty() && !Excused(message, "delay")) {
          Tell(message, recipient, "waits and its sender was told so, but there is no report");
        }
        [[fallthrough]];
      case RecipientState::kWaiting:
      case RecipientState::kDeferred:
        if (recipient.settled) Tell(message, recipient, "was settled, and waits again");
        break;
      case RecipientState::kHeld:
      case RecipientState::kHeldDelayed:
        if (!book_.WasWished(QueueAction::kHold, message)) Tell(message, recipient, "is held by nobody");
        break;
      case RecipientState::kDeleted:
        recipient.settled = true;
        if (!book_.WasWished(QueueAction::kDelete, message)) Tell(message, recipient, "was deleted by nobody");
        break;
    }
  }

  // He has failed for a reason, and whoever had to be told was told, once.
  void CheckBounced(const SentMessage& message, const SentRecipient& recipient, std::string_view text) {
    CheckReason(message, recipient, text);
    if (message.sender.empty()) {
      if (!message.buried && !book_.WasWishedOfMany(QueueAction::kDelete)) {
        Tell(message, recipient, "has failed, is from nobody, and is no dead letter: it is lost");
      }
    } else if (recipient.Wants("FAILURE") && recipient.failures.empty() && !Excused(message, "failure")) {
      Tell(message, recipient, absl::StrCat("has failed, and nobody was told: it is lost (", text, ")"));
    }
  }

  void CheckReason(const SentMessage& message, const SentRecipient& recipient, std::string_view text) {
    if (!MayHaveFailed(message, recipient))
      Tell(message, recipient, absl::StrCat("has failed without a reason: ", text));
  }

  bool MayHaveFailed(const SentMessage& message, const SentRecipient& recipient) const {
    return recipient.refused || message.refused_by_hop || recipient.lied_about ||
           (message.sender.empty() && book_.refused_of_nobody()) || FailsAlways(DomainOf(recipient.address)) ||
           message.body.size() + kTraceSizeMax > book_.size_limit() || book_.WasWished(QueueAction::kBounce, message) ||
           MayNeedMore(message, recipient) || MayHaveExpired(message, recipient);
  }

  // What a next hop must offer, and may not have offered.
  bool MayNeedMore(const SentMessage& message, const SentRecipient& recipient) const {
    const auto is_eight_bit = [](char byte) { return (byte & 0x80) != 0; };
    if (std::any_of(recipient.address.begin(), recipient.address.end(), is_eight_bit)) return true;
    return message.eight_bit && RouteOf(recipient).eight_bit == EightBit::kBounce;
  }

  bool MayHaveExpired(const SentMessage& message, const SentRecipient& recipient) const {
    const WallTime expiry = RouteOf(recipient).retry.Expiry(message.id, message.priority);
    return expiry <= world_.latest_wall() && expiry <= healed_at_ + kTimeToDeliver;
  }

  // Who asked for it is told that it has arrived, unless the next hop tells him.
  void CheckReceipt(const SentMessage& message, const SentRecipient& recipient) {
    if (!recipient.Wants("SUCCESS") || message.sender.empty()) return;
    if (recipient.receipted || recipient.lied_about || book_.WasWished(QueueAction::kDelete, message)) return;
    if (recipient.receipts.empty() && !Excused(message, "success")) {
      Tell(message, recipient, "has arrived, and its sender, who had asked for it, was not told");
    }
  }

  void CheckReceiptsAreOurs(const SentMessage& message, const SentRecipient& recipient) {
    if (recipient.receipts.empty() || recipient.unreceipted || recipient.lied_about) return;
    if (VanishesAlways(DomainOf(recipient.address))) return;
    Tell(message, recipient,
         recipient.taken ? "is told to have arrived, which the next hop tells as well"
                         : "is told to have arrived, and has nothing");
  }

  // Whether a report that should be there may have gone where nobody sees it.
  bool Excused(const SentMessage& message, std::string_view kind) const {
    return message.report_lied_about || book_.WasWishedOfMany(QueueAction::kDelete) ||
           book_.reports().MayBeUnseen(message, kind);
  }

  bool Delivered(const SentRecipient& recipient) const {
    return recipient.taken || recipient.lied_about || VanishesAlways(DomainOf(recipient.address));
  }

  const Route& RouteOf(const SentRecipient& recipient) const {
    return routes_.route(routes_.Find(DomainOf(recipient.address)).value());
  }

  void Tell(const SentMessage& message, const SentRecipient& recipient, std::string_view what) {
    book_.Complain(absl::StrCat(message.token, " (", ToText(message.id).view(), ") to ", recipient.address, " ", what));
  }

  SimWorld& world_;
  PostBook& book_;
  const RouteTable routes_;
  const WallTime healed_at_;
  const bool at_rest_;
};

}  // namespace

void Audit(SimWorld& world, PostBook& book, WallTime healed_at) {
  Auditor(world, book, healed_at, /*at_rest=*/false).Run();
}

void AuditAtRest(SimWorld& world, PostBook& book, WallTime healed_at) {
  Auditor(world, book, healed_at, /*at_rest=*/true).Run();
}

}  // namespace postern
