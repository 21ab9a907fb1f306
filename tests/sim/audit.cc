#include "tests/sim/audit.h"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "gateway/offline_queue.h"
#include "relay/queue_view.h"

namespace postern {
namespace {

using Queue = std::map<MessageId, QueueEntryView>;

// What a queue gets done in a world that is well: it takes a few tries, and clocks may be wrong.
constexpr Duration kTimeToDeliver = std::chrono::minutes(20);

struct Terms {
  WallTime healed_at;
  bool at_rest;
};

std::vector<std::string> List(SimDisk& disk, const std::string& path) {
  return disk.Open(path).value()->List().value();
}

std::string Read(SimDisk& disk, const std::string& folder, const std::string& name) {
  const std::unique_ptr<File> file = disk.Open(folder).value()->OpenForRead(name).value();
  std::string text(file->Size().value(), '\0');
  CHECK_EQ(file->ReadAt({text.data(), text.size()}, 0).value(), text.size());
  return text;
}

// The mailboxes lie at /mail/DOMAIN/LOCAL.
void ReadMailboxes(SimDisk& disk, PostBook& book) {
  for (const std::string& domain : List(disk, "/mail")) {
    for (const std::string& local : List(disk, absl::StrCat("/mail/", domain))) {
      const std::string recipient = absl::StrCat(local, "@", domain);
      const std::string folder = absl::StrCat("/mail/", domain, "/", local, "/new");
      std::map<const SentMessage*, size_t> counts;
      for (const std::string& name : List(disk, folder)) {
        SentMessage* message = book.CheckCopy(absl::StrCat(folder, "/", name), recipient, Read(disk, folder, name));
        if (message == nullptr) continue;
        if (++counts[message] == 2) book.Complain(absl::StrCat(folder, ": ", message->token, " lies there twice"));
        if (SentRecipient* found = message->Find(recipient); found != nullptr) found->taken = true;
      }
    }
  }
}

std::optional<Queue> ReadQueue(SimWorld& world, PostBook& book) {
  absl::StatusOr<std::unique_ptr<OfflineQueue>> opened =
      OfflineQueue::Open(world.config(), world.directory_opener(), world.clock());
  if (!opened.ok()) {
    book.Complain(absl::StrCat("the queue cannot be read: ", opened.status().message()));
    return std::nullopt;
  }
  Queue queue;
  std::optional<uint64_t> cursor = 0;
  while (cursor.has_value()) {
    QueuePage page = (*opened)->List(*cursor).value();
    for (QueueEntryView& entry : page.entries) queue.emplace(entry.id, std::move(entry));
    cursor = page.next_cursor;
  }
  return queue;
}

// Why nothing more is to be done for `recipient`, as the queue says; or that he waits.
void CheckRecipient(const SimWorld& world, PostBook& book, const SentMessage& message, SentRecipient& recipient,
                    const QueueRecipientView* queued, const Terms& terms) {
  const std::string what = absl::StrCat(message.token, " to ", recipient.address);
  const RecipientState state = queued == nullptr ? RecipientState::kDelivered : queued->status.state;
  switch (state) {
    case RecipientState::kDelivered:
      recipient.settled = true;
      if (!recipient.taken) {
        book.Complain(absl::StrCat(what, " was acknowledged, and is neither in the queue nor delivered: it is lost"));
      }
      break;
    case RecipientState::kFailed: {
      recipient.settled = true;
      const WallTime expiry = message.id.born() + world.config().relay.retry.expiry;
      const bool expired = expiry <= world.latest_wall() && expiry <= terms.healed_at + kTimeToDeliver;
      if (!recipient.refused && !message.refused_by_hop && !expired) {
        book.Complain(absl::StrCat(what, " has failed without a reason: ", queued->text));
      }
      break;
    }
    case RecipientState::kWaiting:
    case RecipientState::kDeferred:
      if (recipient.settled) book.Complain(absl::StrCat(what, " was settled, and waits again"));
      if (terms.at_rest) book.Complain(absl::StrCat(what, " still waits although all is at rest: ", queued->text));
      break;
    case RecipientState::kDeleted: book.Complain(absl::StrCat(what, " was deleted by nobody")); break;
  }
}

void Audit(SimWorld& world, PostBook& book, const Terms& terms) {
  CHECK(!world.running());
  ReadMailboxes(world.disk(), book);
  const std::optional<Queue> queue = ReadQueue(world, book);
  if (!queue.has_value()) return;
  for (const auto& [id, entry] : *queue) {
    if (!entry.error.empty()) book.Complain(absl::StrCat("a message in the queue cannot be read: ", entry.error));
  }
  for (const auto& [token, message] : book.messages()) {
    if (!message->acknowledged) continue;
    const auto entry = queue->find(message->id);
    for (SentRecipient& recipient : message->recipients) {
      if (!recipient.accepted) continue;
      const QueueRecipientView* queued = nullptr;
      if (entry != queue->end()) {
        for (const QueueRecipientView& view : entry->second.recipients) {
          if (view.address == recipient.address) queued = &view;
        }
        if (queued == nullptr) {
          book.Complain(absl::StrCat(token, ": the queue has forgotten that it is for ", recipient.address));
          continue;
        }
      }
      CheckRecipient(world, book, *message, recipient, queued, terms);
    }
  }
}

}  // namespace

void Audit(SimWorld& world, PostBook& book, WallTime healed_at) {
  Audit(world, book, Terms{.healed_at = healed_at, .at_rest = false});
}

void AuditAtRest(SimWorld& world, PostBook& book, WallTime healed_at) {
  Audit(world, book, Terms{.healed_at = healed_at, .at_rest = true});
}

}  // namespace postern
