#include "store/maildir.h"

#include <cstdlib>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

TEST(MailboxName, HoldsNothingThatAFileSystemMightMisread) {
  EXPECT_EQ(MailboxName("John.Doe+tag"), "john.doe+tag");
  EXPECT_EQ(MailboxName("."), "%2E");
  EXPECT_EQ(MailboxName(".."), "%2E%2E");
  EXPECT_EQ(MailboxName("../../etc/passwd"), "%2E.%2F..%2Fetc%2Fpasswd");
  EXPECT_EQ(MailboxName("a/b\\c"), "a%2Fb%5Cc");
  EXPECT_EQ(MailboxName(std::string("a\0b\n\x7f", 5)), "a%00b%0A%7F");
  EXPECT_EQ(MailboxName("100%"), "100%25");
  EXPECT_EQ(MailboxName("\"dots...\""), "dots..%2E");
  EXPECT_EQ(MailboxName("CON"), "%63on");
  EXPECT_EQ(MailboxName("lpt1.x"), "%6Cpt1.x");
  EXPECT_EQ(MailboxName("conout$"), "%63onout$");
  EXPECT_EQ(MailboxName("console"), "console");
  EXPECT_EQ(MailboxName("com"), "com");
  EXPECT_EQ(MailboxName("\"john doe\""), "john%20doe");
  EXPECT_EQ(MailboxName("\"a\\\"b\""), "a%22b");
  EXPECT_EQ(MailboxName("\"John\""), MailboxName("john"));
  EXPECT_EQ(MailboxName("j\xc3\xb6rg"), "j%C3%B6rg");
  EXPECT_EQ(MailboxName("[192.0.2.1]"), "%5B192.0.2.1%5D");
}

TEST(MailboxName, NoByteLeadsOutOfTheFolder) {
  for (int c = 0; c < 256; ++c) {
    const std::string name = MailboxName(std::string(3, static_cast<char>(c)));
    ASSERT_FALSE(name.empty());
    EXPECT_NE(name.front(), '.');
    for (const char bad : {'/', '\\', '\0', '\n', ':'}) EXPECT_FALSE(absl::StrContains(name, bad)) << c;
  }
}

TEST(MaildirTemplate, ExpandsBothParts) {
  const auto parsed = MaildirTemplate::Parse("/var/mail/{domain}/{local}/Maildir");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed->Expand("Jo", "Local.Example"), "/var/mail/local.example/jo/Maildir");
  EXPECT_EQ(*parsed->Expand("{domain}", "d"), "/var/mail/d/%7Bdomain%7D/Maildir");
  EXPECT_FALSE(parsed->Expand("", "d").ok());
  EXPECT_FALSE(parsed->Expand("\"\"", "d").ok());
  EXPECT_FALSE(parsed->Expand("a", "").ok());
  EXPECT_FALSE(parsed->Expand(std::string(100, '/'), "d").ok());
  EXPECT_FALSE(MaildirTemplate::Parse("").ok());
  EXPECT_FALSE(MaildirTemplate::Parse("/var/{user}").ok());
  EXPECT_FALSE(MaildirTemplate::Parse("/var/{local").ok());
}

TEST(Maildir, NamesAreUniqueAndSayWhen) {
  const MessageId id{(uint64_t{1'700'000'000} * 1'000'000 + 5) << 8};
  const std::string name = MaildirFileName(id, 3, "mx.example");
  EXPECT_TRUE(absl::StartsWith(name, "1700000000."));
  EXPECT_TRUE(absl::EndsWith(name, "R3.mx.example"));
  EXPECT_NE(name, MaildirFileName(id, 2, "mx.example"));
  EXPECT_TRUE(absl::EndsWith(MaildirFileName(id, 0, "a/b:c"), ".a\\057b\\072c"));
}

TEST(Maildir, AMessageIsInNewOrNowhere) {
  const std::string path = absl::StrCat(std::getenv("TEST_TMPDIR"), "/box");
  auto root = OpenDirectory(path);
  ASSERT_TRUE(root.ok()) << root.status();
  auto fresh = OpenDirectory(path + "/new");
  auto tmp = OpenDirectory(path + "/tmp");
  auto maildir = Maildir::Open(*std::move(root));
  ASSERT_TRUE(maildir.ok()) << maildir.status();
  for (int round = 0; round < 2; ++round) {  // the second takes the place of the first
    auto left = (*maildir)->Start("name");   // as if a crash had left it
    ASSERT_TRUE(left.ok());
    ASSERT_TRUE((*left)->Append("rubbish that is longer than what follows").ok());
    left->reset();  // a crash closes it
    auto file = (*maildir)->Start("name");
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Append("hello ").ok());
    ASSERT_TRUE((*file)->Append("world").ok());
    EXPECT_EQ((*tmp)->List()->size(), 1u);
    EXPECT_EQ((*fresh)->List()->size(), static_cast<size_t>(round));
    ASSERT_TRUE((*file)->Sync().ok());
    ASSERT_TRUE((*maildir)->Publish(**file).ok());
    ASSERT_TRUE((*maildir)->SyncFolder().ok());
    EXPECT_EQ((*tmp)->List()->size(), 0u);
    EXPECT_EQ((*fresh)->List()->size(), 1u);
    auto read = (*fresh)->OpenForRead("name");
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(*(*read)->Size(), 11u);
  }
  auto file = (*maildir)->Start("other");
  ASSERT_TRUE(file.ok());
  (*maildir)->Discard(**file);
  file->reset();  // until then the name may stay
  EXPECT_EQ((*tmp)->List()->size(), 0u);
}

}  // namespace
}  // namespace postern
