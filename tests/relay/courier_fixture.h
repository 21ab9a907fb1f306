// CourierTest is an SmtpCourier on a real reactor, with real sockets and name servers that follow a script.
//
// Each test has one; all is on its thread but the servers. Attempts are the test's, and it is told how they ended.

#ifndef POSTERN_TESTS_RELAY_COURIER_FIXTURE_H_
#define POSTERN_TESTS_RELAY_COURIER_FIXTURE_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "net/reactor.h"
#include "relay/smtp_courier.h"
#include "tests/relay/scripted_dns.h"
#include "tests/relay/scripted_server.h"

namespace postern {

// `piece_count` times the same two lines; it can be made to fail.
class RepeatedBody final : public MessageBody {
 public:
  static constexpr std::string_view kPiece = "hello world\r\n.\r\n";
  explicit RepeatedBody(size_t piece_count) : piece_count_(piece_count) {}
  absl::StatusOr<std::string_view> Next() override {
    if (unreadable) return absl::DataLossError("the disk is sick");
    return given_ == piece_count_ ? std::string_view() : (++given_, kPiece);
  }
  absl::Status Rewind() override {
    if (unreadable) return absl::DataLossError("the disk is sick");
    ++rewind_count;
    given_ = 0;
    return absl::OkStatus();
  }
  bool unreadable = false;
  int rewind_count = 0;

 private:
  const size_t piece_count_;
  size_t given_ = 0;
};

// A message for the courier.
struct Mail {
  std::string domain{};
  uint32_t destination = 0;
  size_t recipient_count = 1;
  size_t piece_count = 1;
  bool unreadable = false;
};

class CourierTest : public testing::Test, public AttemptListener, public DeliveryListener {
 protected:
  CourierTest() : poller_(MakeSystemPoller()), reactor_(*poller_, clock_) { options_.client.hostname = "us.example"; }

  void Open() { courier_ = std::make_unique<SmtpCourier>(options_, *poller_, dns_, *this, clock_); }

  Route& To(std::vector<HostPort> hosts) {
    Route& route = routes_.emplace_back();
    route.kind = RouteKind::kNextHop;
    route.next_hops = std::move(hosts);
    return route;
  }
  Route& Mx(uint16_t port) {
    Route& route = routes_.emplace_back();
    route.kind = RouteKind::kMx;
    route.port = port;
    return route;
  }
  static HostPort At(const ScriptedServer& server) { return {"127.0.0.1", server.port}; }
  static uint16_t ClosedPort() {
    return ScriptedServer([](std::string_view, int) { return std::string(); }).port;
  }

  Attempt& Give(const Route& route, const Mail& mail = {}) {
    Attempt& attempt = *attempts_.emplace_back(std::make_unique<Attempt>());
    attempt.message = {++last_id_ << 8};
    attempt.route = &route;
    attempt.domain = mail.domain;
    attempt.destination = mail.destination;
    attempt.envelope.sender = "a@sender.example";
    for (uint32_t i = 0; i < mail.recipient_count; ++i) {
      attempt.recipients.push_back({.address = addresses_.emplace_back(absl::StrCat("r", i, "@there.example"))});
      attempt.indices.push_back(i);
    }
    attempt.stored.body_size = mail.piece_count * RepeatedBody::kPiece.size();
    auto body = std::make_unique<RepeatedBody>(mail.piece_count);
    body->unreadable = mail.unreadable;
    attempt.stored.body = std::move(body);
    courier_->Start(attempt, *this);
    return attempt;
  }
  // Gives one and runs until it is over.
  Attempt& Send(const Route& route, const Mail& mail = {}) {
    Attempt& attempt = Give(route, mail);
    RunUntilFinished(attempts_.size());
    RunUntil([this] { return !courier_->HasWork(); });
    return attempt;
  }
  // As Send(); the connection has come to rest afterwards, and may be used again.
  Attempt& SendAndSettle(const Route& route, const Mail& mail = {}) {
    Attempt& attempt = Send(route, mail);
    for (int turn = 0; turn < 3; ++turn) RunOnce();
    return attempt;
  }

  void HandleProgress(Attempt& attempt) override {
    std::string& fates = progress_.emplace_back();
    for (const RecipientResult& result : attempt.results) fates += Letter(result.fate);
  }
  void HandleAttemptDone(Attempt& attempt, AttemptEnd end) override {
    ends_.push_back(end);
    if (end == AttemptEnd::kUntried) {
      EXPECT_TRUE(attempt.results.empty());
    } else {
      EXPECT_EQ(attempt.results.size(), attempt.indices.size());
    }
  }
  void HandleDelivery(const DeliveryEvent& event) override {
    events_.push_back(event.kind);
    event_texts_.push_back(absl::StrCat(event.destination, " ", event.host, " ", event.text));
  }

  void RunOnce() {
    courier_->Turn();
    reactor_.Turn(std::chrono::milliseconds(5));
  }
  void RunUntil(const std::function<bool()>& done) {
    const MonotonicTime end = clock_.Monotonic() + std::chrono::seconds(10);
    while (!done() && clock_.Monotonic() < end) RunOnce();
    ASSERT_TRUE(done());
  }
  void RunUntilFinished(size_t count) {
    RunUntil([this, count] { return ends_.size() >= count; });
  }
  void RunUntilClosed() {
    courier_->StopKeeping();
    RunUntil([this] { return courier_->closed(); });
  }
  ptrdiff_t Count(DeliveryEventKind kind) const { return std::count(events_.begin(), events_.end(), kind); }

  static Fate FateOf(const Attempt& attempt, size_t i = 0) { return attempt.results[i].fate; }
  // "+" delivered, "-" refused, "~" deferred, "?" not known yet.
  static char Letter(Fate fate) { return "?+~-n"[static_cast<size_t>(fate)]; }
  static bool AllDelivered(const Attempt& attempt) {
    return std::all_of(attempt.results.begin(), attempt.results.end(),
                       [](const RecipientResult& result) { return result.fate == Fate::kDelivered; });
  }
  static int RewindCount(const Attempt& attempt) {
    return static_cast<const RepeatedBody&>(*attempt.stored.body).rewind_count;
  }

  SystemClock clock_;
  std::unique_ptr<Poller> poller_;
  Reactor reactor_;
  ScriptedDns dns_;
  CourierOptions options_;
  std::deque<std::string> addresses_;
  std::deque<Route> routes_;
  std::unique_ptr<SmtpCourier> courier_;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  std::vector<AttemptEnd> ends_;  // in their order
  std::vector<std::string>
      progress_;  // the results of each recipient, a letter each, after each transaction but the last
  std::vector<DeliveryEventKind> events_;
  std::vector<std::string> event_texts_;
  uint64_t last_id_ = 0;
};

}  // namespace postern

#endif  // POSTERN_TESTS_RELAY_COURIER_FIXTURE_H_
