// The control server over the system's poller, with mail in memory: what it answers, when, and what hostile clients
// cannot do.

#include "gateway/control_server.h"

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/envelope.h"
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

  void Listen() {
    deaf = false;
    HandleInput(connection_);
    connection_.Resume();
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
  static std::string NameOf(QueueAction action) {
    switch (action) {
      case QueueAction::kRetry: return "retry";
      case QueueAction::kHold: return "hold";
      case QueueAction::kRelease: return "release";
      case QueueAction::kDelete: return "delete";
      case QueueAction::kBounce: return "bounce";
    }
    return "";
  }

  explicit ControlServerTest(const std::string& key = {}) {
    std::filesystem::remove(path_);
    const SocketResult listening = poller_->sockets().ListenOn(SocketAddress::Unix(path_), 64);
    EXPECT_TRUE(listening.socket.valid()) << listening.what;
    server_.Start(listening.socket, key);
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
  QueueOperations::Answer answer_ = QueueOperations::Answer::kStarted;
  std::vector<DestinationStatus> statuses_;
  std::vector<std::string> asked_;
  ControlServer server_{
      reactor_, ControlTargets{.store = store_,
                               .book = store_.book,
                               .act =
                                   [this](QueueAction action, MessageId message) {
                                     asked_.push_back(absl::StrCat(NameOf(action), " ", ToText(message).view()));
                                     return answer_;
                                   },
                               .act_on_all =
                                   [this](QueueAction action, std::optional<uint32_t> destination) {
                                     asked_.push_back(absl::StrCat(
                                         NameOf(action), " all of ",
                                         destination.has_value() ? store_.book.entry(*destination).name : "the queue"));
                                     return answer_;
                                   },
                               .destinations = [this] { return statuses_; },
                               .status =
                                   [] {
                                     return GatewayStatus{"9.9.9", 4711, "nonce", {{"received", 5}}};
                                   }}};
};

class KeyedControlServerTest : public ControlServerTest {
 protected:
  KeyedControlServerTest() : ControlServerTest("open sesame") {}
};

ControlRequest ActOn(QueueAction action, MessageId message) {
  return {.verb = ControlVerb::kAct, .action = action, .message = message};
}

TEST_F(ControlServerTest, TheSocketIsPrivate) {
  EXPECT_EQ(std::filesystem::status(path_).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(KeyedControlServerTest, WhoSaysTheKeyIsHeard) {
  RawClient client(reactor_, path_);
  client.Say("open sesame\n" + EncodeRequest({.verb = ControlVerb::kStatus}));
  TurnUntil([&] { return !client.heard.empty() && client.heard.back() == '\n'; });
  EXPECT_TRUE(ParseStatus(client.heard).ok());
  client.heard.clear();
  client.Say(EncodeRequest({.verb = ControlVerb::kStatus}));  // once is enough
  TurnUntil([&] { return !client.heard.empty() && client.heard.back() == '\n'; });
  EXPECT_TRUE(ParseStatus(client.heard).ok());
}

TEST_F(KeyedControlServerTest, WhoDoesNotIsDroppedWithoutAWord) {
  for (const std::string& first : {EncodeRequest({.verb = ControlVerb::kStatus}), std::string("\n"),
                                   std::string("open sesam\n"), std::string("open sesame!\n")}) {
    RawClient client(reactor_, path_);
    client.Say(first + "open sesame\n" + EncodeRequest({.verb = ControlVerb::kStatus}));
    TurnUntil([&] { return client.closed; });
    EXPECT_EQ(client.heard, "");
  }
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
  mail.state.flags = kEnvelopeUrgent | kEnvelopeReport;
  mail.state.recipients[1] = {
      .next_attempt = {1'700'000'900'000'000}, .attempt_count = 2, .state = RecipientState::kDeferred};
  mail.text = "451 4.2.1 \"later\"\r\n\x1b[2J \xFF";
  const absl::StatusOr<QueueEntryView> entry = ParseEntry(Ask({.verb = ControlVerb::kShow, .message = id}));
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->id, id);
  EXPECT_EQ(entry->body_size, 1234u);
  EXPECT_EQ(entry->flags, kEnvelopeUrgent | kEnvelopeReport);
  EXPECT_EQ(entry->sender, "jürgen@client.example");
  EXPECT_EQ(entry->peer, "192.0.2.1");
  ASSERT_EQ(entry->recipients.size(), 2u);
  EXPECT_EQ(entry->recipients[0].status.state, RecipientState::kWaiting);
  EXPECT_EQ(entry->recipients[0].destination, "far.example");
  EXPECT_EQ(entry->recipients[1].address, "b@far.example");
  EXPECT_EQ(entry->recipients[1].status.state, RecipientState::kDeferred);
  EXPECT_EQ(entry->recipients[1].status.attempt_count, 2u);
  EXPECT_EQ(entry->recipients[1].status.next_attempt.us, 1'700'000'900'000'000);
  EXPECT_EQ(entry->recipients[1].text, "451 4.2.1 \"later\"\r\n\x1b[2J \uFFFD") << "no UTF-8 was replaced";
}

TEST_F(ControlServerTest, WhatIsNotThereIsNotFound) {
  const MessageId nobody{1};
  EXPECT_TRUE(absl::IsNotFound(ParseEntry(Ask({.verb = ControlVerb::kShow, .message = nobody})).status()));
  EXPECT_TRUE(absl::IsNotFound(ParsePiece(Ask({.verb = ControlVerb::kExport, .message = nobody})).status()));
  EXPECT_TRUE(absl::IsNotFound(ParseResult(Ask(ActOn(QueueAction::kDelete, nobody))).status()));
  EXPECT_TRUE(absl::IsNotFound(ParseResult(Ask(ActOn(QueueAction::kHold, nobody))).status()));
  EXPECT_TRUE(absl::IsNotFound(ParseResult(Ask(ActOn(QueueAction::kDelete, MessageId{0}))).status())) << "and not all";
  EXPECT_TRUE(asked_.empty());
}

TEST_F(ControlServerTest, DeleteIsAnsweredWhenItShows) {
  const MessageId id = store_.Add(1, {"a@far.example"});
  RawClient client(reactor_, path_);
  client.Say(EncodeRequest(ActOn(QueueAction::kDelete, id)));
  TurnUntil([this] { return !asked_.empty(); });
  TurnFor(std::chrono::milliseconds(30));
  EXPECT_EQ(client.heard, "") << "the log does not say so yet";
  EXPECT_EQ(asked_, std::vector<std::string>{absl::StrCat("delete ", ToText(id).view())}) << "asked once";
  store_.mails.erase(id);
  TurnUntil([&] { return !client.heard.empty(); });
  EXPECT_EQ(*ParseResult(client.heard), ActResult::kDone) << client.heard;
}

TEST_F(ControlServerTest, RetryIsAnsweredWhenItShows) {
  const MessageId id = store_.Add(1, {"a@far.example"});
  store_.mails[id].state.recipients[0].state = RecipientState::kFailed;
  RawClient client(reactor_, path_);
  client.Say(EncodeRequest(ActOn(QueueAction::kRetry, id)));
  TurnUntil([this] { return !asked_.empty(); });
  TurnFor(std::chrono::milliseconds(30));
  EXPECT_EQ(client.heard, "");
  store_.mails[id].state.recipients[0] = {.next_attempt = {5}, .state = RecipientState::kWaiting};
  TurnUntil([&] { return !client.heard.empty(); });
  EXPECT_EQ(*ParseResult(client.heard), ActResult::kDone) << client.heard;
}

TEST_F(ControlServerTest, WhatWouldChangeNothingIsToldSo) {
  const MessageId id = store_.Add(1, {"a@far.example"});
  answer_ = QueueOperations::Answer::kNothing;
  EXPECT_EQ(*ParseResult(Ask(ActOn(QueueAction::kRelease, id))), ActResult::kUnchanged);
}

TEST_F(ControlServerTest, AWishForManyIsAnsweredWhenItHasBegun) {
  store_.Add(1, {"a@far.example"});
  const ControlRequest far{.verb = ControlVerb::kAct, .action = QueueAction::kHold, .destination = "Far.Example"};
  EXPECT_EQ(*ParseResult(Ask(far)), ActResult::kBegun);
  const ControlRequest all{.verb = ControlVerb::kAct, .action = QueueAction::kBounce, .all = true};
  EXPECT_EQ(*ParseResult(Ask(all)), ActResult::kBegun);
  EXPECT_EQ(asked_, (std::vector<std::string>{"hold all of far.example", "bounce all of the queue"}));
}

TEST_F(ControlServerTest, OneWishForManyWaitsForTheOther) {
  store_.Add(1, {"a@far.example"});
  answer_ = QueueOperations::Answer::kBusy;
  RawClient client(reactor_, path_);
  const std::string request = EncodeRequest({.verb = ControlVerb::kAct, .action = QueueAction::kHold, .all = true});
  client.Say(request);
  TurnUntil([this] { return asked_.size() > 3; });
  EXPECT_EQ(client.heard, "");
  answer_ = QueueOperations::Answer::kStarted;
  TurnUntil([&] { return !client.heard.empty(); });
  EXPECT_EQ(*ParseResult(client.heard), ActResult::kBegun);

  answer_ = QueueOperations::Answer::kBusy;
  client.heard.clear();
  asked_.clear();
  client.Say(request);
  TurnUntil([this] { return !asked_.empty(); });
  clock_.skipped = ControlServer::kEffectWaitMax;
  TurnUntil([&] { return !client.heard.empty(); });
  EXPECT_TRUE(absl::IsUnavailable(ParseResult(client.heard).status())) << client.heard;
}

TEST_F(ControlServerTest, AnUnknownDestinationIsAnErrorThatHelps) {
  store_.Add(1, {"a@far.example"});
  for (const ControlRequest& request :
       {ControlRequest{.verb = ControlVerb::kAct, .action = QueueAction::kDelete, .destination = "fra.example"},
        ControlRequest{.verb = ControlVerb::kList, .destination = "fra.example"}}) {
    const absl::Status status = ParseResult(Ask(request)).status();
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    EXPECT_EQ(status.message(),
              "\"fra.example\": neither the id of a message nor a destination that has mail; there is far.example");
  }
  const absl::Status nothing_like_it =
      ParseResult(Ask({.verb = ControlVerb::kAct, .action = QueueAction::kDelete, .destination = ""})).status();
  EXPECT_TRUE(absl::IsNotFound(nothing_like_it)) << "and never all of the queue: " << nothing_like_it;
  EXPECT_NE(nothing_like_it.message().find("`postern queue list`"), std::string::npos) << nothing_like_it;
  EXPECT_TRUE(asked_.empty());
}

TEST_F(ControlServerTest, AListOfOneDestination) {
  store_.Add(1, {"a@far.example"});
  const MessageId both = store_.Add(2, {"a@near.example", "a@far.example"});
  const MessageId near = store_.Add(3, {"a@near.example"});
  const absl::StatusOr<QueuePage> page = ParsePage(Ask({.verb = ControlVerb::kList, .destination = "near.example"}));
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->entries.size(), 2u);
  EXPECT_EQ(page->entries[0].id, both);
  EXPECT_EQ(page->entries[1].id, near);
}

TEST_F(ControlServerTest, DestinationsComeInLines) {
  for (int i = 0; i < 600; ++i) store_.Add(1'700'000'000 + i, {absl::StrCat("a@d", i, ".example"), "a@far.example"});
  statuses_ = {{.destination = store_.book.Find("a@far.example"),
                .active_count = 2,
                .down = true,
                .probe_at = {1'700'000'900'000'000},
                .last_error = "refused"}};
  RawClient client(reactor_, path_);
  client.Say(EncodeRequest({.verb = ControlVerb::kDestinations}));
  std::vector<DestinationView> destinations;
  int line_count = 0;
  for (bool more = true; more; ++line_count) {
    TurnUntil([&] { return client.heard.find('\n') != std::string::npos; });
    const size_t end = client.heard.find('\n');
    const absl::StatusOr<DestinationPage> page = ParseDestinations(client.heard.substr(0, end));
    ASSERT_TRUE(page.ok()) << page.status();
    client.heard.erase(0, end + 1);
    EXPECT_EQ(page->message_count, 600u);
    destinations.insert(destinations.end(), page->destinations.begin(), page->destinations.end());
    more = page->more;
  }
  EXPECT_EQ(line_count, 3);
  ASSERT_EQ(destinations.size(), 601u);
  EXPECT_EQ(destinations[0].name, "far.example");
  EXPECT_EQ(destinations[0].waiting_count, 600u);
  EXPECT_EQ(destinations[0].oldest.us, 1'700'000'000'000'000);
  ASSERT_TRUE(destinations[0].live.has_value());
  EXPECT_EQ(destinations[0].live->active_count, 2u);
  EXPECT_TRUE(destinations[0].live->down);
  EXPECT_EQ(destinations[0].live->probe_at.us, 1'700'000'900'000'000);
  EXPECT_EQ(destinations[0].last_error, "refused");
  EXPECT_FALSE(destinations[1].live->down);
  client.Say(EncodeRequest({.verb = ControlVerb::kStatus}));
  TurnUntil([&] { return !client.heard.empty() && client.heard.back() == '\n'; });
  EXPECT_TRUE(ParseStatus(client.heard).ok()) << "the conversation goes on";
}

TEST_F(ControlServerTest, AnExportIsTheMessageByteByByte) {
  const MessageId id = store_.Add(1, {"a@far.example"});
  std::string body = "Subject: \xFF\r\n\r\n";
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&body, "line ", i, "\r\n");
  body.push_back('\0');
  store_.mails[id].body = body;
  RawClient client(reactor_, path_);
  client.Say(EncodeRequest({.verb = ControlVerb::kExport, .message = id}));
  std::string exported;
  for (bool more = true; more;) {
    TurnUntil([&] { return client.heard.find('\n') != std::string::npos; });
    const size_t end = client.heard.find('\n');
    const absl::StatusOr<ExportPiece> piece = ParsePiece(client.heard.substr(0, end));
    ASSERT_TRUE(piece.ok()) << piece.status();
    client.heard.erase(0, end + 1);
    exported += piece->bytes;
    more = piece->more;
  }
  EXPECT_EQ(exported, body);
}

// The server makes a line when the last one has gone: who does not read costs a line, and after a while nothing.
TEST_F(ControlServerTest, AnExportThatNobodyReadsEnds) {
  const MessageId id = store_.Add(1, {"a@far.example"});
  store_.mails[id].body = std::string(5'000'000, 'x');
  RawClient client(reactor_, path_);
  client.deaf = true;
  client.Say(EncodeRequest({.verb = ControlVerb::kExport, .message = id}));
  TurnFor(std::chrono::milliseconds(50));
  EXPECT_TRUE(ParseStatus(Ask({.verb = ControlVerb::kStatus})).ok());
  EXPECT_FALSE(client.closed);
  for (int i = 0; i < 5; ++i) {  // while the system takes some of it, the server's patience begins anew
    clock_.skipped += ControlServer::kIdleMax;
    TurnFor(std::chrono::milliseconds(20));
  }
  client.Listen();
  TurnUntil([&] { return client.closed; });
  EXPECT_LT(client.heard.size(), 5'000'000u) << "it was cut off";
}

TEST_F(ControlServerTest, ABusyMessageIsTriedAgainForAWhile) {
  const MessageId id = store_.Add(1, {"a@far.example"});
  answer_ = QueueOperations::Answer::kBusy;
  RawClient client(reactor_, path_);
  client.Say(EncodeRequest(ActOn(QueueAction::kDelete, id)));
  TurnUntil([this] { return asked_.size() > 3; });
  EXPECT_EQ(client.heard, "");
  clock_.skipped = ControlServer::kEffectWaitMax;
  TurnUntil([&] { return !client.heard.empty(); });
  EXPECT_TRUE(absl::IsUnavailable(ParseResult(client.heard).status())) << client.heard;
}

TEST_F(ControlServerTest, WhatNeverShowsIsToldSo) {
  const MessageId id = store_.Add(1, {"a@far.example"});
  RawClient client(reactor_, path_);
  client.Say(EncodeRequest(ActOn(QueueAction::kDelete, id)));
  TurnUntil([this] { return !asked_.empty(); });
  clock_.skipped = ControlServer::kEffectWaitMax;
  TurnUntil([&] { return !client.heard.empty(); });
  EXPECT_TRUE(absl::IsDeadlineExceeded(ParseResult(client.heard).status())) << client.heard;
}

TEST_F(ControlServerTest, NonsenseIsAnErrorAndTheConversationGoesOn) {
  for (const std::string& nonsense :
       {std::string("rubbish"), std::string(), std::string("[]"), std::string("{}"), std::string("{\"command\":5}"),
        std::string("{\"command\":\"show\"}"), std::string("{\"command\":\"show\",\"id\":\"../rubbish\"}"),
        std::string("{\"command\":\"export\"}"), std::string("{\"command\":\"delete\"}"),
        std::string("{\"command\":\"delete\",\"all\":1}"),
        std::string("{\"command\":\"hold\",\"all\":true,\"destination\":\"far.example\"}"),
        std::string("{\"command\":\"list\",\"cursor\":-1}"), std::string("{\"command\":\"list\",\"cursor\":\"x\"}"),
        std::string(4000, '['), std::string("\0\xFF", 2)}) {
    RawClient client(reactor_, path_);
    client.Say(nonsense + "\n");
    TurnUntil([&] { return !client.heard.empty() && client.heard.back() == '\n'; });
    EXPECT_TRUE(absl::IsInvalidArgument(ParseResult(client.heard).status())) << client.heard;
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
    client.Say(EncodeRequest(ActOn(QueueAction::kDelete, id)));
    TurnUntil([this] { return !asked_.empty(); });
  }
  store_.mails.erase(id);
  TurnFor(std::chrono::milliseconds(30));
  EXPECT_TRUE(ParseStatus(Ask({.verb = ControlVerb::kStatus})).ok());
}

// The blocking client of the commands, on a thread of its own.
TEST_F(ControlServerTest, TheClientOfTheCommands) {
  const MessageId id = store_.Add(1'700'000'000, {"a@far.example"});
  store_.mails[id].body = std::string(100'000, 'x');
  std::atomic<bool> done = false;
  std::thread thread([&] {
    const SystemClock clock;
    const auto client = ControlClient::Connect(path_, clock);
    ASSERT_TRUE(client.ok()) << client.status();
    EXPECT_EQ((*client)->Status()->identity, "nonce");
    std::vector<std::string> names;
    EXPECT_EQ(*(*client)->Destinations([&](const DestinationView& view) { names.push_back(view.name); }), 1u);
    EXPECT_EQ(names, std::vector<std::string>{"far.example"});
    EXPECT_EQ((*client)->List(std::nullopt, 0)->entries.at(0).id, id);
    EXPECT_EQ((*client)->List("far.example", 0)->entries.at(0).id, id);
    EXPECT_TRUE(absl::IsNotFound((*client)->List("x.example", 0).status()));
    EXPECT_EQ((*client)->Show(id)->recipients.at(0).address, "a@far.example");
    std::string exported;
    EXPECT_TRUE((*client)
                    ->Export(id,
                             [&exported](std::string_view bytes) {
                               exported += bytes;
                               return absl::OkStatus();
                             })
                    .ok());
    EXPECT_EQ(exported, std::string(100'000, 'x'));
    EXPECT_EQ(*(*client)->ActOnAll(QueueAction::kRetry, std::nullopt), ActResult::kBegun);
    EXPECT_EQ(*(*client)->ActOnAll(QueueAction::kHold, "far.example"), ActResult::kBegun);
    EXPECT_TRUE(absl::IsNotFound((*client)->Act(QueueAction::kDelete, MessageId{7}).status()));
    done = true;
  });
  TurnUntil([&] { return done.load(); });
  thread.join();
  EXPECT_EQ(asked_, (std::vector<std::string>{"retry all of the queue", "hold all of far.example"}));
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
