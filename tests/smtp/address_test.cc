#include "smtp/address.h"

#include <ostream>
#include <string>
#include <string_view>

#include "core/limits.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

using enum AddressError;
using namespace std::string_literals;

AddressError Forward(std::string_view text) { return ParseForwardPath(text).error; }

// The mailbox of a path that is good and takes the whole of `text`.
std::string Mailbox(std::string_view text) {
  const ParsedPath parsed = ParseForwardPath(text);
  EXPECT_EQ(parsed.error, kNone) << text;
  EXPECT_EQ(parsed.size, text.size()) << text;
  const Path& path = parsed.path;
  const std::string domain = path.domain.empty() ? "" : "@" + std::string(path.domain);
  EXPECT_EQ(path.mailbox, std::string(path.local_part) + domain);
  return std::string(path.mailbox);
}

TEST(Address, IsALocalPartAndADomain) {
  const ParsedPath parsed = ParseForwardPath("<first.last@mail.example> NOTIFY=NEVER");
  EXPECT_EQ(parsed.error, kNone);
  EXPECT_EQ(parsed.path.mailbox, "first.last@mail.example");
  EXPECT_EQ(parsed.path.local_part, "first.last");
  EXPECT_EQ(parsed.path.domain, "mail.example");
  EXPECT_FALSE(parsed.path.eight_bit);
  EXPECT_EQ(parsed.size, std::string_view("<first.last@mail.example>").size());
}

TEST(Address, TakesWhatRfc5321Allows) {
  for (const char* text :
       {"a@b", "!#$%&'*+-/=?^_`{|}~@b", "a%b.example@c", "host!user@c", "a@xn--bcher-kva.example",
        "a@under_score.example", "a@1.2.3.4", "postmaster@b", "a@[127.0.0.1]", "a@[IPv6:::1]",
        "a@[ipv6:2001:DB8:0:1:2:3:4:5]", "a@[IPv6:::ffff:192.0.2.1]", "a@[IPv6:1:2:3:4:5:6:192.0.2.1]", "a@[IPv6:1::]",
        "a@[IPv6:::]", "a@[IPv6:1:2:3::4:5:6:7]", "\"\"@b"}) {
    EXPECT_EQ(Mailbox("<" + std::string(text) + ">"), text);
  }
}

TEST(Address, MayHaveAQuotedLocalPart) {
  for (const char* text : {R"("a b"@c)", R"("a@b>c"@d)", R"("a\"b\\"@c)", R"(".."@c)", R"("../../x"@c)"}) {
    EXPECT_EQ(Mailbox("<" + std::string(text) + ">"), text);
  }
  for (const std::string& text : {R"(<"a@b>)"s, R"(<"a"b@c>)"s, R"(<"a"."b"@c>)"s, "<\"a\0b\"@c>"s, "<\"\\\x01\"@c>"s,
                                  "<\"a\tb\"@c>"s, R"(<"a\>)"s}) {
    EXPECT_EQ(Forward(text), kLocalPart) << text;
  }
}

TEST(Address, ASourceRouteIsTakenOff) {
  EXPECT_EQ(Mailbox("<@one.example,@two.example:routed@here.example>"), "routed@here.example");
  EXPECT_EQ(Mailbox("<@one:Postmaster>"), "Postmaster");
  for (const char* text :
       {"<@>", "<@one>", "<@:a@b>", "<@one,two:a@b>", "<@one,:a@b>", "<@one..x:a@b>", "<@one a@b>"}) {
    EXPECT_EQ(Forward(text), kSourceRoute) << text;
  }
  EXPECT_EQ(Forward("<@one:@two:a@b>"), kLocalPart);
}

TEST(Address, TheNullSenderIsNoRecipient) {
  const ParsedPath parsed = ParseReversePath("<> SIZE=1");
  EXPECT_EQ(parsed.error, kNone);
  EXPECT_EQ(parsed.size, 2u);
  EXPECT_EQ(parsed.path.mailbox, "");
  EXPECT_EQ(Forward("<>"), kLocalPart);
}

TEST(Address, OnlyPostmasterStandsAloneAndOnlyAsARecipient) {
  EXPECT_EQ(Mailbox("<postmaster>"), "postmaster");
  EXPECT_EQ(Mailbox("<PostMaster>"), "PostMaster");
  EXPECT_EQ(ParseReversePath("<postmaster>").error, kDomainMissing);
  for (const char* text : {"<a>", "<a@>", "<postmaster@>", "<\"postmaster\">"})
    EXPECT_EQ(Forward(text), kDomainMissing) << text;
}

