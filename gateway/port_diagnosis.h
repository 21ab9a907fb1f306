// PortDiagnosis is why an address cannot be listened on, told to people: who holds it, and the command that frees it.
//
// A plain value, made on the main thread by `postern serve` before it gives up or waits, and by `postern doctor`. To
// make one takes some milliseconds, and up to kGreetingWaitMax more while a silent holder is listened to.

#ifndef POSTERN_GATEWAY_PORT_DIAGNOSIS_H_
#define POSTERN_GATEWAY_PORT_DIAGNOSIS_H_

#include <chrono>
#include <string>
#include <vector>

#include "core/clock.h"
#include "net/address.h"
#include "net/port_owner.h"
#include "net/socket.h"

namespace postern {

inline constexpr Duration kGreetingWaitMax = std::chrono::milliseconds(300);

struct PortDiagnosis {
  SocketAddress address;                 // what was asked for
  NetError error = NetError::kNone;      // kAddressInUse: held; kNone: free; else why we may not have it
  std::string what = {};                 // which call failed, and the system's words
  std::vector<PortHolder> holders = {};  // nearest first, as far as they can be found
  std::string greeting = {};             // what the first of them says

  bool free() const { return error == NetError::kNone; }
  // Several lines, the first of which names the address; each ends in a newline.
  std::string ToString() const;
};

// Why `refused` came of a ListenOn(address). A holder is listened to until `greeting_deadline`, which several diagnoses
// in a row share.
PortDiagnosis DiagnosePort(const SocketAddress& address, const SocketResult& refused, MonotonicTime greeting_deadline);
// The same, and whether it is free, found out by listening there for a moment.
PortDiagnosis ExaminePort(Sockets& sockets, const SocketAddress& address);

}  // namespace postern

#endif  // POSTERN_GATEWAY_PORT_DIAGNOSIS_H_
