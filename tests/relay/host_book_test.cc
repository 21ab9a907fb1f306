#include "relay/host_book.h"

#include <chrono>

#include "gtest/gtest.h"

namespace postern {
namespace {

constexpr MonotonicTime kStart{1'000'000'000'000};
constexpr const char* kHost = "192.0.2.1:25";

TEST(HostBook, AHostGetsSoManyConnectionsAndNoMore) {
  HostBook book;
  HostBook::Host* const first = book.TryHold(kHost, 2);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(book.TryHold(kHost, 2), first);
  EXPECT_EQ(book.TryHold(kHost, 2), nullptr);
  EXPECT_EQ(book.TryHold(kHost, 3), first) << "another route may allow more";
  EXPECT_NE(book.TryHold("192.0.2.1:2525", 1), nullptr) << "another port is another server";
  book.Release(*first, kStart);
  book.Release(*first, kStart);
  EXPECT_EQ(book.TryHold(kHost, 2), first);
}

TEST(HostBook, OfAHostWithoutAConnectionNothingIsKeptButWhatWasLearnt) {
  HostBook book;
  book.Release(*book.TryHold(kHost, 1), kStart);
  EXPECT_EQ(book.host_count(), 0u);

  HostBook::Host* host = book.TryHold(kHost, 1);
  HostBook::NoteFailure(*host, kStart);
  book.Release(*host, kStart);
  EXPECT_TRUE(book.FailedLately(kHost, kStart + (HostBook::kFailureTime - Duration(1))));
  EXPECT_FALSE(book.FailedLately(kHost, kStart + HostBook::kFailureTime));
  EXPECT_FALSE(book.FailedLately("192.0.2.2:25", kStart));

  host = book.TryHold(kHost, 1);
  HostBook::NoteAnswer(*host);
  EXPECT_FALSE(book.FailedLately(kHost, kStart));
  HostBook::NoteSingle(*host, kStart);
  book.Release(*host, kStart);
  host = book.TryHold(kHost, 1);
  EXPECT_TRUE(HostBook::TakesOne(*host, kStart + std::chrono::hours(23)));
  EXPECT_FALSE(HostBook::TakesOne(*host, kStart + std::chrono::hours(24)));
  book.Release(*host, kStart + std::chrono::hours(24));
  EXPECT_EQ(book.host_count(), 0u);
}

TEST(HostBook, IsBoundedAndForgetsFirstWhatItWouldForgetAnyway) {
  HostBook book(2);
  HostBook::Host* const held = book.TryHold("held", 1);
  HostBook::NoteFailure(*held, kStart);
  const char* const names[] = {"b", "a", "c"};
  for (int i = 0; i < 3; ++i) {
    HostBook::Host* const host = book.TryHold(names[i], 1);
    HostBook::NoteFailure(*host, kStart + std::chrono::seconds(i));
    book.Release(*host, kStart + std::chrono::seconds(i));
  }
  EXPECT_EQ(book.host_count(), 3u);
  EXPECT_EQ(book.Find("b"), nullptr);
  EXPECT_NE(book.Find("a"), nullptr);
  EXPECT_NE(book.Find("c"), nullptr);
  EXPECT_EQ(book.Find("held"), held);

  // What it would not say any more leaves with the next one that goes to rest.
  book.Release(*held, kStart + std::chrono::hours(1));
  EXPECT_EQ(book.host_count(), 0u);
}

}  // namespace
}  // namespace postern
