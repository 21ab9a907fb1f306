// SmtpCourier carries attempts to other servers over SMTP and LMTP, on connections that are kept from one message to
// the next.
//
// The gateway owns it; the relay gives it attempts, and both take their turns on the relay's reactor, whose poller it
// uses. How many attempts run at once is the scheduler's business: the courier has a link for each, gives a new one to
// an idle link of the same destination, and looks only at links that something happened to.

#ifndef POSTERN_RELAY_SMTP_COURIER_H_
#define POSTERN_RELAY_SMTP_COURIER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "net/dns_client.h"
#include "relay/courier.h"
#include "relay/dns_cache.h"
#include "relay/host_book.h"
#include "relay/smtp_link.h"
#include "relay/way_finder.h"

namespace postern {

class SmtpCourier final : public Courier, private LinkOwner {
 public:
  // `dns` is closed by its owner, when the courier is closed(); it gets its turns in ours.
  SmtpCourier(CourierOptions options, Poller& poller, DnsClient& dns, DeliveryListener& listener, const Clock& clock);

  void Start(Attempt& attempt, AttemptListener& listener) override;
  void StopKeeping() override;
  void Abort() override;

  // Minds deadlines, answers of name servers and new attempts; when it wants to be called again at the latest, kNever
  // for not at all.
  MonotonicTime Turn();
  // Turn() has something to do now.
  bool HasWork() const { return !ready_.empty() || names_.HasWork(); }

  // No connection stands. After Abort(), or StopKeeping() and the end of all attempts, this comes true.
  bool closed() const { return connection_count() == 0; }
  // Links in use: connections that stand, or are being made or closed.
  size_t connection_count() const { return links_.size() - free_.size(); }

 private:
  void HandleReady(SmtpLink& link) override { ready_.push_back(&link); }
  void HandleIdle(SmtpLink& link) override;
  void HandleLeftIdle(SmtpLink& link) override;
  void HandleFree(SmtpLink& link) override { free_.push_back(&link); }
  SmtpLink& LinkFor(const Attempt& attempt);

  const CourierOptions options_;
  const Clock& clock_;
  DnsCache names_;
  WayFinder finder_;
  HostBook hosts_;
  Timers timers_;
  LinkContext context_;
  std::vector<std::unique_ptr<SmtpLink>> links_;                // as many as ever were needed at once
  std::vector<SmtpLink*> free_;                                 // the one that was used last, last
  absl::flat_hash_map<uint32_t, std::vector<SmtpLink*>> idle_;  // by destination; a host knows its own
  std::vector<SmtpLink*> ready_;                                // perhaps in vain
  std::vector<SmtpLink*> turning_;  // those of this turn; who gets ready meanwhile waits for the next one
};

}  // namespace postern

#endif  // POSTERN_RELAY_SMTP_COURIER_H_
