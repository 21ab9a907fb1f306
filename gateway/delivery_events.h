// DeliveryEvents writes what happens on the road out into the event log: a line for each recipient of each attempt.
//
// The gateway owns it; the relay and its links call it on the relay's thread.

#ifndef POSTERN_GATEWAY_DELIVERY_EVENTS_H_
#define POSTERN_GATEWAY_DELIVERY_EVENTS_H_

#include "gateway/events.h"
#include "relay/delivery_listener.h"

namespace postern {

class DeliveryEvents final : public DeliveryListener {
 public:
  explicit DeliveryEvents(EventLog& events) : events_(events) {}
  void HandleDelivery(const DeliveryEvent& event) override;

 private:
  void TellRecipient(Event number, std::string_view state, const DeliveryEvent& event);
  void TellReport(const DeliveryEvent& event);
  void TellTrouble(Event number, const DeliveryEvent& event);
  void TellHost(Event number, const DeliveryEvent& event);

  EventLog& events_;
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_DELIVERY_EVENTS_H_
