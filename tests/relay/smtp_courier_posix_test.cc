// The courier on a real reactor and real loopback sockets, against a server that follows a script.

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/log/check.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "net/reactor.h"
#include "relay/smtp_courier.h"

namespace postern {
namespace {

// One connection after the other, each on a thread; `answer` says what to reply to a line ("" for nothing, "!" to hang
// up).
class Server {
 public:
  using Answer = std::function<std::string(std::string_view line, int connection)>;
  explicit Server(Answer answer) : answer_(std::move(answer)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    PCHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    listen(listener_, 16);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { AcceptAll(); });
  }
  ~Server() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
    close(listener_);
  }

  uint16_t port = 0;
  std::atomic<int> connection_count{0};
  std::string heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

 private:
  void AcceptAll() {
    for (;;) {
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      const int number = connection_count++;
      threads_.emplace_back([this, fd, number] { Serve(fd, number); });
    }
  }
  void Serve(int fd, int number) {
    std::string input;
    bool body = false;
    if (!Say(fd, answer_("", number))) return;
    char bytes[4096];
    for (;;) {
      const ssize_t size = recv(fd, bytes, sizeof bytes, 0);
      if (size <= 0) break;
      input.append(bytes, static_cast<size_t>(size));
      size_t end;
      while ((end = input.find("\r\n")) != std::string::npos) {
        const std::string line = input.substr(0, end);
        input.erase(0, end + 2);
        {
          const std::lock_guard lock(mutex_);
          absl::StrAppend(&heard_, line, "\n");
        }
        if (body && line != ".") continue;
        const std::string reply = answer_(line, number);
        body = absl::StartsWith(reply, "354");
        if (!Say(fd, reply)) return;
      }
    }
    close(fd);
  }
  static bool Say(int fd, const std::string& reply) {
    if (reply == "!") {
      close(fd);
      return false;
    }
    const std::string bytes = reply.empty() ? "" : reply + "\r\n";
    send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return true;
  }

  const Answer answer_;
  int listener_;
  std::thread acceptor_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::string heard_;
};

std::string Polite(std::string_view line) {
  if (line.empty()) return "220 hello";
  if (absl::StartsWith(line, "EHLO")) return "250-hello\r\n250 PIPELINING";
  if (line == "DATA") return "354 go";
  if (line == "QUIT") return "221 bye";
  return "250 ok";
}

class TextBody final : public MessageBody {
 public:
  explicit TextBody(size_t piece_count) : rest_(piece_count) {}
  absl::StatusOr<std::string_view> Next() override {
    if (rest_ == 0) return std::string_view();
    --rest_;
    return std::string_view("hello world\r\n.\r\n");
  }

 private:
  size_t rest_;
};

class NoResolver final : public Resolver {
 public:
  bool TryStart(Question& question) override {
    if (question.host == "silent") question.begun = true;
    if (question.host == "silent" || question.host == "behind") return true;  // never answered
    question.addresses.clear();
    question.error = question.host == "good" ? "" : "no such host";
    if (question.host == "good") question.addresses = {"127.0.0.1"};
    asked_.push_back(&question);
    return true;
  }
  Question* TryTakeDone() override {
    if (asked_.empty()) return nullptr;
    Question* question = asked_.back();
    asked_.pop_back();
    return question;
  }
  bool HasDone() const override { return !asked_.empty(); }

 private:
  std::vector<Question*> asked_;
};

class CourierTest : public testing::Test, public AttemptListener, public DeliveryListener {
 protected:
  CourierTest() : poller_(MakeSystemPoller()), reactor_(*poller_, clock_) { options_.client.hostname = "us.example"; }

  void Open() { courier_ = std::make_unique<SmtpCourier>(options_, *poller_, resolver_, *this, clock_); }
  const Route& To(std::vector<HostPort> hosts) {
    Route& route = routes_.emplace_back();
    route.kind = RouteKind::kNextHop;
    route.next_hops = std::move(hosts);
    return route;
  }
  HostPort At(const Server& server) { return {"127.0.0.1", server.port}; }
  void Give(const Route& route, size_t piece_count = 1) {
    auto attempt = std::make_unique<Attempt>();
    attempt->message = {++last_id_ << 8};
    attempt->envelope.sender = "a@sender.example";
    attempt->recipients = {Recipient{.address = "b@there.example"}};
    attempt->indices = {0};
    attempt->attempt_counts = {0};
    attempt->stored.body_size = piece_count * 16;
    attempt->stored.body = std::make_unique<TextBody>(piece_count);
    courier_->Start(*attempt, route, *this);
    attempts_.push_back(std::move(attempt));
  }
  void HandleAttemptDone(Attempt& attempt, Scheduler::Finish finish) override {
    finished_.push_back({&attempt, finish});
  }
  void HandleDelivery(const DeliveryEvent& event) override { events_.push_back(event.kind); }
  void RunUntil(const std::function<bool()>& done) {
    const MonotonicTime end = clock_.Monotonic() + std::chrono::seconds(10);
    while (!done() && clock_.Monotonic() < end) {
      courier_->Turn();
      reactor_.Turn(std::chrono::milliseconds(5));
    }
    ASSERT_TRUE(done());
  }
  void RunUntilFinished(size_t count) {
    RunUntil([this, count] { return finished_.size() >= count; });
  }
  void RunUntilClosed() {
    courier_->StopKeeping();
    RunUntil([this] { return courier_->closed(); });
  }
  Fate fate(size_t i) { return finished_[i].attempt->results[0].fate; }

