// ScriptedServer is a mail server on a real socket that answers as a test tells it.
//
// A test owns it; each connection is served on a thread of its own, which ends with the connection. It hears lines, the
// bodies of DATA line by line, and the chunks of BDAT as they are.

#ifndef POSTERN_TESTS_RELAY_SCRIPTED_SERVER_POSIX_H_
#define POSTERN_TESTS_RELAY_SCRIPTED_SERVER_POSIX_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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

namespace postern {

class ScriptedServer {
 public:
  // What to reply to a line, "" of which is the new connection: "" for nothing, "!" to hang up. A body is answered at
  // its ".", a chunk at its "BDAT".
  using Answer = std::function<std::string(std::string_view line, int connection)>;

  // On a port of the system's choice, unless the test needs the same one at several addresses.
  explicit ScriptedServer(Answer answer, const char* address = "127.0.0.1", uint16_t wanted_port = 0)
      : answer_(std::move(answer)), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in name = {};
    name.sin_family = AF_INET;
    name.sin_port = htons(wanted_port);
    CHECK_EQ(inet_pton(AF_INET, address, &name.sin_addr), 1);
    socklen_t size = sizeof name;
    PCHECK(bind(listener_, reinterpret_cast<sockaddr*>(&name), size) == 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&name), &size);
    port = ntohs(name.sin_port);
    Listen();
  }
  // On a UNIX socket.
  ScriptedServer(Answer answer, const std::string& path)
      : answer_(std::move(answer)), listener_(socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un name = {};
    name.sun_family = AF_UNIX;
    CHECK_LT(path.size(), sizeof name.sun_path);
    path.copy(name.sun_path, path.size());
    PCHECK(bind(listener_, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0) << path;
    Listen();
  }
  ~ScriptedServer() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
    close(listener_);
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
  void Listen() {
    PCHECK(listen(listener_, 16) == 0);
    acceptor_ = std::thread([this] {
      for (int fd; (fd = accept(listener_, nullptr, nullptr)) >= 0;) {
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // of a UNIX socket it is none, and no harm
        const int number = connection_count++;
        threads_.emplace_back([this, fd, number] {
          if (Say(fd, answer_("", number))) Serve(fd, number);
          close(fd);
        });
      }
    });
  }

  void Serve(int fd, int number) {
    std::string input;
    bool body = false;
    size_t chunk_size = 0;
    std::string chunk_line;
    char bytes[4096];
    for (;;) {
      const ssize_t size = recv(fd, bytes, sizeof bytes, 0);
      if (size <= 0) return;
      input.append(bytes, static_cast<size_t>(size));
      for (;;) {
        if (!chunk_line.empty()) {
          if (input.size() < chunk_size) break;
          Hear(input.substr(0, chunk_size));
          input.erase(0, chunk_size);
          if (!Say(fd, answer_(std::exchange(chunk_line, ""), number))) return;
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
          if (!Say(fd, reply)) return;
        }
      }
    }
  }

  void Hear(std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    heard_ += bytes;
  }

  // False when it is to hang up.
  static bool Say(int fd, const std::string& reply) {
    if (reply == "!") return false;
    const std::string bytes = reply.empty() ? "" : reply + "\r\n";
    send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return true;
  }

  const Answer answer_;
  const int listener_;
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

#endif  // POSTERN_TESTS_RELAY_SCRIPTED_SERVER_POSIX_H_
