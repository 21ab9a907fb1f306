#include "tests/net/dns_server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/net/plain_sockets.h"

namespace postern {
namespace {

constexpr int kLookAgainMs = 20;  // whether to stop

uint16_t ShortAt(std::string_view bytes, size_t position) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[position]) << 8 | static_cast<uint8_t>(bytes[position + 1]));
}

SocketAddress Loopback(uint16_t port) { return *SocketAddress::Parse(absl::StrCat("127.0.0.1:", port)); }

// So many bytes of a stream; fewer at its end.
std::string ReadExactly(Socket socket, size_t size) {
  std::string bytes;
  while (bytes.size() < size) {
    const std::string piece = RecvPlain(socket, size - bytes.size());
    if (piece.empty()) break;
    bytes += piece;
  }
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
  while (!listening_.valid()) {  // until one port is free for both
    if (datagrams_.valid()) ClosePlain(datagrams_);
    datagrams_ = OpenPlain(PlainKind::kDatagram, Loopback(0));
    address_ = PlainAddress(datagrams_);
    listening_ = OpenPlain(PlainKind::kStream, address_);
  }
  thread_ = std::thread([this] { Run(); });
}

DnsServer::~DnsServer() {
  stop_ = true;
  thread_.join();
  for (const Socket socket : silent_) ClosePlain(socket);
  ClosePlain(datagrams_);
  ClosePlain(listening_);
}

std::vector<DnsQuery> DnsServer::queries() const {
  const std::lock_guard lock(mutex_);
  return queries_;
}

void DnsServer::Run() {
  while (!stop_) {
    const PlainReadiness ready = AwaitPlain(datagrams_, listening_, kLookAgainMs);
    if (ready.first) ServeDatagram();
    if (ready.second) ServeConnection();
  }
}

void DnsServer::ServeDatagram() {
  SocketAddress from;
  const std::string query = RecvPlainFrom(datagrams_, 4096, from);
  if (query.empty()) return;
  for (const std::string& answer : AnswersTo(query, /*tcp=*/false)) SendPlainTo(datagrams_, answer, from);
}

// One question. Without an answer the connection stays open, until we end.
void DnsServer::ServeConnection() {
  const Socket socket = AcceptPlain(listening_);
  if (!socket.valid()) return;
  const std::string size = ReadExactly(socket, 2);
  const std::vector<std::string> answers =
      size.size() == 2 ? AnswersTo(ReadExactly(socket, ShortAt(size, 0)), /*tcp=*/true) : std::vector<std::string>();
  for (const std::string& answer : answers) {
    SendPlain(socket, ShortBytes(static_cast<uint16_t>(answer.size())) + answer);
  }
  if (answers.empty()) {
    silent_.push_back(socket);
  } else {
    ClosePlain(socket);
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
  const Socket socket = OpenPlain(PlainKind::kDatagram, Loopback(0));
  const SocketAddress address = PlainAddress(socket);
  ClosePlain(socket);
  return address;
}

}  // namespace postern
