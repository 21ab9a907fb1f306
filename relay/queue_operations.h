// QueueOperations carries out what an operator wants of the queue: of one message, of a destination's, of all.
//
// Relay owns it, on its thread. A wish is an outcome in the log, and shows when it was read back from there. What is in
// work is not touched: one message is answered kBusy, of many it is left as it is. The relay's own wishes go the same
// way: what is settled without an attempt and without a report.

#ifndef POSTERN_RELAY_QUEUE_OPERATIONS_H_
#define POSTERN_RELAY_QUEUE_OPERATIONS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "core/clock.h"
#include "core/handoff.h"
#include "core/message.h"
#include "relay/mail_store.h"
#include "relay/outcome_post.h"
#include "relay/queue_view.h"
#include "store/outcome.h"

namespace postern {

// What an operator wants, and of whom.
struct Wish {
  enum class Scope : uint8_t { kMessage, kDestination, kAll };
  QueueAction action;
  Scope scope = Scope::kMessage;
  uint32_t destination = 0;  // kDestination

  bool Concerns(const QueuedRecipient& recipient) const {
    return scope != Scope::kDestination || recipient.destination == destination;
  }
};

class QueueOperationsHost {
 public:
  virtual ~QueueOperationsHost() = default;
  // Somebody works on it: its state is about to change.
  virtual bool InWork(MessageId message) const = 0;
  // The log says so now. The message may have left the queue.
  virtual void HandleOperationDone(const Wish& wish, MessageId message) = 0;
};

class QueueOperations {
 public:
  static constexpr size_t kCountMax = 64;  // under way at once

  enum class Answer : uint8_t {
    kStarted,
    kNotFound,  // not in the queue
    kBusy,      // it is in work, or too many wishes are under way
    kNothing,   // there is nothing about it that the wish would change
  };

  QueueOperations(MailStore& store, OutcomePost& post, const Clock& clock, QueueOperationsHost& host)
      : store_(store), post_(post), clock_(clock), host_(host) {}

  Answer Act(QueueAction action, MessageId message) { return Start({.action = action}, message); }
  // For all recipients of a destination, or of all. Begins; kBusy while another such wish is carried out.
  Answer ActOnAll(QueueAction action, std::optional<uint32_t> destination);

  // The relay's own: notes `outcomes` of recipients of `message`.
  Answer Note(MessageId message, std::span<const RecipientOutcome> outcomes);

  // Holds a message that the program has died of; `why` is noted at each recipient.
  Answer Park(MessageId message, std::string_view why);

  // A step of a wish for many; true when there is more to do at once.
  bool Continue();
  // Wishes for many end here; what is under way comes home.
  void Stop() { sweep_.reset(); }

  bool Owns(const Handoff& handoff) const { return operations_.contains(&handoff); }
  bool WorksOn(MessageId message) const;
  // A wish for many names the destination, which has to keep its index as long.
  bool Names(uint32_t destination) const {
    return sweep_.has_value() && sweep_->wish.scope == Wish::Scope::kDestination &&
           sweep_->wish.destination == destination;
  }
  void HandleReadBack(Handoff& handoff);
  void HandleStuck(Handoff& handoff) { operations_.erase(&handoff); }
  bool idle() const { return operations_.empty(); }

 private:
  struct Operation {
    std::optional<Wish> wish;  // nothing: the relay's own
    Handoff handoff;
    OutcomeWriter outcome;
  };
  // A wish for many, and how far it has come in the queue.
  struct Sweep {
    Wish wish;
    uint64_t cursor = 0;
  };

  Answer Start(const Wish& wish, MessageId message);
  bool MayStart(MessageId message) const { return operations_.size() < kCountMax && !host_.InWork(message); }
  void Send(std::unique_ptr<Operation> operation, MessageId message);

  MailStore& store_;
  OutcomePost& post_;
  const Clock& clock_;
  QueueOperationsHost& host_;
  absl::flat_hash_map<const Handoff*, std::unique_ptr<Operation>> operations_;
  std::optional<Sweep> sweep_;
};

}  // namespace postern

#endif  // POSTERN_RELAY_QUEUE_OPERATIONS_H_
