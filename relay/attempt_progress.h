// AttemptProgress takes an attempt through as many transactions as it needs: who is left, and the body once more.
//
// An SmtpLink has one, on the relay's thread. A server takes so many recipients at once and no more, and a host that
// fails before it took the message leaves the whole transaction to another one; so who still has no result, and where
// in the body we are, outlives transactions and connections.

#ifndef POSTERN_RELAY_ATTEMPT_PROGRESS_H_
#define POSTERN_RELAY_ATTEMPT_PROGRESS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/envelope.h"
#include "relay/attempt.h"
#include "smtp/client_conversation.h"

namespace postern {

class AttemptProgress {
 public:
  // `attempt` is lent until Finish(), and has no results yet.
  void Start(Attempt& attempt);
  bool active() const { return attempt_ != nullptr; }
  Attempt& attempt() { return *attempt_; }

  // The next transaction, for all who are left; lent until TakeResults() or the next call.
  OutboundMessage NextTransaction();
  // The next piece of its body, from the start; empty at the end.
  absl::StatusOr<std::string_view> NextPiece();

  // What became of the transaction. Whoever has to wait for the next one is left, and his result pending again, unless
  // nobody got on.
  void TakeResults(std::span<const RecipientResult> results);
  // The same result for all who are left.
  void SettleLeft(const RecipientResult& result);
  bool all_settled() const { return left_count_ == 0; }

  // Gives the attempt back.
  Attempt& Finish();

 private:
  Attempt* attempt_ = nullptr;
  size_t left_count_ = 0;
  // Who is left, when that is not everybody: the places in the attempt's recipients.
  std::vector<uint32_t> left_;
  std::vector<Recipient> left_recipients_;
  bool body_used_ = false;    // a part of it was read
  absl::Status body_status_;  // of going back to its start
};

}  // namespace postern

#endif  // POSTERN_RELAY_ATTEMPT_PROGRESS_H_
