// IncomingMessage is a message on its way from a peer to a writer: its places there, and the handoffs that carry it.
//
// An InboundConnection borrows it from its Inbound when the message is admitted, on that reactor's thread, and gives it
// back when the last of the handoffs is home: a connection without a message has none. The writer has those that are
// away, and sends them back in the order in which they were pushed.

#ifndef POSTERN_GATEWAY_INCOMING_MESSAGE_H_
#define POSTERN_GATEWAY_INCOMING_MESSAGE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/clock.h"
#include "core/handoff.h"
#include "core/limits.h"
#include "core/message.h"
#include "store/store_writer.h"

namespace postern {

// Places in a writer's queue that a message needs: its fragments on their way, and its end.
inline constexpr size_t kPlacesPerMessage = kFragmentsInFlightMax + 1;

struct IncomingMessage {
  void Start(StoreWriter& chosen, MessageId new_id, ReceiptBox& receipts, void* owner) {
    writer = &chosen;
    id = new_id;
    known_to_writer = false;
    home_count = 0;
    for (Handoff& handoff : handoffs) {
      handoff.home = &receipts;
      handoff.owner = owner;
      home[home_count++] = &handoff;
    }
  }

  StoreWriter* writer = nullptr;
  MessageId id;
  bool known_to_writer = false;
  std::array<Handoff, kPlacesPerMessage> handoffs;
  std::array<Handoff*, kPlacesPerMessage> home = {};  // those that are not away
  size_t home_count = 0;

  // Once it is whole.
  uint64_t size = 0;
  uint32_t recipient_count = 0;
  MonotonicTime committed_at;
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_INCOMING_MESSAGE_H_
