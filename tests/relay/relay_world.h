// RelayWorld is a relay with a simulated clock, mail in memory and a courier that answers as the test says; mailboxes
// are real folders.

#ifndef POSTERN_TESTS_RELAY_RELAY_WORLD_H_
#define POSTERN_TESTS_RELAY_RELAY_WORLD_H_

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "relay/relay.h"
#include "tests/relay/memory_store.h"

namespace postern {

class StillClock final : public Clock {
 public:
  MonotonicTime Monotonic() const override { return {(wall.us + set_back_us) * 1000}; }
  WallTime Wall() const override { return wall; }
  WallTime wall{1'700'000'000'000'000};
  int64_t set_back_us = 0;  // how much somebody has set the wall clock back
};

class Nobody final : public Wakeable {
 public:
  void Wake() override {}
};

class ScriptedCourier final : public Courier {
 public:
  void Start(Attempt& attempt, AttemptListener& listener) override {
    listener_ = &listener;
    started.push_back(&attempt);
  }
  void StopKeeping() override {}
  void Abort() override {
    while (!started.empty()) Answer(Fate::kDeferred, 0, AttemptEnd::kNeither);
  }
  // For all recipients of the oldest attempt.
  void Answer(Fate fate, uint16_t code, AttemptEnd end = AttemptEnd::kAnswered) {
    RecipientResult result;
    result.fate = fate;
    result.reply.code = code;
    result.reply.text = "said the peer";
    Answer(std::vector<RecipientResult>(started.front()->indices.size(), result), end);
  }
  void Answer(std::vector<RecipientResult> results, AttemptEnd end = AttemptEnd::kAnswered) {
    Attempt& attempt = *started.front();
    started.pop_front();
    attempt.host = "192.0.2.1:25";
    attempt.remote = "mx.away.example";
    if (end != AttemptEnd::kUntried) attempt.results = std::move(results);
    listener_->HandleAttemptDone(attempt, end);
  }
  std::deque<Attempt*> started;

 private:
  AttemptListener* listener_ = nullptr;
};

class RelayWorld : public testing::Test, public DeliveryListener {
 protected:
  RelayWorld()
      : path_(absl::StrCat(std::getenv("TEST_TMPDIR"), "/",
                           testing::UnitTest::GetInstance()->current_test_info()->name())),
        mailboxes_(
            {.hostname = "mx"},
            [this](const std::string& path) -> absl::StatusOr<std::unique_ptr<Directory>> {
              if (mailbox_broken) return absl::PermissionDeniedError("open: permission denied");
              return OpenDirectory(path);
            },
            64, nobody_) {
    options_.hostname = "local.example";
    options_.dead_letters = path_ + "/dead-letters";
    options_.reports.hostname = "local.example";
    Route local;
    local.match = "local.example";
    local.maildir = path_ + "/{domain}/{local}";
    Route away;
    away.match = "away.example";
    away.kind = RouteKind::kNextHop;
    away.next_hops = {{.host = "127.0.0.1"}};
    Route world;
    world.match = "world.example";
    world.kind = RouteKind::kMx;
    Route refused;
    refused.match = "refused.example";
    refused.kind = RouteKind::kReject;
    refused.reject_text = "nobody lives here";
    Route gone;
    gone.match = "gone.example";
    gone.kind = RouteKind::kDiscard;
    route_list_ = {local, away, world, refused, gone};
  }

  // With what the test has made of options_ and route_list_.
  void Begin() {
    routes_ = *RouteTable::Create(route_list_);
    relay_ = *Relay::Create(options_, routes_, store_, courier_, mailboxes_, ids_, *this, clock_, nobody_);
    Settle();
  }
  // The process is another one; the log is the same.
  void BeginAgain() {
    relay_.reset();
    courier_.started.clear();
    store_.pushed.clear();
    store_.Restart();
    Begin();
  }

  void HandleDelivery(const DeliveryEvent& event) override { events_.push_back(event.kind); }
  size_t EventCount(DeliveryEventKind kind) const {
    return static_cast<size_t>(std::count(events_.begin(), events_.end(), kind));
  }

  MessageId Accept(const EnvelopeHead& head, const std::vector<Recipient>& recipients) {
    const MessageId id{static_cast<uint64_t>(clock_.wall.us + ++count_) << 8};
    store_.Accept(id, head, recipients);
    return id;
  }
  MessageId Accept(const std::vector<std::string>& addresses) {
    std::vector<Recipient> recipients;
    for (const std::string& address : addresses) recipients.push_back({.address = address});
    EnvelopeHead head;
    head.sender = "a@away.example";
    return Accept(head, recipients);
  }
  // Everything that can happen without the courier, and the time standing still.
  void Settle() {
    for (int i = 0; i < 10; ++i) {
      while (relay_->Turn()) {
      }
      mailboxes_.RunOnce();
      store_.Commit();
    }
  }
  void Pass(Duration time) {
    clock_.wall = clock_.wall + time;
    Settle();
  }
  size_t FileCount(const std::string& box) {
    return (*OpenDirectory(absl::StrCat(path_, "/", box, "/new")))->List()->size();
  }
  const QueuedRecipient& Status(MessageId id, size_t i = 0) { return store_.mails.at(id).state.recipients[i]; }
  bool Queued(MessageId id) const { return store_.mails.contains(id); }

  const std::string path_;
  StillClock clock_;
  Nobody nobody_;
  MemoryStore store_;
  ScriptedCourier courier_;
  bool mailbox_broken = false;
  MailboxWriter mailboxes_;
  MessageIdSource ids_{200};
  RelayOptions options_;
  std::vector<Route> route_list_;
  RouteTable routes_;
  std::unique_ptr<Relay> relay_;
  std::vector<DeliveryEventKind> events_;
  int count_ = 0;
};

}  // namespace postern

#endif  // POSTERN_TESTS_RELAY_RELAY_WORLD_H_
