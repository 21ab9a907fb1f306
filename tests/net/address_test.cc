#include "net/address.h"

#include <string>

#include "gtest/gtest.h"

namespace postern {
namespace {

TEST(SocketAddress, ReadsWhatPeopleWriteAndWritesItBack) {
  for (const char* text :
       {"127.0.0.1:25", "0.0.0.0:0", "[::1]:2525", "[2001:db8::1]:65535", "unix:/run/postern.sock"}) {
    const auto address = SocketAddress::Parse(text);
    ASSERT_TRUE(address.has_value()) << text;
    EXPECT_EQ(address->ToString(), text);
  }
  EXPECT_EQ(SocketAddress::Parse(":25")->ToString(), "0.0.0.0:25");
}

TEST(SocketAddress, TakesAPortByDefaultOnlyWhenToldTo) {
  EXPECT_FALSE(SocketAddress::Parse("127.0.0.1").has_value());
  EXPECT_EQ(SocketAddress::Parse("127.0.0.1", 25)->ToString(), "127.0.0.1:25");
  EXPECT_EQ(SocketAddress::Parse("::1", 25)->ToString(), "[::1]:25");
  EXPECT_EQ(SocketAddress::Parse("[::1]", 25)->ToString(), "[::1]:25");
  EXPECT_EQ(SocketAddress::Parse("127.0.0.1:26", 25)->port, 26);
}

TEST(SocketAddress, RefusesTheRest) {
  for (const std::string text :
       {"", "25", "localhost:25", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:+25", "127.0.0.1: 25", "127.0.0.1:25a",
        "1.2.3:25", "1.2.3.4.5:25", "[::1:25", "[127.0.0.1]:25", "[::1]25", "::1:25x", "unix:"}) {
    EXPECT_FALSE(SocketAddress::Parse(text).has_value()) << text;
  }
  EXPECT_FALSE(SocketAddress::Parse("unix:" + std::string(108, 'x')).has_value());
  EXPECT_FALSE(SocketAddress::Parse(std::string("127.0.0.1\0.5:25", 15)).has_value());
}

TEST(IpAddress, AnIPv4AddressInIPv6ClothesIsOne) {
  EXPECT_EQ(IpAddress::Parse("::ffff:192.0.2.1"), IpAddress::Parse("192.0.2.1"));
  EXPECT_NE(IpAddress::Parse("::fffe:192.0.2.1"), IpAddress::Parse("192.0.2.1"));
  EXPECT_EQ(IpAddress::Parse("192.0.2.1")->ToString(), "192.0.2.1");
  EXPECT_TRUE(IpAddress::Parse("::")->IsWildcard());
  EXPECT_FALSE(IpAddress::Parse("::1")->IsWildcard());
}

TEST(IpAddress, LoopbackLeadsToThisMachine) {
  for (const char* text : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(IpAddress::Parse(text)->IsLoopback()) << text;
  }
  for (const char* text : {"128.0.0.1", "0.0.0.1", "0.0.0.0", "::", "::2", "7f00::1"}) {
    EXPECT_FALSE(IpAddress::Parse(text)->IsLoopback()) << text;
  }
  EXPECT_FALSE(IpAddress{}.IsLoopback());
}

TEST(IpNetwork, ContainsWhatItsLeadingBitsSay) {
  struct Case {
    const char* network;
    const char* inside;
    const char* outside;
  };
  for (const Case& c :
       {Case{"10.0.0.0/8", "10.255.1.2", "11.0.0.1"}, Case{"192.0.2.128/25", "192.0.2.200", "192.0.2.1"},
        Case{"192.0.2.1", "192.0.2.1", "192.0.2.2"}, Case{"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
        Case{"0.0.0.0/0", "8.8.8.8", "::1"}, Case{"::1/128", "::1", "::2"}}) {
    const auto network = IpNetwork::Parse(c.network);
    ASSERT_TRUE(network.has_value()) << c.network;
    EXPECT_TRUE(network->Contains(*IpAddress::Parse(c.inside))) << c.network;
    EXPECT_FALSE(network->Contains(*IpAddress::Parse(c.outside))) << c.network;
  }
}

TEST(IpNetwork, RefusesWhatIsNone) {
  for (const char* text : {"", "/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "::/129", "10.0.0.0/8/8", "name/8"}) {
    EXPECT_FALSE(IpNetwork::Parse(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace postern
