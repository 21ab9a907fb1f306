// What Linux alone has a word for, or can see: a right to low ports, and whose a socket is.

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/port_diagnosis.h"
#include "gtest/gtest.h"
#include "net/host.h"
#include "tests/gateway/line_server.h"

namespace postern {
namespace {

SocketAddress At(std::string_view text) { return *SocketAddress::Parse(text); }

void ExpectIn(std::string_view part, const std::string& text) {
  EXPECT_TRUE(absl::StrContains(text, part)) << part << " is missing in:\n" << text;
}

TEST(PortDiagnosis, SaysWhichRightIsMissing) {
  PortDiagnosis diagnosis{
      .address = At("0.0.0.0:25"), .error = NetError::kNoPermission, .what = "bind: Permission denied"};
  ExpectIn("bind: Permission denied", diagnosis.ToString());
  ExpectIn("CAP_NET_BIND_SERVICE", diagnosis.ToString());
  diagnosis = {.address = At("0.0.0.0:25"),
               .error = NetError::kAddressInUse,
               .holders = {{.address = At("0.0.0.0:25"), .user = "mail", .missing = "needs CAP_SYS_PTRACE"}}};
  ExpectIn("needs CAP_SYS_PTRACE", diagnosis.ToString());
  ExpectIn("mail", diagnosis.ToString());
}

// This process holds the port, and greets on a thread of its own; but of itself a program does not ask.
TEST(PortDiagnosis, FindsAHolderOnThisMachine) {
  LineServer server({"220 squatter.example ESMTP Squatter\r\n"});
  SocketAddress wildcard = server.address();
  wildcard.ip = At("0.0.0.0:25").ip;
  for (const SocketAddress& address : {server.address(), wildcard}) {
    const PortDiagnosis diagnosis = ExaminePort(SystemSockets(), address);
    EXPECT_EQ(diagnosis.error, NetError::kAddressInUse);
    ASSERT_EQ(diagnosis.holders.size(), 1u);
    EXPECT_EQ(diagnosis.holders[0].address, server.address());
    const std::string text = diagnosis.ToString();
    ExpectIn(address.ToString(), text);
    ExpectIn(absl::StrCat("kill ", ProcessId()), text);
    ExpectIn("this very process", text);
  }
}

}  // namespace
}  // namespace postern
