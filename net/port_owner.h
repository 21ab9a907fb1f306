// FindPortHolders tells which programs keep us from listening on an address, as far as we are allowed to see them.
//
// A plain function, called on the main thread while nothing is served, or by a command. It reads the system's tables
// and takes a few milliseconds; what it returns was true when it looked.

#ifndef POSTERN_NET_PORT_OWNER_H_
#define POSTERN_NET_PORT_OWNER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"
#include "net/op.h"

namespace postern {

struct PortHolder {
  SocketAddress address;  // what it holds: wider or narrower than what we asked for
  bool listening = true;  // false: an old connection or a socket on its way
  std::string user = {};  // known even when the process is not
  int64_t pid = 0;        // 0: not found, and `missing` says why
  std::string missing = {};
  std::string program = {};
  std::string command_line = {};
  std::string unit = {};       // systemd's, or the Windows service, when it is one
  std::string container = {};  // its id or name, when it is in one
  std::string stop_command = {};
};

// Nearest first; empty when nobody's socket is in the way of `address`. The program that answers for a socket which a
// whole family of processes has is the eldest of them.
std::vector<PortHolder> FindPortHolders(const SocketAddress& address);

// What to think and try when an address was refused with `error` and nobody is seen to hold it; empty for no idea.
std::string_view WhyNoHolderIsSeen(NetError error);

}  // namespace postern

#endif  // POSTERN_NET_PORT_OWNER_H_
