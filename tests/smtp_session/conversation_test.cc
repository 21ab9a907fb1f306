// What a transcript cannot say of a Conversation: wants that are not met, and what happens out of turn.

#include "smtp/conversation.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/log/check.h"
#include "absl/strings/match.h"
#include "core/block_pool.h"
#include "core/ring_buffer.h"
#include "gtest/gtest.h"
#include "smtp/transaction.h"

namespace postern {
namespace {

constexpr MonotonicTime kStart{1'000'000'000};
constexpr std::string_view kEnvelope =
    "EHLO client.example\r\nMAIL FROM:<a@sender.example>\r\nRCPT TO:<b@local.example>\r\n";

class ConversationTest : public testing::Test {
 public:
  ConversationTest() : memory_(kBlockSize), ring_(memory_), conversation_(options_, transactions_) {
    CHECK_OK(options_.local_domains.Add("local.example", 0));
    Start();
  }

  void Start() {
    out_.clear();
    conversation_.Start({.address = "192.0.2.7"}, out_, kStart);
  }
  Want Pump(std::string_view bytes = {}) {
    const std::span<char> room = ring_.WritableSpan();
    CHECK_LE(bytes.size(), room.size());
    ring_.Commit(bytes.copy(room.data(), bytes.size()));
    return conversation_.Pump(ring_, out_, kStart);
  }
  void Admit() { conversation_.Admit(ids_.Next({}), pool_.TryTake(), {}); }
  // In DATA, with a full block.
  void FillBlock() {
    ASSERT_EQ(Pump(std::string(kEnvelope) + "DATA\r\n"), Want::kAdmission);
    Admit();
    ASSERT_EQ(Pump(std::string(20'000, 'x')), Want::kInput);
    ASSERT_EQ(Pump(std::string(20'000, 'x')), Want::kFragment);
  }
  void ReachReceipt() {
    ASSERT_EQ(Pump(std::string(kEnvelope) + "DATA\r\n"), Want::kAdmission);
    Admit();
    ASSERT_EQ(Pump("x: y\r\n.\r\n"), Want::kReceipt);
  }

  // Names recipients until one is refused; how many were taken.
  int NameManyRecipients() {
    for (int count = 0;; ++count) {
      out_.clear();
      EXPECT_EQ(Pump("RCPT TO:<b@local.example> ORCPT=rfc822;" + std::string(400, 'x') + "\r\n"), Want::kInput);
      if (!out_.starts_with("250 ")) return count;
    }
  }

  std::vector<char> memory_;
  RingBuffer ring_;
  BlockPool pool_{1};
  MessageIdSource ids_{0};
  ConversationOptions options_;
  TransactionPool transactions_{50'000};
  std::string out_;
  Conversation conversation_;
};

TEST_F(ConversationTest, AnswersNoMoreWhileItsRepliesAreNotTaken) {
  std::string commands;
  while (commands.size() < 30'000) commands += "NOOP\r\n";
  EXPECT_EQ(Pump(commands), Want::kDrain);
  EXPECT_LE(out_.size(), 17u * 1024);
  const size_t waiting = ring_.size();
  EXPECT_GT(waiting, 0u);
  EXPECT_EQ(Pump(), Want::kDrain);  // and consumes nothing
  EXPECT_EQ(ring_.size(), waiting);
  EXPECT_EQ(conversation_.deadline(), kStart + options_.timeouts.command);  // it is the peer who has to read
  conversation_.HandleTimeout();
  EXPECT_EQ(Pump(), Want::kClose);
  EXPECT_TRUE(absl::EndsWith(out_, "421 4.4.2 Timed out waiting for you\r\n"));
}

TEST_F(ConversationTest, BeginsAnewAfterItsEnd) {
  EXPECT_EQ(Pump(std::string(kEnvelope) + "QUIT\r\nNOOP\r\n"), Want::kClose);
  EXPECT_TRUE(ring_.empty());
  Start();
  EXPECT_EQ(Pump("MAIL FROM:<a@sender.example>\r\n"), Want::kInput);  // the EHLO was another's
  EXPECT_TRUE(absl::EndsWith(out_, "503 5.5.1 Say EHLO first\r\n"));
  EXPECT_EQ(conversation_.helo(), "");
}

TEST_F(ConversationTest, BeginsAnewAfterAnEndInMidLine) {
  EXPECT_EQ(Pump(std::string(3000, 'x')), Want::kInput);  // refused, and still being swallowed
  conversation_.HandlePeerEnd();
  EXPECT_EQ(Pump(), Want::kClose);
  Start();
  EXPECT_EQ(Pump("NOOP\r\n"), Want::kInput);
  EXPECT_TRUE(absl::EndsWith(out_, "250 2.0.0 OK\r\n"));
}

TEST_F(ConversationTest, RepeatsTheWantThatIsNotMet) {
  EXPECT_EQ(Pump(std::string(kEnvelope) + "DATA\r\n"), Want::kAdmission);
  EXPECT_EQ(Pump("x: y\r\n.\r\n"), Want::kAdmission);
  EXPECT_FALSE(absl::StrContains(out_, "354"));
  Admit();
  EXPECT_EQ(Pump(), Want::kReceipt);
  EXPECT_EQ(Pump("NOOP\r\n"), Want::kReceipt);
  const WholeMessage message = conversation_.TakeMessage();
  EXPECT_EQ(message.size, message.block->size);
  EXPECT_EQ(message.recipient_count, 1u);
  pool_.Give(message.block);
  EXPECT_EQ(Pump(), Want::kReceipt);
  EXPECT_EQ(ring_.size(), 6u);
  conversation_.HandleReceipt(HandoffResult::kDurable);
  EXPECT_EQ(Pump(), Want::kInput);
  EXPECT_TRUE(absl::EndsWith(out_, "250 2.0.0 OK\r\n"));
}

TEST_F(ConversationTest, WantsABlockUntilThereIsOne) {
  FillBlock();
  EXPECT_EQ(Pump(), Want::kFragment);
  Block* block = conversation_.TakeFragment();
  const size_t waiting = ring_.size();
  EXPECT_EQ(Pump(), Want::kFragment);
  EXPECT_EQ(ring_.size(), waiting);
  EXPECT_EQ(conversation_.deadline(), kNever);
  block->size = 0;
  conversation_.GiveBlock(block);
  EXPECT_EQ(Pump(), Want::kInput);
  EXPECT_TRUE(ring_.empty());
  conversation_.HandlePeerEnd();
  EXPECT_EQ(Pump(), Want::kRelease);
  EXPECT_EQ(conversation_.TakeReleased(), block);
  EXPECT_EQ(Pump(), Want::kClose);
}

TEST_F(ConversationTest, ReleasesWithoutABlockWhenItIsAway) {
  FillBlock();
  pool_.Give(conversation_.TakeFragment());
  conversation_.HandleAbort();
  EXPECT_EQ(Pump(), Want::kRelease);
  EXPECT_EQ(conversation_.TakeReleased(), nullptr);
  EXPECT_EQ(Pump(), Want::kClose);
  EXPECT_TRUE(absl::EndsWith(out_, "421 4.3.2 Shutting down; try again later\r\n"));
}

TEST_F(ConversationTest, ReleasesAWholeMessageThatNobodyTook) {
  ReachReceipt();
  conversation_.HandlePeerEnd();
  EXPECT_EQ(Pump(), Want::kRelease);
  pool_.Give(conversation_.TakeReleased());
  EXPECT_EQ(Pump(), Want::kClose);
}

TEST_F(ConversationTest, TakesAReceiptThatComesTooLate) {
  ReachReceipt();
  const WholeMessage message = conversation_.TakeMessage();
  pool_.Give(message.block);
  const std::string envelope(message.envelope);
  conversation_.HandlePeerEnd();
  EXPECT_EQ(Pump(), Want::kClose);
  EXPECT_EQ(message.envelope, envelope);  // lent until the receipt
  const std::string said = out_;
  conversation_.HandleReceipt(HandoffResult::kDurable);
  EXPECT_EQ(Pump(), Want::kClose);
  EXPECT_EQ(out_, said);
}

TEST_F(ConversationTest, TellsOfWhomItSpeaks) {
  ASSERT_EQ(Pump(kEnvelope), Want::kInput);
  EXPECT_EQ(conversation_.helo(), "client.example");
  EXPECT_EQ(conversation_.sender(), "a@sender.example");
  ASSERT_EQ(Pump("RCPT TO:<b@elsewhere.example>\r\nRSET\r\n"), Want::kInput);
  conversation_.HandleTimeout();  // not in that message
  const std::vector<ConversationNote> notes = conversation_.TakeNotes();
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_EQ(notes[0].kind, ConversationNote::Kind::kRecipientRefused);
  EXPECT_EQ(notes[0].sender, "a@sender.example");
  EXPECT_EQ(notes[1].kind, ConversationNote::Kind::kTimedOut);
  EXPECT_EQ(notes[1].sender, "");
  EXPECT_TRUE(conversation_.TakeNotes().empty());
}

// A long envelope is bounded by what all conversations share, and costs nothing once its message is over.
TEST_F(ConversationTest, SharesTheMemoryOfLongEnvelopes) {
  ASSERT_EQ(Pump(kEnvelope), Want::kInput);
  const int alone = NameManyRecipients();
  EXPECT_TRUE(out_.starts_with("452 4.5.3 "));
  EXPECT_GT(transactions_.charged_size(), 0u);

  Conversation other(options_, transactions_);
  std::string said;
  other.Start({.address = "192.0.2.8"}, said, kStart);
  std::string commands(kEnvelope);
  for (int i = 0; i < alone; ++i) {
    commands += "RCPT TO:<b@local.example> ORCPT=rfc822;" + std::string(400, 'x') + "\r\n";
  }
  std::vector<char> memory(commands.begin(), commands.end());
  RingBuffer ring(memory);
  ring.Commit(memory.size());
  EXPECT_EQ(other.Pump(ring, said, kStart), Want::kInput);
  EXPECT_TRUE(absl::StrContains(said, "\r\n250 2.1.5 ")) << "a usual envelope needs nothing of it";
  EXPECT_TRUE(absl::StrContains(said, "\r\n452 4.5.3 "));

  other.HandlePeerEnd();
  ASSERT_EQ(Pump("RSET\r\n"), Want::kInput);
  EXPECT_EQ(transactions_.charged_size(), 0u);
}

TEST_F(ConversationTest, GivesTheMemoryOfALongEnvelopeBackHoweverItEnds) {
  const auto begin = [&](std::string_view then) {
    Start();
    ASSERT_EQ(Pump(kEnvelope), Want::kInput);
    NameManyRecipients();
    ASSERT_GT(transactions_.charged_size(), 0u);
    if (then.empty()) return;
    ASSERT_EQ(Pump("DATA\r\n"), Want::kAdmission);
    Admit();
    Pump(then);
  };
  const auto end = [&] {
    conversation_.HandlePeerEnd();
    if (Pump() == Want::kRelease) pool_.Give(conversation_.TakeReleased());
    ASSERT_EQ(Pump(), Want::kClose);
  };
  begin("");  // before its body
  end();
  EXPECT_EQ(transactions_.charged_size(), 0u);

  begin("");  // by QUIT
  EXPECT_EQ(Pump("QUIT\r\n"), Want::kClose);
  EXPECT_EQ(transactions_.charged_size(), 0u);

  begin("x: y\r\n");  // in it
  end();
  EXPECT_EQ(transactions_.charged_size(), 0u);

  begin("x: y\r\n.\r\n");  // whole, and taken by nobody
  end();
  EXPECT_EQ(transactions_.charged_size(), 0u);

  for (const bool gone : {false, true}) {  // with its receipt
    begin("x: y\r\n.\r\n");
    pool_.Give(conversation_.TakeMessage().block);
    if (gone) end();
    EXPECT_GT(transactions_.charged_size(), 0u) << "the envelope is lent";
    conversation_.HandleReceipt(HandoffResult::kDurable);
    EXPECT_EQ(transactions_.charged_size(), 0u);
    if (!gone) end();
  }
}

// Once ended, it stays so and says nothing more, until it begins anew and knows nothing of that.
TEST_F(ConversationTest, HasOneEnd) {
  EXPECT_EQ(Pump("QUIT\r\n"), Want::kClose);
  const std::string said = out_;
  conversation_.HandleTimeout();
  conversation_.HandleShutdown();
  conversation_.HandleAbort();
  conversation_.HandlePeerEnd();
  EXPECT_EQ(Pump("NOOP\r\n"), Want::kClose);
  EXPECT_EQ(out_, said);
  EXPECT_TRUE(ring_.empty());
  EXPECT_EQ(conversation_.deadline(), kNever);
  Start();
  EXPECT_EQ(Pump("NOOP\r\n"), Want::kInput);
}

}  // namespace
}  // namespace postern
