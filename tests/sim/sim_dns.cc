#include "tests/sim/sim_dns.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace postern {

class SimDns::Client final : public DnsClient {
 public:
  explicit Client(SimDns& dns) : dns_(dns) { ++dns_.client_count_; }
  ~Client() override { --dns_.client_count_; }

  void Start(DnsQuestion& question) override {
    CHECK(!closing_) << "asked after Close()";
    away_.push_back({&question, dns_.Ask(question)});
  }

  MonotonicTime Turn(MonotonicTime now) override {
    std::vector<Away> due;
    std::erase_if(away_, [&](const Away& away) {
      if (away.fate.due > now && !closing_) return false;
      due.push_back(away);
      return true;
    });
    std::stable_sort(due.begin(), due.end(), [](const Away& a, const Away& b) { return a.fate.due < b.fate.due; });
    for (const Away& away : due) Finish(*away.question, closing_ ? "the program stops" : away.fate.failure);
    MonotonicTime next = kNever;
    for (const Away& away : away_) next = std::min(next, away.fate.due);
    return next;
  }

  bool HasWork() const override {
    const auto due = [this](const Away& away) { return closing_ || away.fate.due <= dns_.clock_.Monotonic(); };
    return std::any_of(away_.begin(), away_.end(), due);
  }

  void Close() override { closing_ = true; }
  bool closed() const override { return closing_ && away_.empty(); }

 private:
  struct Away {
    DnsQuestion* question;
    Fate fate;
  };

  void Finish(DnsQuestion& question, const std::string& failure) const {
    question.exchanges.clear();
    question.addresses.clear();
    if (failure.empty()) {
      dns_.Answer(question);
    } else {
      question.status = DnsStatus::kFailed;
      question.ttl = {};
      question.text = failure;
    }
    question.done(question);
  }

  SimDns& dns_;
  std::vector<Away> away_;
  bool closing_ = false;
};

SimDns::SimDns(const Clock& clock, uint64_t seed, SimDnsOptions options)
    : clock_(clock), options_(options), random_(seed) {}

SimDns::~SimDns() { CHECK_EQ(client_count_, 0) << "it must outlive its clients"; }

void SimDns::SetExchanges(std::string_view name, std::vector<MailExchange> exchanges, Duration ttl) {
  Entry& entry = entries_[absl::AsciiStrToLower(name)];
  entry.exchanges = std::move(exchanges);
  entry.exchanges_ttl = ttl;
}

void SimDns::SetAddresses(std::string_view name, std::vector<IpAddress> addresses, Duration ttl) {
  Entry& entry = entries_[absl::AsciiStrToLower(name)];
  entry.addresses = std::move(addresses);
  entry.addresses_ttl = ttl;
}

void SimDns::Remove(std::string_view name) { entries_.erase(absl::AsciiStrToLower(name)); }

void SimDns::SetBroken(std::string_view name, bool broken) {
  if (broken) {
    broken_.insert(absl::AsciiStrToLower(name));
  } else {
    broken_.erase(absl::AsciiStrToLower(name));
  }
}

void SimDns::Heal() { options_.failure = options_.silence = 0; }

std::unique_ptr<DnsClient> SimDns::MakeClient() { return std::make_unique<Client>(*this); }

uint64_t SimDns::question_count(std::string_view name) const {
  const auto found = question_counts_.find(absl::AsciiStrToLower(name));
  return found == question_counts_.end() ? 0 : found->second;
}

SimDns::Fate SimDns::Ask(const DnsQuestion& question) {
  const std::string name = absl::AsciiStrToLower(question.name);
  const MonotonicTime now = clock_.Monotonic();
  if (question.type == DnsType::kAddresses && IpAddress::Parse(name).has_value()) return {.due = now, .failure = ""};
  ++question_count_;
  ++question_counts_[name];
  // Every choice is made every time, so that what a scenario changes moves no other choice.
  const bool silent = Chance(options_.silence);
  const bool failing = Chance(options_.failure);
  const Duration delay(std::uniform_int_distribution<int64_t>(0, options_.delay_max.count())(random_));
  if (silent || broken_.count(name) > 0) return {.due = now + options_.timeout, .failure = "no answer in time"};
  return {.due = now + delay, .failure = failing ? "SERVFAIL" : ""};
}

void SimDns::Answer(DnsQuestion& question) const {
  const auto nothing = [&](DnsStatus status, std::string_view text) {
    question.status = status;
    question.ttl = options_.negative_ttl;
    question.text = absl::StrCat(question.name, text);
  };
  question.status = DnsStatus::kFound;
  question.text.clear();
  if (const auto literal = IpAddress::Parse(question.name);
      literal.has_value() && question.type == DnsType::kAddresses) {
    question.addresses = {*literal};
    question.ttl = std::chrono::minutes(1);
    return;
  }
  const auto found = entries_.find(absl::AsciiStrToLower(question.name));
  if (found == entries_.end()) return nothing(DnsStatus::kNoName, " is not there");
  const Entry& entry = found->second;
  if (question.type == DnsType::kMx) {
    if (entry.exchanges.empty()) return nothing(DnsStatus::kNoData, " has no MX");
    question.exchanges = entry.exchanges;
    question.ttl = entry.exchanges_ttl;
  } else {
    if (entry.addresses.empty()) return nothing(DnsStatus::kNoData, " has no address");
    question.addresses = entry.addresses;
    question.ttl = entry.addresses_ttl;
  }
}

}  // namespace postern
