#include "net/dns_client_ares.h"

#include <algorithm>
#include <climits>
#include <cstring>
#include <deque>
#include <list>
#include <string>
#include <string_view>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "cares/ares.h"
#include "net/ares_sockets.h"
#include "net/dns_message.h"
#include "net/dns_trail.h"
#include "net/socket.h"

namespace postern {
namespace {

// More wait for their turn here: a burst of questions must not look like an attack to the name servers.
constexpr size_t kLookupCountMax = 100;
// What we say that a datagram may have: more is cut into fragments on some ways, and those often get lost.
constexpr int kDatagramSizeMax = 1232;
constexpr int kClassIn = 1;
// Of what needs no name server: a literal address, or the table of hosts, which somebody may edit.
constexpr Duration kHostsTtl = std::chrono::minutes(1);

// IPv6 first, then by turns, so that whoever tries a few has tried both.
std::vector<IpAddress> Alternate(const std::vector<IpAddress>& six, const std::vector<IpAddress>& four) {
  std::vector<IpAddress> all;
  for (size_t i = 0; i < std::max(six.size(), four.size()); ++i) {
    if (i < six.size()) all.push_back(six[i]);
    if (i < four.size()) all.push_back(four[i]);
  }
  if (all.size() > kDnsAddressCountMax) all.resize(kDnsAddressCountMax);
  return all;
}

std::vector<IpAddress> AddressesOf(const DnsResult& result) {
  std::vector<IpAddress> addresses;
  for (const DnsRecord& record : result.records) addresses.push_back(record.address.Unmapped());
  return addresses;
}

void Answer(DnsStatus status, Duration ttl, std::string text, DnsQuestion& question) {
  question.status = status;
  question.ttl = ttl;
  question.text = std::move(text);
}

void AnswerWithAddresses(std::vector<IpAddress> addresses, Duration ttl, DnsQuestion& question) {
  question.addresses = std::move(addresses);
  Answer(DnsStatus::kFound, ttl, "", question);
}

void AnswerWithExchanges(const DnsResult& result, DnsQuestion& question) {
  Answer(result.status, result.ttl, result.text, question);
  for (const DnsRecord& record : result.records) {
    if (question.exchanges.size() == kExchangeCountMax) break;
    question.exchanges.push_back({.preference = record.preference, .host = record.host});
  }
}

// Of the two halves of a question for addresses. One half that is found is enough; without any, a failure leaves open
// what there is.
void AnswerWithBoth(const DnsResult& six, const DnsResult& four, DnsQuestion& question) {
  const auto either = [&](DnsStatus status) { return six.status == status || four.status == status; };
  Duration ttl = std::min(six.ttl, four.ttl);
  if (either(DnsStatus::kFound)) {
    if (either(DnsStatus::kFailed)) ttl = std::max(six.ttl, four.ttl);  // that of the half that has one
    return AnswerWithAddresses(Alternate(AddressesOf(six), AddressesOf(four)), ttl, question);
  }
  if (either(DnsStatus::kFailed)) {
    return Answer(DnsStatus::kFailed, {}, six.status == DnsStatus::kFailed ? six.text : four.text, question);
  }
  if (either(DnsStatus::kNoData)) {
    return Answer(DnsStatus::kNoData, ttl, absl::StrCat(question.name, " has no address"), question);
  }
  Answer(DnsStatus::kNoName, ttl, six.text, question);
}

class AresClient final : public DnsClient {
 public:
  AresClient(const DnsOptions& options, Poller& poller, const Clock& clock) : clock_(clock), sockets_(poller) {
    // Windows needs it; it lasts as long as the program.
    static const int library = ares_library_init(ARES_LIB_INIT_ALL);
    CHECK_EQ(library, ARES_SUCCESS) << ares_strerror(library);
    Open(options);
  }

  // Before it is closed() only together with its poller, and with whoever asked: no `done` is called.
  ~AresClient() override {
    if (channel_ != nullptr) ares_destroy(channel_);
  }

  void Start(DnsQuestion& question) override {
    CHECK(!closing_);
    waiting_.push_back(&question);
  }

  MonotonicTime Turn(MonotonicTime now) override {
    if (closing_) Shut();
    if (channel_ != nullptr) {
      sockets_.Process(channel_);
      if (now >= timeout_) ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    }
    StartWaiting();
    GoOn();
    return NextTurn();
  }

  bool HasWork() const override {
    return news_ || (!waiting_.empty() && lookups_.size() < kLookupCountMax) || sockets_.HasWork() ||
           (closing_ && channel_ != nullptr);
  }

  void Close() override { closing_ = true; }

  bool closed() const override {
    return closing_ && channel_ == nullptr && waiting_.empty() && lookups_.empty() && sockets_.closed();
  }

 private:
  enum class PartState : uint8_t { kToAsk, kAsked, kDone };

  // A name and a type on their way through the servers.
  struct Part {
    AresClient& client;
    DnsTrail trail;
    PartState state = PartState::kToAsk;
  };

  // A question that is under way: for exchanges it has one part, for addresses one of each family, and none when it is
  // answered without being asked.
  struct Lookup {
    DnsQuestion& question;
    std::vector<Part> parts;
  };

