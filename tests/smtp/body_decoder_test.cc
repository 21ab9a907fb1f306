#include "smtp/body_decoder.h"

#include <random>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "tests/smtp/naive.h"

namespace postern {

void PrintTo(const Body& body, std::ostream* out) {
  *out << "status " << static_cast<int>(body.status) << ", consumed " << body.consumed << ", "
       << testing::PrintToString(body.text);
}

namespace {

using enum DecodeStatus;

Body Data(std::string_view input, BareNewline bare_newline = BareNewline::kReject) {
  return DecodeDataInPieces(input, bare_newline, Whole(), Always(100));
}

// The text of a message that has its end, and nothing left behind it.
std::string Normalized(std::string_view input) {
  const Body body = Data(input, BareNewline::kNormalize);
  EXPECT_EQ(body.status, kEnd) << input;
  EXPECT_EQ(body.consumed, input.size()) << input;
  return body.text;
}

TEST(BodyDecoder, OnlyADotAloneOnALineEndsData) {
  EXPECT_EQ(Data("a\r\n.\r\nQUIT\r\n"), (Body{kEnd, 6, "a\r\n"}));
  EXPECT_EQ(Data(".\r\n"), (Body{kEnd, 3, ""})) << "354 starts a line";
  EXPECT_EQ(Data("\r\n.\r\n"), (Body{kEnd, 5, "\r\n"}));
  EXPECT_EQ(Data("a.\r\n"), (Body{kNeedInput, 4, "a.\r\n"}));
  EXPECT_EQ(Data("a\r\n.\r"), (Body{kNeedInput, 5, "a\r\n"}));
}

TEST(BodyDecoder, DotsAreUnstuffed) {
  EXPECT_EQ(Data("..\r\n...\r\n.a\r\nb.\r\n.\r\n"), (Body{kEnd, 20, ".\r\n..\r\na\r\nb.\r\n"}));
  EXPECT_EQ(Data("..\r\n..\r\n..\r\n.\r\n").text, ".\r\n.\r\n.\r\n");
}

TEST(BodyDecoder, AnyOtherByteIsText) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) {
    if (byte != '\r' && byte != '\n') bytes += static_cast<char>(byte);
  }
  EXPECT_EQ(Data(bytes + "\r\n.\r\n").text, bytes + "\r\n");
}

TEST(BodyDecoder, ABareNewlineIsRefusedWhereverItStands) {
  for (const char* input : {"\n", "a\n", "a\r\n\n", "\ra", "a\rb", "\r\r", "\r\r\n", "a\r\n.\n", "a\r\n.\ra",
                            "a\r\n.\r\r\n", ".\r.", "a\n.\n", "a\n.\r\n", "a\r.\r", "a\r\n.\r.\n"}) {
    EXPECT_EQ(Data(input).status, kBareNewline) << testing::PrintToString(input);
  }
}

TEST(BodyDecoder, ABareNewlineStaysRefused) {
  char memory[] = "a\nb";
  RingBuffer ring(std::span<char>(memory, 3));
  ring.Commit(3);
  char room[16];
  BodyDecoder decoder(BareNewline::kReject);
  decoder.StartData();
  EXPECT_EQ(decoder.Decode(ring, room).status, kBareNewline);
  const DecodeStep again = decoder.Decode(ring, room);
  EXPECT_EQ(again.status, kBareNewline);
  EXPECT_EQ(again.consumed, 0u);
}

TEST(BodyDecoder, ARepairedNewlineEndsALineAndNothingElse) {
  EXPECT_EQ(Normalized("a\nb\rc\r\n.\r\n"), "a\r\nb\r\nc\r\n");
  EXPECT_EQ(Normalized("a\n.\n\r\n.\r\n"), "a\r\n.\r\n\r\n");
  EXPECT_EQ(Normalized("a\n.\r\n\r\n.\r\n"), "a\r\n.\r\n\r\n");
  EXPECT_EQ(Normalized("a\r\n.\n\r\n.\r\n"), "a\r\n\r\n\r\n") << "the dot behind a CR LF is stuffing";
  EXPECT_EQ(Normalized("a\r.\r\r\n.\r\n\r\n.\r\n"), "a\r\n.\r\n\r\n.\r\n\r\n")
      << "a CR LF touched by a repair starts no line";
  EXPECT_EQ(Normalized("a\r\n.\r.\n\r\n.\r\n"), "a\r\n\r\n.\r\n\r\n");
  EXPECT_EQ(Normalized("a\r\n.\r\r\n\r\n.\r\n"), "a\r\n\r\n\r\n\r\n");
}

