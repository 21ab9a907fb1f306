#include "smtp/recipient_results.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

namespace postern {

Fate FateOf(uint16_t code) {
  if (code >= 200 && code < 300) return Fate::kDelivered;
  return code >= 500 ? Fate::kRefused : Fate::kDeferred;
}

ServerReply Shorten(const ServerReply& reply) {
  const size_t end = reply.permanent() ? reply.text.size() : reply.text.find('\n');
  std::string text = reply.text.substr(0, std::min(end, kResultTextSizeMax));
  return {.code = reply.code, .enhanced = reply.enhanced, .text = std::move(text)};
}

void RecipientResults::Start(size_t recipient_count, bool peer_reports) {
  peer_reports_ = peer_reports;
  results_.assign(recipient_count, {});
  spoken_.clear();
  accepted_count_ = next_ = 0;
}

void RecipientResults::Refuse(size_t index, ServerReply reply) {
  results_[index] = {.fate = Fate::kRefused, .reply = std::move(reply)};
}

void RecipientResults::HandleRcptReply(size_t order, const ServerReply& reply) {
  RecipientResult& result = results_[spoken_[order]];
  if (result.fate != Fate::kPending) return;  // MAIL was refused, and what is said of its recipients is only an echo
  if (reply.positive()) {
    ++accepted_count_;
    return;
  }
  // RFC 5321 4.5.3.1.10: 452, and 552 as well, may mean one too many. Only behind another it can be read so: then the
  // next transaction, which begins with this one, settles it, and there is no end of transactions to fear.
  const bool too_many = (reply.code == 452 || reply.code == 552) && accepted_count_ > 0;
  Set(result, reply, too_many ? Fate::kNextTransaction : FateOf(reply.code));
}

void RecipientResults::Settle(const ServerReply& reply, Fate fate) {
  for (RecipientResult& result : results_) {
    if (result.fate == Fate::kPending) Set(result, reply, fate);
  }
}

void RecipientResults::SettleAll(const ServerReply& reply, Fate fate) {
  for (RecipientResult& result : results_) {
    if (result.fate == Fate::kPending || result.fate == Fate::kNextTransaction) Set(result, reply, fate);
  }
}

void RecipientResults::SettleNext(const ServerReply& reply) {
  while (next_ < spoken_.size()) {
    RecipientResult& result = results_[spoken_[next_++]];
    if (result.fate == Fate::kPending) return Set(result, reply, FateOf(reply.code));
  }
}

void RecipientResults::DeferPostponed(const ServerReply& reply) {
  for (RecipientResult& result : results_) {
    if (result.fate != Fate::kNextTransaction) continue;
    // Who was refused as one too many keeps that reply: it says more of him than what became of the others.
    Set(result, result.reply.code != 0 ? ServerReply(result.reply) : reply, Fate::kDeferred);
  }
}

void RecipientResults::Set(RecipientResult& result, const ServerReply& reply, Fate fate) {
  result = {.fate = fate, .reply = Shorten(reply), .peer_reports = peer_reports_ && fate == Fate::kDelivered};
}

}  // namespace postern