  void Open(const DnsOptions& options) {
    ares_options ares{};
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_EDNSPSZ;
    ares.flags = ARES_FLAG_EDNS | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
    const auto timeout = std::chrono::duration_cast<std::chrono::milliseconds>(options.timeout);
    ares.timeout = static_cast<int>(std::clamp<int64_t>(timeout.count(), 1, INT_MAX));
    ares.tries = std::max(options.try_count, 1);
    ares.ednspsz = kDatagramSizeMax;
    char hosts_only[] = "f";  // of ares_getaddrinfo(): the name servers we ask ourselves
    ares.lookups = hosts_only;
    sockets_.AddTo(ares, mask);
    if (const int status = ares_init_options(&channel_, &ares, mask); status != ARES_SUCCESS) {
      channel_ = nullptr;
      closed_text_ = absl::StrCat("the system's list of name servers cannot be read: ", ares_strerror(status));
      return;
    }
    sockets_.Serve(channel_);
    if (!options.servers.empty()) SetServers(options.servers);
    servers_text_ = ServersText();
  }

  void SetServers(const std::vector<SocketAddress>& servers) {
    std::vector<ares_addr_port_node> nodes(servers.size());
    for (size_t i = 0; i < servers.size(); ++i) {
      const SocketAddress& server = servers[i];
      CHECK(server.ip.family != AddressFamily::kNone) << "a name server has an IP address";
      nodes[i].next = i + 1 < nodes.size() ? &nodes[i + 1] : nullptr;
      nodes[i].udp_port = nodes[i].tcp_port = server.port;
      if (server.ip.family == AddressFamily::kIPv4) {
        nodes[i].family = AF_INET;
        std::memcpy(&nodes[i].addr.addr4, server.ip.bytes.data(), sizeof nodes[i].addr.addr4);
      } else {
        nodes[i].family = AF_INET6;
        std::memcpy(&nodes[i].addr.addr6, server.ip.bytes.data(), sizeof nodes[i].addr.addr6);
      }
    }
    const int status = ares_set_servers_ports(channel_, nodes.data());
    CHECK_EQ(status, ARES_SUCCESS) << ares_strerror(status);
  }

  std::string ServersText() const {
    ares_addr_port_node* servers = nullptr;
    if (ares_get_servers_ports(channel_, &servers) != ARES_SUCCESS) return "the name servers";
    std::string text;
    for (const ares_addr_port_node* node = servers; node != nullptr; node = node->next) {
      SocketAddress server;
      server.ip.family = node->family == AF_INET ? AddressFamily::kIPv4 : AddressFamily::kIPv6;
      std::memcpy(server.ip.bytes.data(), &node->addr, node->family == AF_INET ? 4 : 16);
      server.port = static_cast<uint16_t>(node->udp_port == 0 ? 53 : node->udp_port);
      absl::StrAppend(&text, text.empty() ? "" : ", ", server.ToString());
    }
    ares_free_data(servers);
    return text;
  }

  void StartWaiting() {
    while (!waiting_.empty() && lookups_.size() < kLookupCountMax) {
      DnsQuestion& question = *waiting_.front();
      waiting_.pop_front();
      question.exchanges.clear();
      question.addresses.clear();
      Lookup& lookup = lookups_.emplace_back(Lookup{.question = question, .parts = {}});
      news_ = true;
      if (AnswerAtOnce(question)) continue;
      if (question.type == DnsType::kMx) {
        lookup.parts.push_back({*this, DnsTrail(question.name, DnsRecordType::kMx)});
      } else {
        lookup.parts.reserve(2);  // c-ares is told where a part is
        lookup.parts.push_back({*this, DnsTrail(question.name, DnsRecordType::kAaaa)});
        lookup.parts.push_back({*this, DnsTrail(question.name, DnsRecordType::kA)});
      }
    }
  }

  bool AnswerAtOnce(DnsQuestion& question) {
    if (channel_ == nullptr) {
      Answer(DnsStatus::kFailed, {}, closed_text_, question);
      return true;
    }
    if (question.type == DnsType::kAddresses) {
      if (const std::optional<IpAddress> literal = IpAddress::Parse(question.name)) {
        AnswerWithAddresses({*literal}, kHostsTtl, question);
        return true;
      }
    }
    if (!IsDnsName(question.name)) {
      Answer(DnsStatus::kNoName, kDnsNegativeTtlMax, "this is no name that DNS could know", question);
      return true;
    }
    if (question.type != DnsType::kAddresses) return false;
    std::vector<IpAddress> addresses = FindInHosts(question.name);
    if (addresses.empty()) return false;
    AnswerWithAddresses(std::move(addresses), kHostsTtl, question);
    return true;
  }

