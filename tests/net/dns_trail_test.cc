// What answers say of a name: found, none, moved, or nothing that helps; and for how long.

#include "net/dns_trail.h"

#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/net/dns_bytes.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using Step = DnsTrail::Step;

constexpr DnsRecordType kMx = DnsRecordType::kMx;
constexpr DnsRecordType kCname = DnsRecordType::kCname;
constexpr DnsRecordType kSoa = DnsRecordType::kSoa;

TEST(DnsTrail, RecordsOfTheNameAreFoundAndTheLeastTtlCounts) {
  DnsTrail trail("A.example", kMx);
  EXPECT_EQ(trail.Read(DnsBytes()
                           .Answer("a.example", kMx, 300, MxBytes(10, "one"))
                           .Answer("other.example", kMx, 5, MxBytes(10, "not ours"))
                           .Answer("A.EXAMPLE", kMx, 200, MxBytes(20, "two"))
                           .str()),
            Step::kDone);
  EXPECT_EQ(trail.result().status, DnsStatus::kFound);
  ASSERT_EQ(trail.result().records.size(), 2u);
  EXPECT_EQ(trail.result().records[1].host, "two");
  EXPECT_EQ(trail.result().ttl, seconds(200));
}

TEST(DnsTrail, CnamesAreFollowedInsideTheAnswerInAnyOrder) {
  DnsTrail trail("a.example", kMx);
  EXPECT_EQ(trail.Read(DnsBytes()
                           .Answer("c.example", kMx, 300, MxBytes(10, "mx"))
                           .Answer("b.example", kCname, 250, NameBytes("c.example"))
                           .Answer("a.example", kCname, 30, NameBytes("b.example"))
                           .str()),
            Step::kDone);
  EXPECT_EQ(trail.result().status, DnsStatus::kFound);
  EXPECT_EQ(trail.result().ttl, seconds(30)) << "the chain's TTL counts too";
}

TEST(DnsTrail, AChainThatLeavesTheAnswerIsAskedForAgain) {
  DnsTrail trail("a.example", kMx);
  EXPECT_EQ(trail.Read(DnsBytes().Answer("a.example", kCname, 30, NameBytes("b.test")).str()), Step::kAskAgain);
  EXPECT_EQ(trail.name(), "b.test");
  EXPECT_EQ(trail.Read(DnsBytes().Answer("b.test", kMx, 300, MxBytes(10, "mx")).str()), Step::kDone);
  EXPECT_EQ(trail.result().status, DnsStatus::kFound);
  EXPECT_EQ(trail.result().ttl, seconds(30));
}

TEST(DnsTrail, AChainHasAnEnd) {
  for (const int count : {kCnameCountMax, kCnameCountMax + 1}) {
    DnsTrail trail("n0", kMx);
    Step step = Step::kAskAgain;
    for (int i = 0; i < count && step == Step::kAskAgain; ++i) {
      step = trail.Read(DnsBytes().Answer(absl::StrCat("n", i), kCname, 30, NameBytes(absl::StrCat("n", i + 1))).str());
    }
    EXPECT_EQ(step, count == kCnameCountMax ? Step::kAskAgain : Step::kDone);
    EXPECT_EQ(trail.result().text.empty(), count == kCnameCountMax);
  }
}

TEST(DnsTrail, ACircleOfCnamesFails) {
  DnsTrail trail("a.example", kMx);
  EXPECT_EQ(trail.Read(DnsBytes()
                           .Answer("a.example", kCname, 30, NameBytes("b.example"))
                           .Answer("b.example", kCname, 30, NameBytes("a.example"))
                           .str()),
            Step::kDone);
  EXPECT_EQ(trail.result().status, DnsStatus::kFailed);
  EXPECT_NE(trail.result().text.find("circle"), std::string::npos) << trail.result().text;
}

