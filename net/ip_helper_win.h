// <iphlpapi.h>, whole: it leaves out half of itself unless <winsock2.h> came first, and includes are sorted by name.
//
// Nobody owns anything here; whoever asks Windows about its addresses and sockets includes it instead.

#ifndef POSTERN_NET_IP_HELPER_WIN_H_
#define POSTERN_NET_IP_HELPER_WIN_H_

// clang-format off
#include <winsock2.h>
#include <iphlpapi.h>
// clang-format on

#endif  // POSTERN_NET_IP_HELPER_WIN_H_
