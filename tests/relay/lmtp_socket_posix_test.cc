#include <unistd.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/relay/courier_fixture.h"

namespace postern {
namespace {

using Server = ScriptedServer;

TEST_F(CourierTest, LmtpOverAUnixSocketHasAResultForEachRecipient) {
  const std::string path = absl::StrCat("/tmp/postern_courier_lmtp.", getpid());
  unlink(path.c_str());
  Server server(
      [](std::string_view line, int) {
        if (absl::StartsWith(line, "RCPT TO:<r1@")) return std::string("550 5.1.1 unknown");
        return line == "." ? std::string("250 2.0.0 kept\r\n452 4.2.2 full") : Polite(line);
      },
      SocketAddress::Unix(path));
  Open();
  Route& route = routes_.emplace_back();
  route.kind = RouteKind::kLmtp;
  route.unix_socket = path;
  for (int i = 0; i < 2; ++i) {
    const Attempt& attempt = SendAndSettle(route, {.recipient_count = 3});
    EXPECT_EQ(FateOf(attempt, 0), Fate::kDelivered);
    EXPECT_EQ(FateOf(attempt, 1), Fate::kRefused);
    EXPECT_EQ(FateOf(attempt, 2), Fate::kDeferred);
    EXPECT_EQ(attempt.results[2].reply.enhanced, "4.2.2");
    EXPECT_EQ(attempt.host, absl::StrCat("unix:", path));
    EXPECT_EQ(attempt.remote, "") << "nobody elsewhere knows our file system";
  }
  RunUntilClosed();
  EXPECT_EQ(server.connection_count, 1);
  EXPECT_TRUE(absl::StartsWith(server.heard(), "LHLO us.example\n"));
  unlink(path.c_str());
}

TEST_F(CourierTest, LmtpWithoutItsServerIsUnreachable) {
  Open();
  Route& route = routes_.emplace_back();
  route.kind = RouteKind::kLmtp;
  route.unix_socket = absl::StrCat("/tmp/postern_courier_nobody.", getpid());
  EXPECT_EQ(FateOf(Send(route)), Fate::kDeferred);
  EXPECT_EQ(ends_[0], AttemptEnd::kUnreachable);
  route.unix_socket = "/" + std::string(200, 'x');  // longer than the name of a socket can be
  EXPECT_EQ(FateOf(Send(route)), Fate::kDeferred);
  EXPECT_EQ(ends_[1], AttemptEnd::kUnreachable);
}

}  // namespace
}  // namespace postern
