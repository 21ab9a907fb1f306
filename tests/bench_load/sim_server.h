// SimServer is a mail server in a simulated network, which answers as a test tells it and remembers what it got.
//
// A test owns it, on the simulation's one thread; it does what there is to do in Serve(). What it hears while it stalls
// waits until the stall is over.

#ifndef POSTERN_TESTS_BENCH_LOAD_SIM_SERVER_H_
#define POSTERN_TESTS_BENCH_LOAD_SIM_SERVER_H_

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/log/check.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/clock.h"
#include "net/address.h"
#include "tests/sim/sim_network.h"

namespace postern {

class SimServer {
 public:
  struct Connection {
    std::unique_ptr<SimPeer> peer;
    std::string input = {};
    bool in_data = false;
    bool hung_up = false;
    size_t message_count = 0;  // that it has brought
  };
  // Instead of the usual reply to a line, which "" leaves as it is; "!" hangs up. "" as a line is the greeting, "." the
  // end of a message.
  using Answer = std::function<std::string(std::string_view line, Connection& connection)>;

  explicit SimServer(SimNetwork& network)
      : network_(network), listening_(network.ListenOn(*SocketAddress::Parse("127.0.0.1:0"), 100).socket) {}
  ~SimServer() {
    connections_.clear();
    network_.CloseNow(listening_);
  }
  SimServer(const SimServer&) = delete;
  SimServer& operator=(const SimServer&) = delete;

  SocketAddress address() { return network_.LocalAddress(listening_); }

  std::string offers = "250-sim\r\n250-PIPELINING\r\n250 CHUNKING";
  Answer answer = [](std::string_view, Connection&) { return ""; };
  MonotonicTime stall_from = kNever;
  MonotonicTime stall_until = kNever;

  // What it has seen.
  std::vector<std::string> messages;
  std::vector<std::string> recipients;
  size_t connection_count = 0;
  size_t chunk_count = 0;
  size_t data_count = 0;
  size_t quit_count = 0;
  size_t pipelined_count = 0;  // lines that came together with the one before
  size_t open_count() const { return connections_.size(); }

  void Serve(MonotonicTime now) {
    if (now >= stall_from && now < stall_until) return;
    for (std::unique_ptr<SimPeer> peer; (peer = network_.TryAccept(listening_)) != nullptr;) {
      ++connection_count;
      connections_.push_back({.peer = std::move(peer)});
      Reply("", "220 sim", connections_.back());
    }
    for (auto at = connections_.begin(); at != connections_.end();) {
      Connection& connection = *at;
      connection.input += connection.peer->TakeInput();
      for (bool more = false; !connection.hung_up && TakeOne(connection); more = true) pipelined_count += more ? 1 : 0;
      const bool over = connection.hung_up ? connection.peer->all_sent() : connection.peer->ended();
      at = over || connection.peer->broken() ? connections_.erase(at) : std::next(at);
    }
  }

  // Ends one that has said nothing.
  void HangUpOnOne() {
    CHECK(!connections_.empty());
    connections_.front().peer->End();
    connections_.front().hung_up = true;
  }

 private:
  // False when there is not a whole line, message or chunk.
  bool TakeOne(Connection& connection) {
    std::string& input = connection.input;
    if (connection.in_data) {
      const size_t end = input.find("\r\n.\r\n");
      if (end == std::string::npos) return false;
      connection.in_data = false;
      TakeMessage(input.substr(0, end + 2), connection);
      input.erase(0, end + 5);
      return true;
    }
    const size_t end = input.find("\r\n");
    if (end == std::string::npos) return false;
    const std::string line = input.substr(0, end);
    if (absl::StartsWith(line, "BDAT ")) return TakeChunk(line, connection);
    input.erase(0, end + 2);
    HandleLine(line, connection);
    return true;
  }

  bool TakeChunk(const std::string& line, Connection& connection) {
    const std::vector<std::string_view> words = absl::StrSplit(line, ' ');
    size_t size = 0;
    CHECK(absl::SimpleAtoi(words[1], &size));
    if (connection.input.size() < line.size() + 2 + size) return false;
    ++chunk_count;
    chunks_ += connection.input.substr(line.size() + 2, size);
    connection.input.erase(0, line.size() + 2 + size);
    if (words.size() == 3) {
      TakeMessage(std::exchange(chunks_, {}), connection);
    } else {
      Reply(line, "250 chunk", connection);
    }
    return true;
  }

  void TakeMessage(std::string message, Connection& connection) {
    messages.push_back(std::move(message));
    ++connection.message_count;
    Reply(".", "250 2.0.0 taken", connection);
  }

  void HandleLine(const std::string& line, Connection& connection) {
    if (absl::StartsWith(line, "EHLO ")) {
      Reply(line, offers, connection);
    } else if (line == "DATA") {
      ++data_count;
      connection.in_data = true;
      Reply(line, "354 go", connection);
    } else if (line == "QUIT") {
      ++quit_count;
      Reply(line, "221 bye", connection);
      connection.peer->End();
      connection.hung_up = true;
    } else {
      if (absl::StartsWith(line, "RCPT TO:<")) recipients.push_back(line.substr(9, line.find('>') - 9));
      Reply(line, "250 ok", connection);
    }
  }

  void Reply(std::string_view line, std::string_view usual, Connection& connection) {
    const std::string other = answer(line, connection);
    if (other == "!") {
      connection.peer->End();
      connection.hung_up = true;
      return;
    }
    if (!other.empty() && other[0] != '3') connection.in_data = false;
    connection.peer->Send(absl::StrCat(other.empty() ? usual : other, "\r\n"));
  }

  SimNetwork& network_;
  const Socket listening_;
  std::list<Connection> connections_;
  std::string chunks_;  // one connection at a time brings a message of several
};

}  // namespace postern

#endif  // POSTERN_TESTS_BENCH_LOAD_SIM_SERVER_H_
