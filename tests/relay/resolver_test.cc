// The resolver with a look-up that the test holds, and the book of names over a resolver that does as it is told.

#include "relay/resolver.h"

#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "relay/name_book.h"

namespace postern {
namespace {

using Addresses = absl::StatusOr<std::vector<std::string>>;

class Bell final : public Wakeable {
 public:
  void Wake() override {
    count.fetch_add(1);
    count.notify_all();
  }
  std::atomic<int> count{0};
};

TEST(SystemResolver, OneThatIsStuckHoldsUpNeitherOthersNorTheEnd) {
  Bell relay;
  auto stuck = std::make_shared<std::latch>(1);
  auto resolver = std::make_shared<SystemResolver>(3, relay, [stuck](const std::string& host) -> Addresses {
    if (host == "stuck") stuck->wait();
    if (host == "bad") return absl::NotFoundError("no such host");
    return std::vector<std::string>{"192.0.2.1"};
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) threads.emplace_back([resolver] { resolver->Run(); });

  auto lost = std::make_unique<Question>();
  lost->host = "stuck";
  ASSERT_TRUE(resolver->TryStart(*lost));
  Question bad;
  bad.host = "bad";
  Question good;
  good.host = "good";
  ASSERT_TRUE(resolver->TryStart(bad));
  ASSERT_TRUE(resolver->TryStart(good));
  Question fourth;
  EXPECT_FALSE(resolver->TryStart(fourth));
  for (int seen = 0; seen < 2; seen = relay.count.load()) relay.count.wait(seen);
  EXPECT_EQ(resolver->TryTakeDone(), &bad);
  EXPECT_EQ(resolver->TryTakeDone(), &good);
  EXPECT_EQ(resolver->TryTakeDone(), nullptr);
  EXPECT_EQ(bad.error, "no such host");
  EXPECT_EQ(good.addresses, std::vector<std::string>{"192.0.2.1"});
  EXPECT_TRUE(lost->begun);

  resolver->Close();
  lost.reset();  // nobody touches it any more: the sanitizers watch
  stuck->count_down();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(relay.count, 2);
}

// Has room for one question; the test answers it.
class OnePlace final : public Resolver {
 public:
  bool TryStart(Question& question) override {
    if (asked != nullptr) return false;
    asked = &question;
    asked_hosts.push_back(question.host);
    question.addresses.clear();
    question.error.clear();
    return true;
  }
  Question* TryTakeDone() override { return std::exchange(done, nullptr); }
  bool HasDone() const override { return done != nullptr; }
  void Answer(const std::string& error) {
    asked->error = error;
    if (error.empty()) asked->addresses = {"192.0.2.1"};
    done = std::exchange(asked, nullptr);
  }
  Question* asked = nullptr;
  Question* done = nullptr;
  std::vector<std::string> asked_hosts;
};

TEST(NameBook, AsksOnceForAllAndRemembersForAWhile) {
  OnePlace resolver;
  NameBook book(resolver);
  MonotonicTime now{1'000'000'000};
  EXPECT_EQ(book.Find("a", now), nullptr);
  EXPECT_EQ(book.Find("a", now), nullptr);
  EXPECT_EQ(book.Find("b", now), nullptr);  // waits for the place
  EXPECT_FALSE(book.TakeAnswers(now));
  resolver.asked->begun = true;
  EXPECT_TRUE(book.Begun("a"));
  EXPECT_FALSE(book.Begun("b"));

  resolver.Answer("");
  EXPECT_TRUE(book.TakeAnswers(now));
  ASSERT_NE(book.Find("a", now), nullptr);
  EXPECT_EQ(book.Find("a", now)->addresses.size(), 1u);
  resolver.Answer("no such host");
  EXPECT_TRUE(book.TakeAnswers(now));
  ASSERT_NE(book.Find("b", now), nullptr);
  EXPECT_EQ(book.Find("b", now)->error, "no such host");
  EXPECT_EQ(resolver.asked_hosts, (std::vector<std::string>{"a", "b"}));

  now = now + NameBook::kBadTime;
  EXPECT_NE(book.Find("a", now), nullptr);
  EXPECT_EQ(book.Find("b", now), nullptr);  // asked again
  EXPECT_FALSE(book.Begun("b"));
  resolver.Answer("");
  EXPECT_TRUE(book.TakeAnswers(now));
  EXPECT_EQ(book.Find("a", now + NameBook::kGoodTime), nullptr);
}

}  // namespace
}  // namespace postern
