#include "smtp/body_sender.h"

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

// What a body looks like on the wire, by the letter of RFC 5321 4.5.2.
std::string NaiveDots(std::string_view body) {
  const bool whole = body.empty() || absl::EndsWith(body, "\r\n");
  const std::string doubled = absl::StrReplaceAll(absl::StrCat("\r\n", body), {{"\r\n.", "\r\n.."}});
  return absl::StrCat(doubled.substr(2), whole ? "" : "\r\n", ".\r\n");
}

// Written through a ring of `ring_size` bytes, given in pieces of `piece_size`.
std::string Send(BodyForm form, std::string_view body, size_t piece_size, size_t ring_size) {
  std::vector<char> memory(ring_size);
  RingBuffer out(memory);
  BodySender sender;
  sender.Start(form, body.size());
  std::string sent;
  size_t offset = 0;
  while (!sender.complete()) {
    const std::string_view piece = body.substr(offset, piece_size);
    EXPECT_TRUE(sender.Give(piece));
    offset += piece.size();
    for (bool all = false; !all;) {
      all = sender.Write(out);
      while (!out.empty()) {
        sent += out.Peek();
        out.Consume(out.Peek().size());
      }
    }
    EXPECT_FALSE(sender.unwritten());
  }
  return sent;
}

TEST(BodySender, AsTheNaiveOneHoweverItIsCut) {
  std::mt19937 random(7);
  constexpr std::string_view kBytes = ".\r\nx";
  for (int round = 0; round < 3000; ++round) {
    std::string body;
    for (size_t size = random() % 20; body.size() < size;) {
      body += random() % 3 == 0 ? std::string("\r\n.") : std::string(1, kBytes[random() % kBytes.size()]);
    }
    const std::string sent = Send(BodyForm::kDots, body, 1 + random() % 5, 2 + random() % 9);
    ASSERT_EQ(sent, NaiveDots(body)) << body;
  }
}

TEST(BodySender, ChunksAreThePiecesAsTheyStand) {
  EXPECT_EQ(Send(BodyForm::kChunks, "a\r\n.\r\nb\r\n", 4, 3), "BDAT 4\r\na\r\n.BDAT 4\r\n\r\nb\rBDAT 1 LAST\r\n\n");
  EXPECT_EQ(Send(BodyForm::kChunks, "abc", 2, 100), "BDAT 2\r\nabBDAT 3 LAST\r\nc\r\n");
  EXPECT_EQ(Send(BodyForm::kChunks, "", 2, 100), "BDAT 0 LAST\r\n");
}

TEST(BodySender, TakesNoMoreThanWasSaid) {
  BodySender sender;
  sender.Start(BodyForm::kDots, 3);
  EXPECT_FALSE(sender.Give("abcd"));
  sender.Start(BodyForm::kChunks, 3);
  EXPECT_TRUE(sender.Give(""));
  EXPECT_FALSE(sender.unwritten()) << "an empty piece is no chunk";
  EXPECT_FALSE(sender.complete());
}

}  // namespace
}  // namespace postern