  struct Finished {
    Attempt* attempt;
    Scheduler::Finish finish;
  };
  SystemClock clock_;
  std::unique_ptr<Poller> poller_;
  Reactor reactor_;
  NoResolver resolver_;
  CourierOptions options_;
  std::unique_ptr<SmtpCourier> courier_;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  std::vector<Finished> finished_;
  std::vector<DeliveryEventKind> events_;
  std::deque<Route> routes_;
  uint64_t last_id_ = 0;
};

TEST_F(CourierTest, KeepsAConnectionForEightMessages) {
  Server server([](std::string_view line, int) { return Polite(line); });
  Open();
  const Route& route = To({At(server)});
  for (size_t i = 1; i <= 9; ++i) {
    Give(route);
    RunUntilFinished(i);
    EXPECT_EQ(fate(i - 1), Fate::kDelivered);
    EXPECT_EQ(finished_.back().finish, Scheduler::Finish::kAnswered);
    for (int turn = 0; turn < 3; ++turn) {
      courier_->Turn();
      reactor_.Turn(std::chrono::milliseconds(5));
    }
  }
  EXPECT_EQ(server.connection_count, 2);
  RunUntilClosed();
  EXPECT_TRUE(absl::StrContains(server.heard(), "\nQUIT\n"));
}