TEST(BodyDecoder, AChunkIsCountedAndItsDotsAreBytes) {
  EXPECT_EQ(DecodeChunksInPieces("..\r\n.\r\n.", BareNewline::kReject, Always(3), Whole(), Always(100)),
            (Body{kEnd, 8, "..\r\n.\r\n."}));
  EXPECT_EQ(DecodeChunksInPieces("", BareNewline::kReject, Whole(), Whole(), Always(100)), (Body{kEnd, 0, ""}));
}

TEST(BodyDecoder, ACrLfMayLieAcrossTwoChunks) {
  const auto chunks = [](std::string_view input, BareNewline bare_newline) {
    return DecodeChunksInPieces(input, bare_newline, Always(2), Whole(), Always(3));
  };
  EXPECT_EQ(chunks("a\r\nb", BareNewline::kReject), (Body{kEnd, 4, "a\r\nb"}));
  EXPECT_EQ(chunks("a\rb", BareNewline::kReject).status, kBareNewline);
  EXPECT_EQ(chunks("a\rb", BareNewline::kNormalize), (Body{kEnd, 3, "a\r\nb"}));
  EXPECT_EQ(chunks("a\r", BareNewline::kReject).status, kBareNewline) << "at the end of the last chunk nothing follows";
  EXPECT_EQ(chunks("a\r", BareNewline::kNormalize), (Body{kEnd, 2, "a\r\n"}));
}

TEST(BodyDecoder, AnEmptyLastChunkTellsThatNothingFollowsACr) {
  char memory[] = "a\r";
  RingBuffer ring(std::span<char>(memory, 2));
  ring.Commit(2);
  char room[16];
  BodyDecoder decoder(BareNewline::kReject);
  decoder.StartChunks();
  decoder.StartChunk(2, /*last=*/false);
  EXPECT_EQ(decoder.Decode(ring, room).status, kEnd);
  decoder.StartChunk(0, /*last=*/true);
  EXPECT_EQ(decoder.Decode(ring, room).status, kBareNewline);
}

TEST(BodyDecoder, AChunkTakesNothingOfWhatFollowsIt) {
  char memory[] = "abQUIT";
  RingBuffer ring(std::span<char>(memory, 6));
  ring.Commit(6);
  char room[16];
  BodyDecoder decoder(BareNewline::kReject);
  decoder.StartChunks();
  decoder.StartChunk(2, /*last=*/true);
  EXPECT_EQ(decoder.Decode(ring, room).status, kEnd);
  EXPECT_EQ(ring.Peek(), "QUIT");
}

TEST(BodyDecoder, AskedForRoomItTakesNothing) {
  char memory[] = "abcd";
  RingBuffer ring(std::span<char>(memory, 4));
  ring.Commit(4);
  char room[kDecodeRoomMin - 1];
  BodyDecoder decoder(BareNewline::kReject);
  decoder.StartData();
  const DecodeStep step = decoder.Decode(ring, room);
  EXPECT_EQ(step.status, kNeedRoom);
  EXPECT_EQ(step.consumed + step.produced, 0u);
}

std::string RandomInput(std::mt19937& random) {
  static constexpr std::string_view kPieces[] = {"\r\n", "\r\n", "\r\n",           "\r",    "\n",   ".",
                                                 "..",   "a",    "a line of text", "\r\n.", ".\r\n"};
  std::string input;
  for (size_t count = random() % 40; count > 0; --count) input += kPieces[random() % std::size(kPieces)];
  return input;
}

TEST(BodyDecoder, HoweverTheInputIsCutTheBodyIsTheSame) {
  std::mt19937 random(2);
  for (int round = 0; round < 5000; ++round) {
    const std::string input = RandomInput(random);
    for (const BareNewline bare_newline : {BareNewline::kReject, BareNewline::kNormalize}) {
      const Body data = NaiveDecodeData(input, bare_newline);
      ASSERT_EQ(DecodeDataInPieces(input, bare_newline, Whole(), Always(1000)), data) << testing::PrintToString(input);
      ASSERT_EQ(DecodeDataInPieces(input, bare_newline, Always(1), Always(3)), data) << testing::PrintToString(input);
      ASSERT_EQ(DecodeDataInPieces(input, bare_newline, Random(random(), 30), Random(random(), 30)), data)
          << testing::PrintToString(input);
      const Body chunks = NaiveDecodeChunks(input, bare_newline);
      ASSERT_EQ(DecodeChunksInPieces(input, bare_newline, Whole(), Whole(), Always(1000)), chunks)
          << testing::PrintToString(input);
      ASSERT_EQ(
          DecodeChunksInPieces(input, bare_newline, Random(random(), 9), Random(random(), 9), Random(random(), 9)),
          chunks)
          << testing::PrintToString(input);
    }
  }
}

}  // namespace
}  // namespace postern
