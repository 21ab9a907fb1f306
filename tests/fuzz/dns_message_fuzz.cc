// Whatever a name server sends: names are names that can be shown, a trail ends within its bounds, and what it tells
// keeps to what net/dns_trail.h says.
//
// The first byte chooses the type that is asked for, the rest is the answer to "a.example".

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/log/check.h"
#include "absl/strings/ascii.h"
#include "net/dns_message.h"
#include "net/dns_trail.h"

namespace postern {
namespace {

void CheckName(std::string_view name) {
  CHECK_LE(name.size(), 4u * 255u);  // every octet may be written \DDD
  for (const unsigned char c : name) CHECK(absl::ascii_isgraph(c) && !absl::ascii_isupper(c));
}

void CheckRecords(const std::vector<DnsRecord>& records) {
  for (const DnsRecord& record : records) {
    CheckName(record.owner);
    CheckName(record.host);
    CHECK_LE(record.ttl_s, static_cast<uint32_t>(INT32_MAX));
  }
}

void Check(DnsRecordType type, std::string_view answer) {
  if (const std::optional<DnsMessage> message = ParseDnsMessage(answer)) {
    CheckRecords(message->answers);
    CheckRecords(message->authorities);
  }
  DnsTrail trail("a.example", type);
  int count = 0;
  // As if every server gave the same answer.
  while (trail.Read(answer) == DnsTrail::Step::kAskAgain) CHECK_LE(++count, kCnameCountMax);
  const DnsResult& result = trail.result();
  CHECK_EQ(result.status == DnsStatus::kFound, !result.records.empty());
  CHECK_EQ(result.status == DnsStatus::kFound, result.text.empty());
  for (const DnsRecord& record : result.records) CHECK(record.type == type && record.owner == trail.name());
  if (result.status == DnsStatus::kFailed) return;
  CHECK(result.ttl >= kDnsTtlMin);
  CHECK(result.ttl <= (result.status == DnsStatus::kFound ? kDnsTtlMax : kDnsNegativeTtlMax));
}

}  // namespace
}  // namespace postern

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  constexpr postern::DnsRecordType kTypes[] = {postern::DnsRecordType::kMx, postern::DnsRecordType::kA,
                                               postern::DnsRecordType::kAaaa};
  postern::Check(kTypes[data[0] % 3], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