TEST(DnsTrail, NoNameIsSaidOfTheChainsEnd) {
  DnsTrail trail("a.example", kMx);
  EXPECT_EQ(trail.Read(DnsBytes()
                           .Rcode(DnsRcode::kNoName)
                           .Answer("a.example", kCname, 500, NameBytes("b.example"))
                           .Authority("example", kSoa, 900, SoaBytes(120))
                           .str()),
            Step::kDone);
  EXPECT_EQ(trail.result().status, DnsStatus::kNoName);
  EXPECT_EQ(trail.result().ttl, seconds(120)) << "the SOA's minimum";
  EXPECT_EQ(trail.result().text, "there is no b.example");
}

TEST(DnsTrail, NoDataHasTheLesserOfTheSoasTtlAndMinimum) {
  DnsTrail trail("a.example", kMx);
  EXPECT_EQ(trail.Read(DnsBytes()
                           .Answer("a.example", kCname, 500, NameBytes("b.example"))
                           .Authority("example", kSoa, 90, SoaBytes(120))
                           .str()),
            Step::kDone)
      << "the SOA says that the chain's end has none";
  EXPECT_EQ(trail.result().status, DnsStatus::kNoData);
  EXPECT_EQ(trail.result().ttl, seconds(90));
  EXPECT_EQ(trail.result().text, "b.example has no MX");
}

TEST(DnsTrail, NothingAtAllIsNoDataForAMinute) {
  DnsTrail trail("a.example", kMx);
  EXPECT_EQ(trail.Read(DnsBytes().str()), Step::kDone);
  EXPECT_EQ(trail.result().status, DnsStatus::kNoData);
  EXPECT_EQ(trail.result().ttl, seconds(60));
}

TEST(DnsTrail, TtlsAreKeptWithinBounds) {
  const auto found = [](uint32_t ttl_s) {
    DnsTrail trail("a", kMx);
    trail.Read(DnsBytes().Answer("a", kMx, ttl_s, MxBytes(1, "b")).str());
    return trail.result().ttl;
  };
  EXPECT_EQ(found(0), seconds(1));
  EXPECT_EQ(found(1'000'000), hours(24));
  const auto denied = [](uint32_t ttl_s) {
    DnsTrail trail("a", kMx);
    trail.Read(DnsBytes().Authority("a", kSoa, ttl_s, SoaBytes(ttl_s)).str());
    return trail.result().ttl;
  };
  EXPECT_EQ(denied(0), seconds(1));
  EXPECT_EQ(denied(1'000'000), hours(1));
}

TEST(DnsTrail, AReferralSaysNothingButAnAuthorityDoes) {
  const auto read = [](uint16_t flags) {
    DnsTrail trail("a.example", kMx);
    trail.Read(DnsBytes(flags).Authority("example", DnsRecordType::kNs, 900, NameBytes("ns.example")).str());
    return trail.result().status;
  };
  EXPECT_EQ(read(DnsBytes::kResponse), DnsStatus::kFailed);
  EXPECT_EQ(read(DnsBytes::kResponse | DnsBytes::kAuthoritative), DnsStatus::kNoData);
}

TEST(DnsTrail, ARefusalIsToldByItsName) {
  for (const auto& [rcode, text] : {std::pair(DnsRcode::kServerFailure, "SERVFAIL"),
                                    {DnsRcode::kRefused, "REFUSED"},
                                    {DnsRcode::kFormatError, "FORMERR"}}) {
    DnsTrail trail("a.example", kMx);
    EXPECT_EQ(trail.Read(DnsBytes().Rcode(rcode).Answer("a.example", kMx, 1, MxBytes(1, "b")).str()), Step::kDone);
    EXPECT_EQ(trail.result().status, DnsStatus::kFailed);
    EXPECT_EQ(trail.result().text, text);
  }
  DnsTrail trail("a.example", kMx);
  EXPECT_EQ(trail.Read("nonsense"), Step::kDone);
  EXPECT_EQ(trail.result().status, DnsStatus::kFailed);
}

}  // namespace
}  // namespace postern
