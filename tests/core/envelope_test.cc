#include "core/envelope.h"

#include <string>

#include "core/limits.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

std::string Sample() {
  EnvelopeWriter writer;
  writer.Start({.peer = "192.0.2.7",
                .helo = "client.example",
                .sender = "a@sender.example",
                .envid = "QQ314159",
                .flags = kEnvelopeEightBit | kEnvelopeUtf8,
                .ret = DsnReturn::kHeaders});
  writer.AddRecipient({.address = "b@local.example", .notify = kNotifyFailure | kNotifyDelay, .orcpt = "rfc822;b"});
  writer.AddRecipient({.address = "postmaster"});
  return std::string(writer.bytes());
}

TEST(Envelope, ComesBackAsItWasWritten) {
  const std::string bytes = Sample();
  const std::optional<Envelope> envelope = ParseEnvelope(bytes);
  ASSERT_TRUE(envelope.has_value());
  EXPECT_EQ(envelope->peer, "192.0.2.7");
  EXPECT_EQ(envelope->helo, "client.example");
  EXPECT_EQ(envelope->sender, "a@sender.example");
  EXPECT_EQ(envelope->envid, "QQ314159");
  EXPECT_EQ(envelope->flags, kEnvelopeEightBit | kEnvelopeUtf8);
  EXPECT_EQ(envelope->ret, DsnReturn::kHeaders);
  ASSERT_EQ(envelope->recipients.size(), 2u);
  EXPECT_EQ(envelope->recipients[0].address, "b@local.example");
  EXPECT_EQ(envelope->recipients[0].notify, kNotifyFailure | kNotifyDelay);
  EXPECT_EQ(envelope->recipients[0].orcpt, "rfc822;b");
  EXPECT_EQ(envelope->recipients[1].address, "postmaster");
}

TEST(Envelope, RefusesEveryCutAndEveryAddition) {
  const std::string bytes = Sample();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(ParseEnvelope(std::string_view(bytes).substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(ParseEnvelope(bytes + "x").has_value());
}

// What stays after a flipped bit may be another envelope, but never a crash, and never a huge reservation.
TEST(Envelope, SurvivesEveryFlippedBit) {
  const std::string bytes = Sample();
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      const std::optional<Envelope> envelope = ParseEnvelope(damaged);
      if (envelope.has_value()) {
        EXPECT_LE(envelope->recipients.size(), bytes.size());
      }
    }
  }
}

TEST(EnvelopeWriter, StartsOverWithoutARest) {
  EnvelopeWriter writer;
  writer.Start({.sender = "x@y"});
  writer.AddRecipient({.address = "z@y"});
  writer.Start({});
  EXPECT_EQ(writer.recipient_count(), 0u);
  const std::optional<Envelope> envelope = ParseEnvelope(writer.bytes());
  ASSERT_TRUE(envelope.has_value());
  EXPECT_EQ(envelope->sender, "");
  EXPECT_TRUE(envelope->recipients.empty());
}

TEST(Envelope, TellsWhatItWillTakeAndKeepsNoMoreThanUsual) {
  EnvelopeWriter writer;
  writer.Start({.sender = "a@sender.example"});
  const std::string orcpt = "rfc822;" + std::string(400, 'x');
  const Recipient recipient{.address = "b@local.example", .orcpt = orcpt};
  while (writer.bytes().size() < 10 * kEnvelopeSizeKept) {
    const size_t told = writer.MemorySizeWith(recipient);
    writer.AddRecipient(recipient);
    ASSERT_EQ(writer.memory_size(), told);
    ASSERT_GE(writer.memory_size(), writer.bytes().size());
  }
  writer.Clear();
  EXPECT_LE(writer.memory_size(), kEnvelopeSizeKept);
  writer.Start({});
  while (writer.MemorySizeWith(recipient) <= kEnvelopeSizeKept) writer.AddRecipient(recipient);
  const size_t usual = writer.memory_size();
  writer.Clear();
  EXPECT_EQ(writer.memory_size(), usual) << "the next message allocates nothing";
}

}  // namespace
}  // namespace postern
