#include "gateway/route_text.h"

#include <chrono>

#include "gtest/gtest.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

TEST(RouteTextTest, EveryWayIsNamedAsTheConfigurationNamesIt) {
  EXPECT_EQ(WayText({.kind = RouteKind::kMx}), "mx");
  EXPECT_EQ(WayText({.kind = RouteKind::kMx, .port = 2525}), "mx, port 2525");
  EXPECT_EQ(WayText({.kind = RouteKind::kNextHop, .next_hops = {{"a.example", 25}, {"::1", 26}}}),
            "next_hop a.example:25, [::1]:26");
  EXPECT_EQ(WayText({.kind = RouteKind::kLmtp, .next_hops = {{"a.example", 24}}}), "lmtp a.example:24");
  EXPECT_EQ(WayText({.kind = RouteKind::kLmtp, .unix_socket = "/run/lmtp"}), "lmtp unix:/run/lmtp");
  EXPECT_EQ(WayText({.kind = RouteKind::kMaildir, .maildir = "/m/{local}"}), "maildir /m/{local}");
  EXPECT_EQ(WayText({.kind = RouteKind::kReject, .reject_text = "moved"}), "reject: moved");
  EXPECT_EQ(WayText({.kind = RouteKind::kDiscard}), "discard");
}

TEST(RouteTextTest, Limits) {
  EXPECT_EQ(LimitsText({.kind = RouteKind::kMx}),
            "10 connections to a host, 8 messages each; 100 recipients in a transaction; no limit of size");
  EXPECT_EQ(LimitsText({.kind = RouteKind::kLmtp,
                        .connection_count_max = 1,
                        .messages_per_connection_max = 0,
                        .recipients_per_transaction_max = 1,
                        .message_size_max = 10 << 20}),
            "1 connection to a host, any number of messages each; 1 recipient in a transaction; 10MiB a message");
  EXPECT_EQ(LimitsText({.kind = RouteKind::kMaildir}), "no limit of size");
}

TEST(RouteTextTest, Schedules) {
  EXPECT_EQ(ScheduleText({}),
            "after 15m, 30m, 1h, then every 4h; given up after 2d (urgent 1d, non-urgent 3d); no delay notice");
  EXPECT_EQ(ScheduleText({.intervals = {minutes(5)}, .by_priority = false, .delay_notice = hours(4)}),
            "every 5m; given up after 2d; the sender is told of a delay after 4h");
}

}  // namespace
}  // namespace postern
