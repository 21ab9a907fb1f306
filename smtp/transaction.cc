#include "smtp/transaction.h"

#include <utility>

#include "core/limits.h"

namespace postern {

void Transaction::Start(const EnvelopeHead& head, uint64_t size, std::string_view hostname) {
  sender = head.sender;
  envelope.Start(head);
  excess_count = 0;
  flags = head.flags;
  declared_size = size;
  body_size = 0;
  trace_size = 0;
  headers.Start(hostname);
}

void TransactionPool::Give(std::unique_ptr<Transaction> transaction) {
  transaction->envelope.Clear();
  envelopes_.GiveBack(std::exchange(transaction->charged_size, 0));
  spares_.Give(std::move(transaction));
}

bool TransactionPool::TryMakeRoom(Transaction& transaction, const Recipient& recipient) {
  const size_t size = transaction.envelope.MemorySizeWith(recipient);
  const size_t size_had = kEnvelopeSizeKept + transaction.charged_size;
  if (size <= size_had) return true;
  if (!envelopes_.TryCharge(size - size_had)) return false;
  transaction.charged_size += size - size_had;
  return true;
}

}  // namespace postern
