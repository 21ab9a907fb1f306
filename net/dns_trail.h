// DnsTrail follows one name through the answers about it: along its CNAMEs, to its records or to where there are none.
//
// Whoever asks the name servers owns it, on one thread; it asks nobody itself. Answers go in, and it tells whether
// another has to be asked for and whose.
//
//   ask for (name(), type()) -> Read() -> kAskAgain: the chain leaves that answer; name() is its end now
//                                      -> kDone: result()

#ifndef POSTERN_NET_DNS_TRAIL_H_
#define POSTERN_NET_DNS_TRAIL_H_

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "net/dns_client.h"
#include "net/dns_message.h"

namespace postern {

struct DnsResult {
  DnsStatus status = DnsStatus::kFailed;
  std::vector<DnsRecord> records{};  // kFound: all of the type that was asked for
  Duration ttl{};                    // the least on the way; within the bounds below
  std::string text{};                // for people, when it is not kFound: "SERVFAIL", without whose it is
};

// However odd a server's numbers are: nobody is asked again at once, and no mistake lasts for ever.
inline constexpr Duration kDnsTtlMin = std::chrono::seconds(1);
inline constexpr Duration kDnsTtlMax = std::chrono::hours(24);
inline constexpr Duration kDnsNegativeTtlMax = std::chrono::hours(1);
inline constexpr Duration kDnsNegativeTtlDefault = std::chrono::seconds(60);  // when the answer names none: no SOA

class DnsTrail {
 public:
  enum class Step : uint8_t { kDone, kAskAgain };

  // `name` as in a DnsQuestion.
  DnsTrail(std::string_view name, DnsRecordType type);

  const std::string& name() const { return name_; }
  DnsRecordType type() const { return type_; }

  // `answer` is a name server's to the question for name() and type().
  Step Read(std::string_view answer);
  // There will be no answer, because of `text`.
  void Fail(std::string text) { result_ = {.status = DnsStatus::kFailed, .text = std::move(text)}; }

  const DnsResult& result() const { return result_; }

 private:
  // Goes on along the CNAMEs of `answers`, and takes the records at their end. False when they are too many.
  bool Follow(const std::vector<DnsRecord>& answers);
  Step ReadNothing(const DnsMessage& message, bool moved);
  void EndWithout(DnsStatus status, std::string text, const DnsMessage& message);

  const DnsRecordType type_;
  std::string name_;
  int cname_count_ = 0;
  Duration ttl_ = kDnsTtlMax;
  DnsResult result_;
};

}  // namespace postern

#endif  // POSTERN_NET_DNS_TRAIL_H_
