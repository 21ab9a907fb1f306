// The control server over the system's poller, with mail in memory: what it answers, when, and what hostile clients
// cannot do.

#include "gateway/control_server.h"

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gateway/control_client.h"
#include "gtest/gtest.h"
#include "net/poller.h"
#include "net/socket.h"
#include "tests/gateway/memory_mail.h"

namespace postern {
namespace {

// Relative to the test's folder, whose own path may be too long for the address of a socket.
std::string ShortPath(const std::string& name) {
  std::filesystem::current_path(testing::TempDir());
  return name;
}

// The machine's clock, set forward by the test.
class SkippingClock final : public Clock {
 public:
  MonotonicTime Monotonic() const override { return real_.Monotonic() + skipped; }
  WallTime Wall() const override { return real_.Wall(); }
  Duration skipped{0};

 private:
  SystemClock real_;
};

// A client that says what the test wants, on the server's own reactor.
class RawClient final : public ConnectionHandler {
 public:
  RawClient(Reactor& reactor, const std::string& path) : reactor_(reactor), lender_(reactor, 1) {
    connection_.StartConnect(reactor, lender_, *this, SocketAddress::Unix(path));
  }
  ~RawClient() override {
    Leave();
    while (!closed) reactor_.Turn(std::chrono::milliseconds(1));
  }
  void Leave() {
    if (!closed) connection_.Abort();
  }
  void Say(std::string_view text) {
    connection_.output() += text;
    if (connected_) connection_.Flush();
  }

  void HandleConnected(Connection&) override {
    connected_ = true;
    connection_.Flush();
  }
  void HandleInput(Connection& connection) override {
    if (deaf) return;
    while (!connection.input().empty()) {
      heard += connection.input().Peek();
      connection.input().Consume(connection.input().Peek().size());
    }
  }
  void HandlePeerEnd(Connection& connection) override { connection.Abort(); }
  void HandleClosed(Connection&) override { closed = true; }

  std::string heard;
  bool deaf = false;
  bool closed = false;

 private:
  Reactor& reactor_;
  BlockLender lender_;
  Connection connection_;
  bool connected_ = false;
};

class ControlServerTest : public testing::Test {
 protected:
  ControlServerTest() {
    std::filesystem::remove(path_);
    const SocketResult listening = poller_->sockets().ListenOn(SocketAddress::Unix(path_), 64);
    EXPECT_TRUE(listening.socket.valid()) << listening.what;
    server_.Start(listening.socket);
  }
  ~ControlServerTest() override {
    server_.Stop();
    TurnUntil([this] { return server_.closed(); });
  }

  void TurnUntil(const std::function<bool()>& done) {
    const MonotonicTime deadline = real_.Monotonic() + std::chrono::seconds(10);
    while (!done()) {
      ASSERT_LT(real_.Monotonic(), deadline) << "nothing happens";
      reactor_.Turn(std::chrono::milliseconds(5));
    }
  }
  void TurnFor(Duration duration) {
    const MonotonicTime end = real_.Monotonic() + duration;
    while (real_.Monotonic() < end) reactor_.Turn(std::chrono::milliseconds(1));
  }
  // The reply to one request of a new client.
  std::string Ask(const ControlRequest& request) {
    RawClient client(reactor_, path_);
    client.Say(EncodeRequest(request));
    TurnUntil([&] { return !client.heard.empty() && client.heard.back() == '\n'; });
    return client.heard;
  }

