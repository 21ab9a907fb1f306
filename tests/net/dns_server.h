// DnsServer is a name server on a loopback port, over UDP and TCP, that answers as a test says.
//
// A test owns it; it has a thread of its own, on which it asks `answer` what to send. That may be one thing, several,
// or nothing. It notes what it was asked.

#ifndef POSTERN_TESTS_NET_DNS_SERVER_H_
#define POSTERN_TESTS_NET_DNS_SERVER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "net/address.h"
#include "net/dns_message.h"
#include "net/op.h"
#include "tests/net/dns_bytes.h"

namespace postern {

struct DnsQuery {
  uint16_t id = 0;
  std::string name;
  DnsRecordType type = DnsRecordType::kA;
  bool edns = false;
  bool tcp = false;

  // The begin of an answer to it.
  DnsBytes Reply(uint16_t flags = DnsBytes::kResponse) const {
    DnsBytes reply(flags, id);
    reply.Question(name, type);
    return reply;
  }
};

class DnsServer {
 public:
  using Answer = std::function<std::vector<std::string>(const DnsQuery&)>;

  explicit DnsServer(Answer answer);
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  const SocketAddress& address() const { return address_; }
  std::vector<DnsQuery> queries() const;  // so far, in their order
  size_t query_count() const { return queries().size(); }

 private:
  void Run();
  void ServeDatagram();
  void ServeConnection();
  std::vector<std::string> AnswersTo(std::string_view bytes, bool tcp);

  const Answer answer_;
  Socket datagrams_;
  Socket listening_;
  std::vector<Socket> silent_;  // connections that wait for an answer
  SocketAddress address_;
  mutable std::mutex mutex_;
  std::vector<DnsQuery> queries_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

// A loopback address at which nobody answers, and a datagram is refused.
SocketAddress DeadDnsServer();

}  // namespace postern

#endif  // POSTERN_TESTS_NET_DNS_SERVER_H_
