// RecipientResults is the book of one transaction: whom the peer hears of, and what became of each recipient.
//
// A client conversation owns it, on that conversation's reactor thread. Every recipient has a result from the start; at
// the end of the transaction, however it ended, none of them is pending.

#ifndef POSTERN_SMTP_RECIPIENT_RESULTS_H_
#define POSTERN_SMTP_RECIPIENT_RESULTS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "smtp/reply_parser.h"

namespace postern {

// What became of one recipient in one transaction.
enum class Fate : uint8_t {
  kPending,          // not known yet
  kDelivered,        // the peer has it
  kDeferred,         // try again later
  kRefused,          // for good
  kNextTransaction,  // one too many for this transaction, which went well: say it again in the next one, at once
};
struct RecipientResult {
  Fate fate = Fate::kPending;
  ServerReply reply{};        // its text at most kResultTextSizeMax bytes: see Shorten()
  bool peer_reports = false;  // delivered to a peer with DSN: a report of success is its business (RFC 3461 5.2.1)
};
inline constexpr size_t kResultTextSizeMax = 400;

// What a final reply means for a recipient.
Fate FateOf(uint16_t code);
// What is kept of a reply: all lines of a refusal, which its sender will read; else the first one, since a queue may
// hold a million of them.
ServerReply Shorten(const ServerReply& reply);

class RecipientResults {
 public:
  // A transaction begins. `peer_reports`: what is delivered is reported by the peer.
  void Start(size_t recipient_count, bool peer_reports);

  // Before anything is said: it is refused by ourselves, it has to wait for the next transaction, or the peer hears it.
  void Refuse(size_t index, ServerReply reply);
  void Postpone(size_t index) { results_[index].fate = Fate::kNextTransaction; }
  void Speak(size_t index) { spoken_.push_back(static_cast<uint32_t>(index)); }

  // The reply to the RCPT of the `order`-th that was spoken, from 0.
  void HandleRcptReply(size_t order, const ServerReply& reply);

  // The fate of all that were accepted, or have not been answered.
  void Settle(const ServerReply& reply, Fate fate);
  // The same, and of those who were postponed.
  void SettleAll(const ServerReply& reply, Fate fate);
  // RFC 2033 4.2: the fate of the next one that was accepted.
  void SettleNext(const ServerReply& reply);
  // There is no next transaction after this one: who waits for it is deferred.
  void DeferPostponed(const ServerReply& reply);

  size_t spoken_count() const { return spoken_.size(); }
  uint32_t spoken(size_t order) const { return spoken_[order]; }
  size_t accepted_count() const { return accepted_count_; }
  std::span<const RecipientResult> all() const { return results_; }

 private:
  void Set(RecipientResult& result, const ServerReply& reply, Fate fate);

  bool peer_reports_ = false;
  std::vector<RecipientResult> results_;
  std::vector<uint32_t> spoken_;  // indices, in order
  size_t accepted_count_ = 0;     // by RCPT
  size_t next_ = 0;               // of those spoken, for SettleNext()
};

}  // namespace postern

#endif  // POSTERN_SMTP_RECIPIENT_RESULTS_H_
