// ScriptedDns is a DnsClient that knows what a test tells it, and answers in Turn(), as many questions as the test
// likes.
//
// A test owns it, and everything is on its thread. A name that it was not told of does not exist.

#ifndef POSTERN_TESTS_RELAY_SCRIPTED_DNS_H_
#define POSTERN_TESTS_RELAY_SCRIPTED_DNS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "net/dns_client.h"

namespace postern {

class ScriptedDns final : public DnsClient {
 public:
  struct Answer {
    DnsStatus status = DnsStatus::kFound;
    std::vector<MailExchange> exchanges{};
    std::vector<IpAddress> addresses{};
    Duration ttl = std::chrono::minutes(5);
  };

  void SetMx(const std::string& name, std::vector<MailExchange> exchanges) {
    answers_[{DnsType::kMx, name}] = {.exchanges = std::move(exchanges)};
  }
  void SetAddresses(const std::string& name, std::initializer_list<const char*> addresses) {
    Answer& answer = answers_[{DnsType::kAddresses, name}] = {};
    for (const char* const text : addresses) answer.addresses.push_back(*IpAddress::Parse(text));
  }
  void Set(const std::string& name, DnsType type, DnsStatus status) { answers_[{type, name}] = {.status = status}; }
  void SetTtl(const std::string& name, DnsType type, Duration ttl) { answers_[{type, name}].ttl = ttl; }

  void Start(DnsQuestion& question) override {
    asked.push_back(absl::StrCat(question.type == DnsType::kMx ? "mx " : "a ", question.name));
    waiting_.push_back(&question);
  }
  MonotonicTime Turn(MonotonicTime) override {
    std::vector<DnsQuestion*> now = std::exchange(waiting_, {});
    for (size_t i = 0; i < now.size(); ++i) {
      if (i < answers_per_turn) {
        Tell(*now[i]);
      } else {
        waiting_.push_back(now[i]);
      }
    }
    return kNever;
  }
  bool HasWork() const override { return answers_per_turn > 0 && !waiting_.empty(); }
  void Close() override { answers_per_turn = SIZE_MAX; }
  bool closed() const override { return waiting_.empty(); }

  size_t answers_per_turn = SIZE_MAX;  // those that were asked first; 0 keeps all waiting
  std::vector<std::string> asked;      // "mx example.org", "a mail.example.org"

 private:
  void Tell(DnsQuestion& question) {
    const auto known = answers_.find({question.type, question.name});
    const Answer answer = known == answers_.end() ? Answer{.status = DnsStatus::kNoName} : known->second;
    question.status = answer.status;
    question.exchanges = answer.exchanges;
    question.addresses = answer.addresses;
    question.ttl = answer.ttl;
    if (answer.status == DnsStatus::kNoName) question.text = "NXDOMAIN";
    if (answer.status == DnsStatus::kFailed) question.text = "SERVFAIL from 192.0.2.53:53";
    question.done(question);
  }

  std::map<std::pair<DnsType, std::string>, Answer> answers_;
  std::vector<DnsQuestion*> waiting_;
};

}  // namespace postern

#endif  // POSTERN_TESTS_RELAY_SCRIPTED_DNS_H_
