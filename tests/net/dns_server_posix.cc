#include "tests/net/dns_server_posix.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"

namespace postern {
namespace {

constexpr int kLookAgainMs = 20;  // whether to stop

uint16_t ShortAt(std::string_view bytes, size_t position) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[position]) << 8 | static_cast<uint8_t>(bytes[position + 1]));
}

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A socket on the loopback port, 0 for any; -1 when somebody has it.
int BindTo(int type, uint16_t& port) {
  const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
  PCHECK(fd >= 0);
  sockaddr_in address = Loopback(port);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) {
    ::close(fd);
    return -1;
  }
  PCHECK(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port = ntohs(address.sin_port);
  return fd;
}

// So many bytes of a stream; fewer at its end.
std::string ReadExactly(int fd, size_t size) {
  std::string bytes(size, '\0');
  size_t count = 0;
  while (count < size) {
    const ssize_t got = recv(fd, bytes.data() + count, size - count, 0);
    if (got <= 0) break;
    count += static_cast<size_t>(got);
  }
  bytes.resize(count);
  return bytes;
}

DnsQuery Parse(std::string_view bytes, bool tcp) {
  DnsQuery query;
  query.id = ShortAt(bytes, 0);
  query.edns = ShortAt(bytes, 10) == 1;  // the one additional record
  query.tcp = tcp;
  size_t at = 12;
  for (; bytes[at] != 0; at += static_cast<uint8_t>(bytes[at]) + 1) {
    absl::StrAppend(&query.name, query.name.empty() ? "" : ".", bytes.substr(at + 1, static_cast<uint8_t>(bytes[at])));
  }
  query.type = static_cast<DnsRecordType>(ShortAt(bytes, at + 1));
  return query;
}

}  // namespace

DnsServer::DnsServer(Answer answer) : answer_(std::move(answer)) {
  uint16_t port = 0;
  while (listening_ < 0) {  // until one port is free for both
    if (datagrams_ >= 0) ::close(datagrams_);
    port = 0;
    datagrams_ = BindTo(SOCK_DGRAM, port);
    listening_ = BindTo(SOCK_STREAM, port);
  }
  PCHECK(listen(listening_, 16) == 0);
  address_ = *SocketAddress::Parse(absl::StrCat("127.0.0.1:", port));
  thread_ = std::thread([this] { Run(); });
}

DnsServer::~DnsServer() {
  stop_ = true;
  thread_.join();
  for (const int fd : silent_) ::close(fd);
  ::close(datagrams_);
  ::close(listening_);
}

std::vector<DnsQuery> DnsServer::queries() const {
  const std::lock_guard lock(mutex_);
  return queries_;
}

void DnsServer::Run() {
  while (!stop_) {
    pollfd waiting[] = {{.fd = datagrams_, .events = POLLIN, .revents = 0},
                        {.fd = listening_, .events = POLLIN, .revents = 0}};
    if (poll(waiting, 2, kLookAgainMs) <= 0) continue;
    if (waiting[0].revents != 0) ServeDatagram();
    if (waiting[1].revents != 0) ServeConnection();
  }
}

void DnsServer::ServeDatagram() {
  std::string bytes(4096, '\0');
  sockaddr_in from{};
  socklen_t size = sizeof from;
  const ssize_t count = recvfrom(datagrams_, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
  if (count <= 0) return;
  for (const std::string& answer :
       AnswersTo(std::string_view(bytes).substr(0, static_cast<size_t>(count)), /*tcp=*/false)) {
    sendto(datagrams_, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
  }
}

// One question. Without an answer the connection stays open, until we end.
void DnsServer::ServeConnection() {
  const int fd = accept(listening_, nullptr, nullptr);
  if (fd < 0) return;
  const std::string size = ReadExactly(fd, 2);
  const std::vector<std::string> answers =
      size.size() == 2 ? AnswersTo(ReadExactly(fd, ShortAt(size, 0)), /*tcp=*/true) : std::vector<std::string>();
  for (const std::string& answer : answers) {
    const std::string bytes = ShortBytes(static_cast<uint16_t>(answer.size())) + answer;
    send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  if (answers.empty()) {
    silent_.push_back(fd);
  } else {
    ::close(fd);
  }
}

std::vector<std::string> DnsServer::AnswersTo(std::string_view bytes, bool tcp) {
  DnsQuery query = Parse(bytes, tcp);
  {
    const std::lock_guard lock(mutex_);
    queries_.push_back(query);
  }
  return answer_(query);
}

SocketAddress DeadDnsServer() {
  uint16_t port = 0;
  const int fd = BindTo(SOCK_DGRAM, port);
  ::close(fd);
  return *SocketAddress::Parse(absl::StrCat("127.0.0.1:", port));
}

}  // namespace postern