TEST_F(CourierTest, SeveralAtOnceAndLargeOnes) {
  Server server([](std::string_view line, int) { return Polite(line); });
  Open();
  const Route& route = To({At(server)});
  for (int i = 0; i < 5; ++i) Give(route, 20'000);
  RunUntilFinished(5);
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(fate(i), Fate::kDelivered);
  EXPECT_EQ(server.connection_count, 5);
  RunUntilClosed();
}

TEST_F(CourierTest, TriesTheNextHostInTheSameAttempt) {
  Server refusing([](std::string_view, int) { return std::string("554 not today"); });
  Server hanging_up([](std::string_view line, int) { return line.empty() ? std::string("!") : Polite(line); });
  Server shutting_at_mail([](std::string_view line, int) {
    return absl::StartsWith(line, "MAIL") ? std::string("421 going down") : Polite(line);
  });
  Server good([](std::string_view line, int) { return Polite(line); });
  uint16_t closed_port;
  {
    closed_port = Server([](std::string_view, int) { return std::string(); }).port;
  }
  Open();
  Give(To({{"127.0.0.1", closed_port},
           {"bad", 25},
           At(refusing),
           At(hanging_up),
           At(shutting_at_mail),
           {"good", good.port}}));
  RunUntilFinished(1);
  EXPECT_EQ(fate(0), Fate::kDelivered);
  EXPECT_EQ(std::count(events_.begin(), events_.end(), DeliveryEventKind::kConnectFailed), 5);
  RunUntilClosed();
}

TEST_F(CourierTest, WhenNobodyAnswersTheDestinationIsUnreachable) {
  uint16_t closed_port;
  {
    closed_port = Server([](std::string_view, int) { return std::string(); }).port;
  }
  Open();
  Give(To({{"127.0.0.1", closed_port}}));
  RunUntilFinished(1);
  EXPECT_EQ(fate(0), Fate::kDeferred);
  EXPECT_EQ(finished_[0].finish, Scheduler::Finish::kUnreachable);
  EXPECT_TRUE(absl::StrContains(attempts_[0]->results[0].reply.text, "refused")) << attempts_[0]->results[0].reply.text;
  EXPECT_TRUE(courier_->closed());
}

TEST_F(CourierTest, ANameThatIsNotAnsweredIsGivenUp) {
  Server server([](std::string_view line, int) { return Polite(line); });
  options_.connect_timeout = std::chrono::milliseconds(30);
  Open();
  Give(To({{"silent", 25}}));
  RunUntilFinished(1);
  EXPECT_EQ(finished_[0].finish, Scheduler::Finish::kUnreachable);
  Give(To({{"behind", 25}}));  // nobody has even begun with it: our own fault
  RunUntilFinished(2);
  EXPECT_EQ(finished_[1].finish, Scheduler::Finish::kNeither);
  EXPECT_TRUE(attempts_[1]->untried);
  Give(To({{"silent", 25}, {"behind", 25}, At(server)}));
  RunUntilFinished(3);
  EXPECT_EQ(fate(2), Fate::kDelivered);
  RunUntilClosed();
}

TEST_F(CourierTest, AStopDoesNotWaitForAName) {
  Open();
  Give(To({{"silent", 25}}));
  courier_->Turn();
  courier_->Abort();
  ASSERT_EQ(finished_.size(), 1u);
  EXPECT_EQ(finished_[0].finish, Scheduler::Finish::kNeither);
  EXPECT_FALSE(attempts_[0]->untried);
  EXPECT_TRUE(courier_->closed());
}

TEST_F(CourierTest, AKeptConnectionThatDiedIsNoFailure) {
  Server server([](std::string_view line, int connection) {
    static std::atomic<int> mail_count{0};
    if (connection == 0 && absl::StartsWith(line, "MAIL") && ++mail_count == 2) return std::string("!");
    return Polite(line);
  });
  Open();
  const Route& route = To({At(server)});
  Give(route);
  RunUntilFinished(1);
  RunUntil([this] { return courier_->connection_count() == 1; });
  Give(route);
  RunUntilFinished(2);
  EXPECT_EQ(fate(1), Fate::kDelivered);
  EXPECT_EQ(server.connection_count, 2);
  RunUntilClosed();
}

TEST_F(CourierTest, LearnsThatAHostTakesOneMessageAConnection) {
  Server server([](std::string_view line, int) {
    thread_local int mail_count = 0;
    if (absl::StartsWith(line, "MAIL") && ++mail_count > 1) return std::string("503 one is enough");
    return Polite(line);
  });
  Open();
  const Route& route = To({At(server)});
  for (size_t i = 1; i <= 4; ++i) {
    Give(route);
    RunUntilFinished(i);
    EXPECT_EQ(fate(i - 1), Fate::kDelivered) << i;
  }
  RunUntilClosed();
  EXPECT_EQ(server.connection_count, 4);
}

TEST_F(CourierTest, ASilentHostTimesOut) {
  Server server([](std::string_view, int) { return std::string(); });
  options_.client.timeouts.greeting = std::chrono::milliseconds(50);
  Open();
  Give(To({At(server)}));
  RunUntilFinished(1);
  EXPECT_EQ(finished_[0].finish, Scheduler::Finish::kUnreachable);
  EXPECT_EQ(events_.back(), DeliveryEventKind::kTimedOut);
  RunUntilClosed();
}

TEST_F(CourierTest, ARefusalInMidDataIsHeardAtOnce) {
  // It does not read on: without a look at its reply we would wait until the deadline.
  Server server([](std::string_view line, int) {
    return line == "DATA" ? std::string("354 go\r\n552 5.3.4 too much") : Polite(line);
  });
  Open();
  Give(To({At(server)}), 2'000'000);
  RunUntilFinished(1);
  EXPECT_EQ(fate(0), Fate::kRefused);
  EXPECT_EQ(attempts_[0]->results[0].reply.code, 552);
  RunUntilClosed();
}

TEST_F(CourierTest, AbortDefersWhatIsUnderWay) {
  Server server([](std::string_view line, int) { return line == "DATA" ? std::string() : Polite(line); });
  Open();
  Give(To({At(server)}));
  RunUntil([&] { return absl::StrContains(server.heard(), "DATA"); });
  courier_->Abort();
  RunUntilFinished(1);
  EXPECT_EQ(fate(0), Fate::kDeferred);
  EXPECT_EQ(finished_[0].finish, Scheduler::Finish::kNeither);
  RunUntil([this] { return courier_->closed(); });
}

TEST_F(CourierTest, AnIdleConnectionIsClosed) {
  Server server([](std::string_view line, int) { return Polite(line); });
  options_.idle_close = std::chrono::milliseconds(30);
  Open();
  Give(To({At(server)}));
  RunUntilFinished(1);
  RunUntil([this] { return courier_->closed(); });
  EXPECT_TRUE(absl::StrContains(server.heard(), "\nQUIT\n"));
}

}  // namespace
}  // namespace postern
