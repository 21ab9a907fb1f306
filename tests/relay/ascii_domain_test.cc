#include "relay/ascii_domain.h"

#include "gtest/gtest.h"

namespace postern {
namespace {

TEST(AsciiDomain, AsciiStaysAsItIs) {
  EXPECT_EQ(ToAsciiDomain("mail.example.org"), "mail.example.org");
  EXPECT_EQ(ToAsciiDomain("xn--bcher-kva.example"), "xn--bcher-kva.example");
  EXPECT_EQ(ToAsciiDomain(""), "");
  EXPECT_EQ(ToAsciiDomain("a..b."), "a..b.");  // for others to judge
}

TEST(AsciiDomain, LabelsOfOtherScriptsBecomeALabels) {
  EXPECT_EQ(ToAsciiDomain("bücher.example"), "xn--bcher-kva.example");
  EXPECT_EQ(ToAsciiDomain("www.пример.испытание"), "www.xn--e1afmkfd.xn--80akhbyknj4f");
  EXPECT_EQ(ToAsciiDomain("例え.テスト"), "xn--r8jz45g.xn--zckzah");
  EXPECT_EQ(ToAsciiDomain("😀.example"), "xn--e28h.example");
}

// RFC 3492 7.1: (A) Arabic, (D) Hebrew, (L) a Japanese name that starts with a digit, (P) one that is mixed.
TEST(AsciiDomain, SamplesOfTheRfc) {
  EXPECT_EQ(ToAsciiDomain("ليهمابتكلموشعربي؟"), "xn--egbpdaj6bu4bxfgehfvwxn");
  EXPECT_EQ(ToAsciiDomain("למההםפשוטלאמדבריםעברית"), "xn--4dbcagdahymbxekheh6e0a7fei0b");
  EXPECT_EQ(ToAsciiDomain("3年b組金八先生"), "xn--3b-ww4c5e180e575a65lsy2b");
  EXPECT_EQ(ToAsciiDomain("maji"
                          "で"
                          "koi"
                          "する5秒前"),
            "xn--majikoi5-783gue6qz075azm5e");
}

TEST(AsciiDomain, WhatIsNotUtf8IsNoDomain) {
  EXPECT_EQ(ToAsciiDomain("b\xFC"
                          "cher.example"),
            std::nullopt);
  EXPECT_EQ(ToAsciiDomain("\xC3"), std::nullopt);
}

}  // namespace
}  // namespace postern
