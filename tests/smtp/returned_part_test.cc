#include "smtp/returned_part.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

constexpr std::string_view kBoundary = "=_0123456789ABC_report";

struct Measured {
  uint64_t size;
  bool eight_bit;
  bool header_eight_bit;
  bool holds_boundary;
};

Measured Measure(ReturnedContent content, std::string_view text, size_t piece_size) {
  ReturnedPart part(content, std::string(kBoundary));
  for (size_t i = 0; i < text.size(); i += piece_size) {
    if (!part.Look(text.substr(i, piece_size))) break;
  }
  return {part.size(), part.eight_bit(), part.header_eight_bit(), part.holds_boundary()};
}

// However it is cut into pieces.
Measured Measure(ReturnedContent content, std::string_view text) {
  const Measured whole = Measure(content, text, std::max<size_t>(text.size(), 1));
  for (size_t piece_size = 1; piece_size <= std::min<size_t>(text.size(), 60); ++piece_size) {
    const Measured cut = Measure(content, text, piece_size);
    EXPECT_EQ(cut.size, whole.size) << piece_size;
    EXPECT_EQ(cut.eight_bit, whole.eight_bit) << piece_size;
    EXPECT_EQ(cut.header_eight_bit, whole.header_eight_bit) << piece_size;
    EXPECT_EQ(cut.holds_boundary, whole.holds_boundary) << piece_size;
  }
  return whole;
}

TEST(ReturnedPart, AHeaderEndsBeforeItsEmptyLine) {
  EXPECT_EQ(Measure(ReturnedContent::kHeader, "A: b\r\nC: d\r\n\r\nbody\r\n").size, 12u);
  EXPECT_EQ(Measure(ReturnedContent::kHeader, "A: b\nC: d\n\nbody\n").size, 10u);
  EXPECT_EQ(Measure(ReturnedContent::kHeader, "A: b\r\n \r\nC: d\r\n\r\nbody").size, 15u) << "a line with a space";
  EXPECT_EQ(Measure(ReturnedContent::kHeader, "\r\nbody\r\n").size, 0u);
  EXPECT_EQ(Measure(ReturnedContent::kHeader, "\nbody\r\n").size, 0u);
  EXPECT_EQ(Measure(ReturnedContent::kHeader, "x\n\r\nbody").size, 2u);
}

TEST(ReturnedPart, AMessageMayBeAllHeader) {
  EXPECT_EQ(Measure(ReturnedContent::kHeader, "").size, 0u);
  EXPECT_EQ(Measure(ReturnedContent::kHeader, "A: b\r\n").size, 6u);
  EXPECT_EQ(Measure(ReturnedContent::kHeader, "A: b\r\nC: ").size, 9u);
}

TEST(ReturnedPart, AMessageIsReturnedWhole) {
  EXPECT_EQ(Measure(ReturnedContent::kMessage, "A: b\r\n\r\nbody\r\n").size, 14u);
  EXPECT_EQ(Measure(ReturnedContent::kMessage, "").size, 0u);
}

TEST(ReturnedPart, ALongHeaderIsCutAtALineEnd) {
  constexpr size_t kMax = ReturnedPart::kHeaderSizeMax;
  std::string header;
  while (header.size() + 8 <= kMax) header += "A: bcd\r\n";
  ASSERT_EQ(header.size(), kMax);
  EXPECT_EQ(Measure(ReturnedContent::kHeader, header + "\r\nbody", 1000).size, kMax);
  for (const size_t piece_size : {size_t{1000}, kMax, 2 * kMax}) {
    EXPECT_EQ(Measure(ReturnedContent::kHeader, "X" + header + "\r\nbody", piece_size).size, kMax - 8 + 1);
    EXPECT_EQ(Measure(ReturnedContent::kHeader, std::string(kMax + 1, 'x'), piece_size).size, 0u);
  }
}

TEST(ReturnedPart, KnowsWhereBytesAreOverAscii) {
  const auto measure = [](ReturnedContent content, std::string_view text) {
    const Measured measured = Measure(content, text);
    return std::pair(measured.eight_bit, measured.header_eight_bit);
  };
  using Pair = std::pair<bool, bool>;
  EXPECT_EQ(measure(ReturnedContent::kMessage, "A: b\r\n\r\nc\r\n"), Pair(false, false));
  EXPECT_EQ(measure(ReturnedContent::kMessage, "A: b\r\n\r\n\xC3\xBC\r\n"), Pair(true, false));
  EXPECT_EQ(measure(ReturnedContent::kMessage, "A: \xC3\xBC\r\n\r\nc\r\n"), Pair(true, true));
  EXPECT_EQ(measure(ReturnedContent::kHeader, "A: b\r\n\r\n\xC3\xBC\r\n"), Pair(false, false));
  EXPECT_EQ(measure(ReturnedContent::kHeader, "A: \xC3\xBC\r\n\r\nc\r\n"), Pair(true, true));
}

TEST(ReturnedPart, FindsTheBoundaryAcrossPieces) {
  const std::string text = absl::StrCat("A: b\r\n\r\n", std::string(50, '='), "\r\n--", kBoundary, "x\r\nend\r\n");
  EXPECT_TRUE(Measure(ReturnedContent::kMessage, text).holds_boundary);
  EXPECT_TRUE(Measure(ReturnedContent::kHeader, absl::StrCat("A: ", kBoundary, "\r\n\r\n")).holds_boundary);
  EXPECT_FALSE(Measure(ReturnedContent::kMessage, "A: b\r\n\r\n=_0123456789AB_report=_012345678").holds_boundary);
  EXPECT_FALSE(Measure(ReturnedContent::kMessage, "=_0123456789AB\r\nC_report").holds_boundary);
}

}  // namespace
}  // namespace postern
