// Transaction is one message as SMTP tells it (RFC 5321 3.3), from MAIL to its end, its refusal or a RSET.
//
// A session borrows it from the pool of its reactor, on that thread, and gives it back when the message is over: who
// only keeps a connection open costs no memory for a message. What is borrowed again has grown already, so that a
// message after warm-up allocates nothing.

#ifndef POSTERN_SMTP_TRANSACTION_H_
#define POSTERN_SMTP_TRANSACTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/envelope.h"
#include "core/memory_budget.h"
#include "core/spares.h"
#include "smtp/header_watch.h"

namespace postern {

struct Transaction {
  // MAIL was taken. `hostname` is ours, and lent until the end.
  void Start(const EnvelopeHead& head, uint64_t size, std::string_view hostname);

  std::string sender;
  EnvelopeWriter envelope;
  size_t charged_size = 0;     // by the pool, for the envelope
  uint32_t excess_count = 0;   // recipients that were too many
  uint8_t flags = 0;           // of the envelope, as MAIL set them
  uint64_t declared_size = 0;  // RFC 1870: SIZE; 0 is not said
  uint64_t body_size = 0;      // bytes of it so far
  uint64_t trace_size = 0;     // of what goes before it
  HeaderWatch headers;
  std::string text;  // that is composed: the trace, the last reply
};

class TransactionPool {
 public:
  // `envelope_size_max` bytes are what all envelopes may take together, apart from kEnvelopeSizeKept of each.
  explicit TransactionPool(size_t envelope_size_max) : envelopes_(envelope_size_max) {}

  std::unique_ptr<Transaction> Take() { return spares_.Take(); }
  void Give(std::unique_ptr<Transaction> transaction);

  // False when there is no memory for an envelope with `recipient` too.
  bool TryMakeRoom(Transaction& transaction, const Recipient& recipient);

  size_t charged_size() const { return envelopes_.charged_size(); }

 private:
  MemoryBudget envelopes_;
  Spares<Transaction> spares_;
};

}  // namespace postern

#endif  // POSTERN_SMTP_TRANSACTION_H_
