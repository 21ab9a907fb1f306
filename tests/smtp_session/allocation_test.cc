// A message after warm-up allocates nothing: every operator new of this program is counted.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <string_view>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "core/block_pool.h"
#include "core/ring_buffer.h"
#include "gtest/gtest.h"
#include "smtp/conversation.h"
#include "smtp/transaction.h"

namespace {
size_t g_allocation_count = 0;
}  // namespace

void* operator new(size_t size) {
  ++g_allocation_count;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  ++g_allocation_count;
  return std::malloc(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

namespace postern {
namespace {

// What a gateway does for a conversation, without a place to put anything.
class Sink {
 public:
  Sink() : ring_(memory_), conversation_(options_, transactions_) {
    CHECK_OK(options_.local_domains.Add("local.example", 0));
    conversation_.Start({.address = "192.0.2.7", .trusted = true}, out_, now_);
    Send("EHLO client.example\r\n");
  }

  void Send(std::string_view bytes) {
    do {
      const std::span<char> room = ring_.WritableSpan();
      const size_t size = std::min(room.size(), bytes.size());
      std::memcpy(room.data(), bytes.data(), size);
      ring_.Commit(size);
      bytes.remove_prefix(size);
      Run();
    } while (!bytes.empty());
  }

  size_t message_count() const { return message_count_; }
  size_t fragment_count() const { return fragment_count_; }

 private:
  void Run() {
    for (;;) {
      const Want want = conversation_.Pump(ring_, out_, now_);
      out_.clear();
      switch (want) {
        case Want::kInput: return;
        case Want::kDrain: break;
        case Want::kAdmission: conversation_.Admit(ids_.Next({}), pool_.TryTake(), {}); break;
        case Want::kFragment:
          pool_.Give(conversation_.TakeFragment());
          conversation_.GiveBlock(pool_.TryTake());
          ++fragment_count_;
          break;
        case Want::kReceipt:
          pool_.Give(conversation_.TakeMessage().block);
          conversation_.HandleReceipt(HandoffResult::kDurable);
          ++message_count_;
          break;
        case Want::kRelease:
        case Want::kClose: FAIL() << "not on the good path";
      }
    }
  }

  std::array<char, kBlockSize> memory_{};
  RingBuffer ring_;
  BlockPool pool_{1};
  ConversationOptions options_;
  MessageIdSource ids_{0};
  MonotonicTime now_{1};
  std::string out_;
  size_t message_count_ = 0;
  size_t fragment_count_ = 0;
  TransactionPool transactions_{0};
  Conversation conversation_;
};

std::string Message(std::string_view body) {
  return absl::StrCat(
      "MAIL FROM:<a.sender.with.a.long.name@sender.example> SIZE=1000 BODY=8BITMIME RET=FULL ENVID=QQ314159\r\n"
      "RCPT TO:<b@local.example> NOTIFY=FAILURE ORCPT=rfc822;b@local.example\r\n"
      "RCPT TO:<c@elsewhere.example>\r\nDATA\r\n",
      body, "\r\n.\r\n");
}

std::string Chunks(std::string_view body) {
  return absl::StrCat("MAIL FROM:<a@sender.example>\r\nRCPT TO:<b@local.example>\r\nBDAT ", body.size(), "\r\n", body,
                      "BDAT 0 LAST\r\n");
}

void ExpectNoAllocation(const std::string& message, size_t fragment_count) {
  Sink sink;
  for (int i = 0; i < 3; ++i) sink.Send(message);
  const size_t before = g_allocation_count;
  for (int i = 0; i < 100; ++i) sink.Send(message);
  EXPECT_EQ(g_allocation_count - before, 0u);
  EXPECT_EQ(sink.message_count(), 103u);
  EXPECT_EQ(sink.fragment_count(), 103 * fragment_count);
}

std::string Body(size_t size) {
  std::string body = "Subject: x\r\n\r\n";
  while (body.size() < size) body.append("a line of text, as long as lines of text are wont to be, or nearly so.\r\n");
  body.resize(size - 2, 'x');
  return body.append("\r\n");
}

TEST(Allocation, NoneForASmallMessage) { ExpectNoAllocation(Message(Body(1000)), 0); }
TEST(Allocation, NoneForALargeMessage) { ExpectNoAllocation(Message(Body(100'000)), 3); }
TEST(Allocation, NoneForChunks) { ExpectNoAllocation(Chunks(Body(100'000)), 3); }

TEST(Allocation, IsCounted) {
  const size_t before = g_allocation_count;
  const std::string text(1000, 'x');
  EXPECT_GT(g_allocation_count, before);
  EXPECT_EQ(text.size(), 1000u);
}

}  // namespace
}  // namespace postern