  const SystemClock real_;
  SkippingClock clock_;
  const std::unique_ptr<Poller> poller_ = MakeSystemPoller();
  Reactor reactor_{*poller_, clock_};
  const std::string path_ = ShortPath("control_server_test.sock");
  MemoryMail store_;
  Relay::Answer answer_ = Relay::Answer::kStarted;
  std::vector<std::string> asked_;
  ControlServer server_{reactor_, ControlTargets{.store = store_,
                                                 .retry =
                                                     [this](MessageId) {
                                                       asked_.emplace_back("retry");
                                                       return answer_;
                                                     },
                                                 .remove =
                                                     [this](MessageId) {
                                                       asked_.emplace_back("delete");
                                                       return answer_;
                                                     },
                                                 .retry_all = [this] { asked_.emplace_back("retry-all"); },
                                                 .status =
                                                     [] {
                                                       return GatewayStatus{"9.9.9", 4711, "nonce", {{"received", 5}}};
                                                     }}};
};

TEST_F(ControlServerTest, TheSocketIsPrivate) {
  EXPECT_EQ(std::filesystem::status(path_).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(ControlServerTest, Status) {
  const absl::StatusOr<GatewayStatus> status = ParseStatus(Ask({.verb = ControlVerb::kStatus}));
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->version, "9.9.9");
  EXPECT_EQ(status->pid, 4711);
  EXPECT_EQ(status->identity, "nonce");
  EXPECT_EQ(status->counters, (std::vector<std::pair<std::string, uint64_t>>{{"received", 5}}));
}

TEST_F(ControlServerTest, AListComesInPages) {
  std::set<MessageId> all;
  for (int i = 1; i <= 150; ++i) all.insert(store_.Add(i, {"a@far.example"}));
  std::set<MessageId> listed;
  int page_count = 0;
  for (std::optional<uint64_t> cursor = 0; cursor.has_value(); ++page_count) {
    const absl::StatusOr<QueuePage> page = ParsePage(Ask({.verb = ControlVerb::kList, .cursor = *cursor}));
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_EQ(page->message_count, 150u);
    EXPECT_LE(page->entries.size(), 64u);
    for (const QueueEntryView& entry : page->entries) EXPECT_TRUE(listed.insert(entry.id).second) << "told twice";
    cursor = page->next_cursor;
  }
  EXPECT_EQ(listed, all);
  EXPECT_EQ(page_count, 3);
}

TEST_F(ControlServerTest, MessagesWithManyRecipientsMakeShortPages) {
  for (int i = 1; i <= 10; ++i) store_.Add(i, std::vector<std::string>(600, "a@far.example"));
  const absl::StatusOr<QueuePage> page = ParsePage(Ask({.verb = ControlVerb::kList}));
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->entries.size(), 2u);
}

TEST_F(ControlServerTest, AnyCursorIsHarmless) {
  store_.Add(1, {"a@far.example"});
  const absl::StatusOr<QueuePage> page = ParsePage(Ask({.verb = ControlVerb::kList, .cursor = UINT64_MAX}));
  ASSERT_TRUE(page.ok());
  EXPECT_TRUE(page->entries.empty());
}

TEST_F(ControlServerTest, ShowTellsAllThatIsKnown) {
  const MessageId id = store_.Add(1'700'000'000, {"a@far.example", "b@far.example"}, "jürgen@client.example");
  MemoryMail::Mail& mail = store_.mails[id];
  mail.state.recipients[1] = {
      .next_attempt = {1'700'000'900'000'000}, .attempt_count = 2, .state = RecipientState::kDeferred};
  mail.text = "451 4.2.1 \"later\"\r\n\x1b[2J \xFF";
  const absl::StatusOr<QueueEntryView> entry = ParseEntry(Ask({.verb = ControlVerb::kShow, .message = id}));
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->id, id);
  EXPECT_EQ(entry->body_size, 1234u);
  EXPECT_EQ(entry->sender, "jürgen@client.example");
  EXPECT_EQ(entry->peer, "192.0.2.1");
  ASSERT_EQ(entry->recipients.size(), 2u);
  EXPECT_EQ(entry->recipients[0].status.state, RecipientState::kWaiting);
  EXPECT_EQ(entry->recipients[1].address, "b@far.example");
  EXPECT_EQ(entry->recipients[1].status.state, RecipientState::kDeferred);
  EXPECT_EQ(entry->recipients[1].status.attempt_count, 2u);
  EXPECT_EQ(entry->recipients[1].status.next_attempt.us, 1'700'000'900'000'000);
  EXPECT_EQ(entry->recipients[1].text, "451 4.2.1 \"later\"\r\n\x1b[2J \uFFFD") << "no UTF-8 was replaced";
}

TEST_F(ControlServerTest, WhatIsNotThereIsNotFound) {
  const MessageId nobody{1};
  EXPECT_TRUE(absl::IsNotFound(ParseEntry(Ask({.verb = ControlVerb::kShow, .message = nobody})).status()));
  EXPECT_TRUE(absl::IsNotFound(ParseDone(Ask({.verb = ControlVerb::kDelete, .message = nobody}))));
  EXPECT_TRUE(absl::IsNotFound(ParseDone(Ask({.verb = ControlVerb::kRetry, .message = nobody}))));
  EXPECT_TRUE(asked_.empty());
}

TEST_F(ControlServerTest, DeleteIsAnsweredWhenItShows) {
  const MessageId id = store_.Add(1, {"a@far.example"});
  RawClient client(reactor_, path_);
  client.Say(EncodeRequest({.verb = ControlVerb::kDelete, .message = id}));
  TurnUntil([this] { return !asked_.empty(); });
  TurnFor(std::chrono::milliseconds(30));
  EXPECT_EQ(client.heard, "") << "the log does not say so yet";
  EXPECT_EQ(asked_, std::vector<std::string>{"delete"}) << "asked once";
  store_.mails.erase(id);
  TurnUntil([&] { return !client.heard.empty(); });
  EXPECT_TRUE(ParseDone(client.heard).ok()) << client.heard;
}

TEST_F(ControlServerTest, RetryIsAnsweredWhenItShows) {
  const MessageId id = store_.Add(1, {"a@far.example"});
  store_.mails[id].state.recipients[0].state = RecipientState::kFailed;
  RawClient client(reactor_, path_);
  client.Say(EncodeRequest({.verb = ControlVerb::kRetry, .message = id}));
  TurnUntil([this] { return !asked_.empty(); });
  TurnFor(std::chrono::milliseconds(30));
  EXPECT_EQ(client.heard, "");
  store_.mails[id].state.recipients[0] = {.next_attempt = {5}, .state = RecipientState::kWaiting};
  TurnUntil([&] { return !client.heard.empty(); });
  EXPECT_TRUE(ParseDone(client.heard).ok()) << client.heard;
}

TEST_F(ControlServerTest, ABusyMessageIsTriedAgainForAWhile) {
  const MessageId id = store_.Add(1, {"a@far.example"});
  answer_ = Relay::Answer::kBusy;
  RawClient client(reactor_, path_);
  client.Say(EncodeRequest({.verb = ControlVerb::kDelete, .message = id}));
  TurnUntil([this] { return asked_.size() > 3; });
  EXPECT_EQ(client.heard, "");
  clock_.skipped = ControlServer::kEffectWaitMax;
  TurnUntil([&] { return !client.heard.empty(); });
  EXPECT_TRUE(absl::IsUnavailable(ParseDone(client.heard))) << client.heard;
}

TEST_F(ControlServerTest, WhatNeverShowsIsToldSo) {
  const MessageId id = store_.Add(1, {"a@far.example"});
  RawClient client(reactor_, path_);
  client.Say(EncodeRequest({.verb = ControlVerb::kDelete, .message = id}));
  TurnUntil([this] { return !asked_.empty(); });
  clock_.skipped = ControlServer::kEffectWaitMax;
  TurnUntil([&] { return !client.heard.empty(); });
  EXPECT_TRUE(absl::IsDeadlineExceeded(ParseDone(client.heard))) << client.heard;
}

TEST_F(ControlServerTest, NonsenseIsAnErrorAndTheConversationGoesOn) {
  for (const std::string& nonsense :
       {std::string("rubbish"), std::string(), std::string("[]"), std::string("{}"), std::string("{\"command\":5}"),
        std::string("{\"command\":\"show\"}"), std::string("{\"command\":\"show\",\"id\":\"../rubbish\"}"),
        std::string("{\"command\":\"list\",\"cursor\":-1}"), std::string("{\"command\":\"list\",\"cursor\":\"x\"}"),
        std::string(4000, '['), std::string("\0\xFF", 2)}) {
    RawClient client(reactor_, path_);
    client.Say(nonsense + "\n");
    TurnUntil([&] { return !client.heard.empty() && client.heard.back() == '\n'; });
    EXPECT_TRUE(absl::IsInvalidArgument(ParseDone(client.heard))) << client.heard;
    client.heard.clear();
    client.Say(EncodeRequest({.verb = ControlVerb::kStatus}));
    TurnUntil([&] { return !client.heard.empty() && client.heard.back() == '\n'; });
    EXPECT_TRUE(ParseStatus(client.heard).ok()) << client.heard;
  }
}

TEST_F(ControlServerTest, ALineWithoutEndCostsTheConnection) {
  RawClient client(reactor_, path_);
  client.Say(std::string(1'000'000, 'x'));
  TurnUntil([&] { return client.closed; });
  EXPECT_TRUE(ParseStatus(Ask({.verb = ControlVerb::kStatus})).ok());
}

TEST_F(ControlServerTest, AClientThatNeverReadsHoldsUpNobodyAndIsDropped) {
  for (int i = 1; i <= 64; ++i) store_.Add(i, std::vector<std::string>(15, "a@far.example"));
  RawClient client(reactor_, path_);
  client.deaf = true;
  std::string requests;
  for (int i = 0; i < 10'000; ++i) requests += EncodeRequest({.verb = ControlVerb::kList});
  client.Say(requests);
  TurnFor(std::chrono::milliseconds(50));
  EXPECT_TRUE(ParseStatus(Ask({.verb = ControlVerb::kStatus})).ok());
  EXPECT_FALSE(client.closed);
  clock_.skipped = ControlServer::kIdleMax;
  TurnUntil([&] { return client.closed; });
}

TEST_F(ControlServerTest, ASilentClientIsDropped) {
  RawClient client(reactor_, path_);
  TurnFor(std::chrono::milliseconds(20));
  EXPECT_FALSE(client.closed);
  clock_.skipped = ControlServer::kIdleMax;
  TurnUntil([&] { return client.closed; });
}

TEST_F(ControlServerTest, ManyClientsAreTooManyUntilOneLeaves) {
  std::vector<std::unique_ptr<RawClient>> clients;
  for (size_t i = 0; i < ControlServer::kClientCountMax; ++i) {
    clients.push_back(std::make_unique<RawClient>(reactor_, path_));
    clients.back()->Say(EncodeRequest({.verb = ControlVerb::kStatus}));
    TurnUntil([&] { return !clients.back()->heard.empty(); });
  }
  RawClient late(reactor_, path_);
  TurnUntil([&] { return late.closed; });
  EXPECT_EQ(late.heard, "");
  clients.pop_back();
  TurnFor(std::chrono::milliseconds(10));
  EXPECT_TRUE(ParseStatus(Ask({.verb = ControlVerb::kStatus})).ok());
}

TEST_F(ControlServerTest, AClientThatLeavesInBetweenLeavesNothing) {
  const MessageId id = store_.Add(1, {"a@far.example"});
  {
    RawClient client(reactor_, path_);
    client.Say(EncodeRequest({.verb = ControlVerb::kDelete, .message = id}));
    TurnUntil([this] { return !asked_.empty(); });
  }
  store_.mails.erase(id);
  TurnFor(std::chrono::milliseconds(30));
  EXPECT_TRUE(ParseStatus(Ask({.verb = ControlVerb::kStatus})).ok());
}

// The blocking client of the commands, on a thread of its own.
TEST_F(ControlServerTest, TheClientOfTheCommands) {
  const MessageId id = store_.Add(1'700'000'000, {"a@far.example"});
  std::atomic<bool> done = false;
  std::thread thread([&] {
    const SystemClock clock;
    const auto client = ControlClient::Connect(path_, clock);
    ASSERT_TRUE(client.ok()) << client.status();
    EXPECT_EQ((*client)->Status()->identity, "nonce");
    EXPECT_EQ((*client)->List(0)->entries.at(0).id, id);
    EXPECT_EQ((*client)->Show(id)->recipients.at(0).address, "a@far.example");
    EXPECT_TRUE((*client)->RetryAll().ok());
    EXPECT_TRUE(absl::IsNotFound((*client)->Delete(MessageId{7})));
    EXPECT_TRUE(absl::IsNotFound((*client)->Retry(MessageId{7})));
    done = true;
  });
  TurnUntil([&] { return done.load(); });
  thread.join();
  EXPECT_EQ(asked_, std::vector<std::string>{"retry-all"});
}

TEST(ControlClientTest, NobodyThereIsNotFound) {
  const SystemClock clock;
  const std::string path = ShortPath("control_client_test.sock");
  std::filesystem::remove(path);
  EXPECT_TRUE(absl::IsNotFound(ControlClient::Connect(path, clock).status())) << "no socket";
  {
    const std::unique_ptr<Poller> poller = MakeSystemPoller();
    const SocketResult listening = poller->sockets().ListenOn(SocketAddress::Unix(path), 1);
    poller->sockets().CloseNow(listening.socket);
  }
  ASSERT_TRUE(std::filesystem::exists(path)) << "as a crash leaves it";
  const absl::Status dead = ControlClient::Connect(path, clock).status();
  EXPECT_TRUE(absl::IsNotFound(dead)) << dead;
}

}  // namespace
}  // namespace postern
