// Mails of a load: valid, of the size that was asked for, and no two with one Message-ID.

#include "bench/load/mail.h"

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

const Mail::Header kHeader = {
    .from = "a@sender.example", .to = "b@there.example", .date = {1'767'225'600'000'000}, .run = 0xABCDEF};

std::string All(const Mail& mail, uint64_t number) {
  Letter letter;
  letter.Start(mail, number);
  std::string text;
  while (!letter.at_end()) text += letter.NextPiece();
  EXPECT_TRUE(letter.NextPiece().empty());
  return text;
}

std::string MessageId(std::string_view text) {
  const size_t start = text.find("Message-ID: <") + 13;
  return std::string(text.substr(start, text.find('>', start) - start));
}

TEST(Mail, HasExactlyItsSizeAndLinesThatFit) {
  std::vector<uint64_t> sizes = {1024, 4096, 16 * 1024, 16 * 1024 + 1, 100 * 1024, 1 << 20};
  for (uint64_t size = 300; size < 300 + 2 * 78; ++size) sizes.push_back(size);  // every length of a last line
  for (const uint64_t size : sizes) {
    const absl::StatusOr<Mail> mail = Mail::Make(kHeader, size);
    ASSERT_TRUE(mail.ok()) << mail.status();
    const std::string text = All(*mail, 7);
    ASSERT_EQ(text.size(), size);
    ASSERT_TRUE(absl::EndsWith(text, "\r\n"));
    const std::vector<std::string_view> lines = absl::StrSplit(std::string_view(text).substr(0, size - 2), "\r\n");
    for (const std::string_view line : lines) {
      ASSERT_LE(line.size(), 78u) << line;
      ASSERT_EQ(line.find_first_of("\r\n"), std::string_view::npos) << "a bare line end, size " << size;
      ASSERT_FALSE(absl::StartsWith(line, "."));
    }
  }
}

TEST(Mail, HasTheHeaderThatMailMustHave) {
  const std::string text = All(*Mail::Make(kHeader, 1024), 0x1234);
  EXPECT_TRUE(absl::StartsWith(text,
                               "From: <a@sender.example>\r\nTo: <b@there.example>\r\n"
                               "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nSubject: A message of 1024 bytes\r\n"
                               "Message-ID: <0000000000001234.0000000000abcdef@load.invalid>\r\n\r\n"))
      << text;
}

TEST(Mail, IsTheSameForEachLetterButForItsId) {
  for (const uint64_t size : {1024, 40 * 1024}) {
    const Mail mail = *Mail::Make(kHeader, size);
    std::set<std::string> ids;
    for (uint64_t number = 0; number < 100; ++number) {
      std::string text = All(mail, number << 33);
      ids.insert(MessageId(text));
      text.replace(mail.id_offset(), Mail::kIdSize, Mail::kIdSize, '0');
      EXPECT_EQ(text, mail.text());
    }
    EXPECT_EQ(ids.size(), 100u);
  }
}

TEST(Mail, OfOneBdatIsOnePiece) {
  Letter letter;
  const Mail small = *Mail::Make(kHeader, 16 * 1024);
  letter.Start(small, 1);
  letter.NextPiece();
  EXPECT_TRUE(letter.at_end());
  const Mail large = *Mail::Make(kHeader, 16 * 1024 + 1);
  letter.Start(large, 2);
  letter.NextPiece();
  EXPECT_FALSE(letter.at_end());
}

TEST(Mail, SaysWhatTheLeastSizeIs) {
  const absl::StatusOr<Mail> small = Mail::Make(kHeader, 100);
  ASSERT_FALSE(small.ok());
  const std::string message(small.status().message());
  uint64_t least = 0;
  for (uint64_t size = 100; size < 1000 && least == 0; ++size) {
    if (Mail::Make(kHeader, size).ok()) least = size;
  }
  EXPECT_EQ(message, "a message of 100 bytes has no room for its header: " + std::to_string(least) + " is the least");
}

}  // namespace
}  // namespace postern
