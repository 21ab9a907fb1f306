#include "net/dns_trail.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace postern {
namespace {

const DnsRecord* FindType(const std::vector<DnsRecord>& records, DnsRecordType type) {
  const auto found =
      std::find_if(records.begin(), records.end(), [type](const DnsRecord& r) { return r.type == type; });
  return found == records.end() ? nullptr : &*found;
}

}  // namespace

DnsTrail::DnsTrail(std::string_view name, DnsRecordType type) : type_(type), name_(absl::AsciiStrToLower(name)) {}

DnsTrail::Step DnsTrail::Read(std::string_view answer) {
  const std::optional<DnsMessage> message = ParseDnsMessage(answer);
  if (!message.has_value()) {
    Fail("an answer that cannot be read");
    return Step::kDone;
  }
  if (message->rcode != DnsRcode::kNoError && message->rcode != DnsRcode::kNoName) {
    Fail(ToText(message->rcode));
    return Step::kDone;
  }
  const int count_before = cname_count_;
  if (!Follow(message->answers)) {
    Fail(absl::StrCat("more than ", kCnameCountMax, " CNAMEs, or a circle of them, at ", name_));
    return Step::kDone;
  }
  if (!result_.records.empty()) {
    result_.status = DnsStatus::kFound;
    result_.ttl = std::max(ttl_, kDnsTtlMin);
    return Step::kDone;
  }
  return ReadNothing(*message, /*moved=*/cname_count_ > count_before);
}

bool DnsTrail::Follow(const std::vector<DnsRecord>& answers) {
  for (;;) {
    const DnsRecord* cname = nullptr;
    for (const DnsRecord& record : answers) {
      if (record.owner != name_) continue;
      if (record.type == DnsRecordType::kCname) cname = &record;
      if (record.type != type_) continue;
      ttl_ = std::min<Duration>(ttl_, std::chrono::seconds(record.ttl_s));
      result_.records.push_back(record);
    }
    if (!result_.records.empty() || cname == nullptr) return true;
    if (++cname_count_ > kCnameCountMax) return false;
    ttl_ = std::min<Duration>(ttl_, std::chrono::seconds(cname->ttl_s));
    name_ = cname->host;
  }
}

DnsTrail::Step DnsTrail::ReadNothing(const DnsMessage& message, bool moved) {
  // NXDOMAIN is said of the chain's end (RFC 6604 3).
  if (message.rcode == DnsRcode::kNoName) {
    EndWithout(DnsStatus::kNoName, absl::StrCat("there is no ", name_), message);
    return Step::kDone;
  }
  const bool denied = FindType(message.authorities, DnsRecordType::kSoa) != nullptr;
  if (moved && !denied) return Step::kAskAgain;
  // RFC 2308 2.2: who names others to ask, and no SOA, has not said that there is none.
  if (!denied && !message.authoritative && FindType(message.authorities, DnsRecordType::kNs) != nullptr) {
    Fail("only a referral to other servers");
    return Step::kDone;
  }
  EndWithout(DnsStatus::kNoData, absl::StrCat(name_, " has no ", ToText(type_)), message);
  return Step::kDone;
}

void DnsTrail::EndWithout(DnsStatus status, std::string text, const DnsMessage& message) {
  Duration ttl = kDnsNegativeTtlDefault;
  if (const DnsRecord* soa = FindType(message.authorities, DnsRecordType::kSoa); soa != nullptr) {
    ttl = std::chrono::seconds(std::min(soa->ttl_s, soa->minimum_s));  // RFC 2308 5
  }
  ttl = std::clamp(std::min(ttl, ttl_), kDnsTtlMin, kDnsNegativeTtlMax);
  result_ = {.status = status, .records = {}, .ttl = ttl, .text = std::move(text)};
}

}  // namespace postern