TEST(Address, SaysWhatIsWrong) {
  for (const char* text : {"", "a@b", " <a@b>", "<a@b", "<a", "<a@b c"}) EXPECT_EQ(Forward(text), kNotAPath) << text;
  for (const char* text :
       {"< >", "<a b@c>", "<.a@b>", "<a.@b>", "<a..b@c>", "<a,b@c>", "<a(b)@c>", "<<a@b>>", "<a\x7f@b>"}) {
    EXPECT_EQ(Forward(text), kLocalPart) << text;
  }
  EXPECT_EQ(Forward("<a\0@b>"s), kLocalPart);
  for (const char* text :
       {"<a@b..c>", "<a@.b>", "<a@b.>", "<a@-b>", "<a@b-.c>", "<a@b c>", "<a@b@c>", "<a@b%c>", "<a@@>"}) {
    EXPECT_EQ(Forward(text), kDomain) << text;
  }
  EXPECT_EQ(Forward("<a@b\0c>"s), kDomain);
  for (const char* text :
       {"<a@[]>", "<a@[1.2.3]>", "<a@[1.2.3.4.5]>", "<a@[256.0.0.1]>", "<a@[0001.0.0.1]>", "<a@[1.2.3.4>",
        "<a@[1.2.3.4].x>", "<a@[::1]>", "<a@[IPv6:]>", "<a@[IPv6:1]>", "<a@[IPv6:1:2:3:4:5:6:7:8:9]>",
        "<a@[IPv6:1::2::3]>", "<a@[IPv6::::]>", "<a@[IPv6:1:]>", "<a@[IPv6:12345::]>", "<a@[IPv6:1.2.3.4]>",
        "<a@[IPv6:1:2:3:4::5:6:7:8]>", "<a@[IPv6:g::]>", "<a@[tag:x]>"}) {
    EXPECT_EQ(Forward(text), kLiteral) << text;
  }
}

TEST(Address, HasTheLimitsOfTheProtocol) {
  const std::string local(kLocalPartSizeMax, 'a');
  EXPECT_EQ(Forward("<" + local + "@b>"), kNone);
  EXPECT_EQ(Forward("<a" + local + "@b>"), kLocalPartTooLong);
  EXPECT_EQ(Forward("<" + std::string(246, 'a') + "@here.example>"), kLocalPartTooLong);
  const std::string label(63, 'b');
  EXPECT_EQ(Forward("<a@" + label + ">"), kNone);
  EXPECT_EQ(Forward("<a@b" + label + ">"), kDomainTooLong);
  const std::string domain = label + "." + label + "." + label + ".";  // 192 bytes
  EXPECT_EQ(Forward("<a@" + domain + std::string(60, 'c') + ">"), kNone) << "256 bytes with the brackets";
  EXPECT_EQ(Forward("<aa@" + domain + std::string(60, 'c') + ">"), kPathTooLong);
  EXPECT_EQ(Forward("<a@" + domain + label + ">"), kPathTooLong);
  EXPECT_EQ(Forward("<a@" + domain + label + ".d>"), kDomainTooLong);
  EXPECT_EQ(Forward("<@" + domain + "one:a@" + domain + std::string(60, 'c') + ">"), kNone) << "a route is not counted";
}

TEST(Address, MayBeUtf8) {
  const ParsedPath parsed = ParseForwardPath("<j\xC3\xBCrgen@b\xC3\xBC\x63her.example>");
  EXPECT_EQ(parsed.error, kNone);
  EXPECT_TRUE(parsed.path.eight_bit);
  EXPECT_EQ(Mailbox("<\"\xE2\x82\xAC \xF0\x9F\x93\xAC\"@b>"), "\"\xE2\x82\xAC \xF0\x9F\x93\xAC\"@b");
  EXPECT_EQ(Forward("<\xFC@b>"), kUtf8);
  EXPECT_EQ(Forward("<a@\xFC>"), kUtf8);
  EXPECT_EQ(Forward("<@\xFC:a@b>"), kUtf8);
}

TEST(Address, AMailboxIsSplitAtItsLastAt) {
  EXPECT_EQ(DomainOf("\"a@b\"@c"), "c");
  EXPECT_EQ(LocalPartOf("\"a@b\"@c"), "\"a@b\"");
  EXPECT_EQ(DomainOf("postmaster"), "");
  EXPECT_EQ(LocalPartOf("postmaster"), "postmaster");
}

}  // namespace
}  // namespace postern