  // In the machine's table of hosts, which is a small file; it answers before this returns.
  std::vector<IpAddress> FindInHosts(const std::string& name) {
    struct Found {
      std::vector<IpAddress> six;
      std::vector<IpAddress> four;
    } found;
    ares_addrinfo_hints hints{};
    hints.ai_flags = ARES_AI_NOSORT;  // sorting asks the system for its routes
    hints.ai_family = AF_UNSPEC;
    const auto take = [](void* arg, int, int, ares_addrinfo* info) {
      if (info == nullptr) return;
      auto& into = *static_cast<Found*>(arg);
      for (const ares_addrinfo_node* node = info->nodes; node != nullptr; node = node->ai_next) {
        const IpAddress ip = FromSystemAddress(*node->ai_addr).ip.Unmapped();
        (ip.family == AddressFamily::kIPv6 ? into.six : into.four).push_back(ip);
      }
      ares_freeaddrinfo(info);
    };
    ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, take, &found);
    return Alternate(found.six, found.four);
  }

  // Asks what is to be asked, and tells whoever has his answer.
  void GoOn() {
    if (!std::exchange(news_, false)) return;
    std::list<Lookup> done;
    for (auto it = lookups_.begin(); it != lookups_.end();) {
      const auto lookup = it++;
      for (Part& part : lookup->parts) {
        if (part.state == PartState::kToAsk) Ask(part);
      }
      const auto is_done = [](const Part& part) { return part.state == PartState::kDone; };
      if (std::all_of(lookup->parts.begin(), lookup->parts.end(), is_done)) done.splice(done.end(), lookups_, lookup);
    }
    for (Lookup& lookup : done) Finish(lookup);
  }

  void Ask(Part& part) {
    part.state = PartState::kAsked;
    // A CNAME may lead anywhere.
    if (channel_ == nullptr || !IsDnsName(part.trail.name())) {
      part.trail.Fail(channel_ == nullptr ? closed_text_ : "a CNAME to what is no name");
      part.state = PartState::kDone;
      return;
    }
    const auto done = [](void* arg, int status, int, unsigned char* bytes, int size) {
      auto& answered = *static_cast<Part*>(arg);
      const size_t known_size = bytes == nullptr ? 0 : static_cast<size_t>(size);
      answered.client.HandleAnswer(answered, status, {reinterpret_cast<const char*>(bytes), known_size});
    };
    ares_query(channel_, part.trail.name().c_str(), kClassIn, static_cast<int>(part.trail.type()), done, &part);
  }

  void HandleAnswer(Part& part, int status, std::string_view answer) {
    news_ = true;
    part.state = PartState::kDone;
    if (answer.empty()) {
      part.trail.Fail(FailureText(status));
    } else if (part.trail.Read(answer) == DnsTrail::Step::kAskAgain) {
      part.state = PartState::kToAsk;
    } else if (part.trail.result().status == DnsStatus::kFailed) {
      part.trail.Fail(absl::StrCat(part.trail.result().text, FromText()));
    }
  }

  std::string FromText() const {
    return sockets_.answer().has_value() ? absl::StrCat(" from ", sockets_.answer()->server.ToString()) : "";
  }

  // When c-ares has given up. What the last server answered says more than its status does.
  std::string FailureText(int status) const {
    if (closing_) return closed_text_;
    if (const auto& answer = sockets_.answer(); answer.has_value() && answer->rcode.has_value()) {
      return absl::StrCat(ToText(*answer->rcode), FromText());
    }
    if (status == ARES_ETIMEOUT) return absl::StrCat("no answer in time from ", servers_text_);
    if (status == ARES_ECONNREFUSED) return absl::StrCat("no usable answer from ", servers_text_);
    return absl::StrCat(ares_strerror(status), ", asking ", servers_text_);
  }

  static void Finish(Lookup& lookup) {
    DnsQuestion& question = lookup.question;
    if (lookup.parts.size() == 1) AnswerWithExchanges(lookup.parts[0].trail.result(), question);
    if (lookup.parts.size() == 2) {
      AnswerWithBoth(lookup.parts[0].trail.result(), lookup.parts[1].trail.result(), question);
    }
    question.done(question);
  }

  void Shut() {
    if (channel_ == nullptr) return;
    closed_text_ = "the program stops";
    ares_destroy(std::exchange(channel_, nullptr));
  }

  MonotonicTime NextTurn() {
    timeval left{};
    timeout_ = kNever;
    if (channel_ != nullptr && ares_timeout(channel_, nullptr, &left) != nullptr) {
      // It is rounded down, to milliseconds: a moment early would be in vain.
      timeout_ = clock_.Monotonic() + std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec) +
                 std::chrono::milliseconds(1);
    }
    return HasWork() ? clock_.Monotonic() : timeout_;
  }

  const Clock& clock_;
  AresSockets sockets_;
  ares_channel channel_ = nullptr;
  std::string servers_text_;
  std::string closed_text_;  // why there is no channel
  std::deque<DnsQuestion*> waiting_;
  std::list<Lookup> lookups_;  // at most kLookupCountMax
  bool news_ = false;          // a lookup may go on or is done
  bool closing_ = false;
  MonotonicTime timeout_ = kNever;  // of what c-ares waits for
};

}  // namespace

std::unique_ptr<DnsClient> MakeDnsClient(const DnsOptions& options, Poller& poller, const Clock& clock) {
  return std::make_unique<AresClient>(options, poller, clock);
}

}  // namespace postern
