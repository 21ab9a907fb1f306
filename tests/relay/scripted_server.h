// ScriptedServer is a mail server on a real socket that answers as a test tells it.
//
// A test owns it; each connection is served on a thread of its own, which ends with the connection. It hears lines, the
// bodies of DATA line by line, and the chunks of BDAT as they are.

#ifndef POSTERN_TESTS_RELAY_SCRIPTED_SERVER_H_
#define POSTERN_TESTS_RELAY_SCRIPTED_SERVER_H_

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/log/check.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/net/plain_sockets.h"

namespace postern {

class ScriptedServer {
 public:
  // What to reply to a line, "" of which is the new connection: "" for nothing, "!" to hang up. A body is answered at
  // its ".", a chunk at its "BDAT".
  using Answer = std::function<std::string(std::string_view line, int connection)>;

  // On a port of the system's choice, unless the test needs the same one at several addresses; or on a UNIX socket.
  explicit ScriptedServer(Answer answer, const SocketAddress& address = *SocketAddress::Parse("127.0.0.1:0"))
      : answer_(std::move(answer)), listening_(OpenPlain(PlainKind::kStream, address)) {
    CHECK(listening_.valid()) << address.ToString() << " is not free";
    port = PlainAddress(listening_).port;
    acceptor_ = std::thread([this] { Accept(); });
  }
  ~ScriptedServer() {
    stop_ = true;
    acceptor_.join();
    ClosePlain(listening_);
    for (std::thread& thread : threads_) thread.join();
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  uint16_t port = 0;
  std::atomic<int> connection_count{0};
  std::string heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }
  // How often `text` was heard.
  int Count(std::string_view text) {
    const std::string all = heard();
    int count = 0;
    for (size_t at = all.find(text); at != std::string::npos; at = all.find(text, at + 1)) ++count;
    return count;
  }

 private:
  static constexpr int kLookAgainMs = 20;  // whether to stop

  void Accept() {
    while (!stop_) {
      if (!AwaitPlain(listening_, {}, kLookAgainMs).first) continue;
      const Socket socket = AcceptPlain(listening_);
      if (!socket.valid()) continue;
      const int number = connection_count++;
      threads_.emplace_back([this, socket, number] {
        if (Say(socket, answer_("", number))) Serve(socket, number);
        ClosePlain(socket);
      });
    }
  }

  void Serve(Socket socket, int number) {
    std::string input;
    bool body = false;
    size_t chunk_size = 0;
    std::string chunk_line;
    for (;;) {
      const std::string bytes = RecvPlain(socket, 4096);
      if (bytes.empty()) return;
      input += bytes;
      for (;;) {
        if (!chunk_line.empty()) {
          if (input.size() < chunk_size) break;
          Hear(input.substr(0, chunk_size));
          input.erase(0, chunk_size);
          if (!Say(socket, answer_(std::exchange(chunk_line, ""), number))) return;
          continue;
        }
        const size_t end = input.find("\r\n");
        if (end == std::string::npos) break;
        const std::string line = input.substr(0, end);
        input.erase(0, end + 2);
        Hear(absl::StrCat(line, "\n"));
        if (absl::StartsWith(line, "BDAT ")) {
          chunk_line = line;
          chunk_size = static_cast<size_t>(std::atoi(line.c_str() + 5));
        } else if (!body || line == ".") {
          const std::string reply = answer_(line, number);
          body = absl::StartsWith(reply, "354");
          if (!Say(socket, reply)) return;
        }
      }
    }
  }

  void Hear(std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    heard_ += bytes;
  }

  // False when it is to hang up.
  static bool Say(Socket socket, const std::string& reply) {
    if (reply == "!") return false;
    if (!reply.empty()) SendPlain(socket, reply + "\r\n");
    return true;
  }

  const Answer answer_;
  const Socket listening_;
  std::atomic<bool> stop_{false};
  std::thread acceptor_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::string heard_;
};

// A server that takes everything.
inline std::string Polite(std::string_view line) {
  if (line.empty()) return "220 hello";
  if (absl::StartsWith(line, "EHLO") || absl::StartsWith(line, "LHLO")) return "250-hello\r\n250 PIPELINING";
  if (line == "DATA") return "354 go";
  if (line == "QUIT") return "221 bye";
  return "250 ok";
}

}  // namespace postern

#endif  // POSTERN_TESTS_RELAY_SCRIPTED_SERVER_H_
