// A test that cannot fail proves nothing: every kind of expectation of a transcript is told once as it is and once
// wrong.

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "tests/smtp_session/transcript.h"

namespace postern {
namespace {

constexpr std::string_view kMessage =
    "# A whole message.\n"
    "S 220 *\n"
    "C EHLO client.example / MAIL FROM:<a@sender.example> / RCPT TO:<x@elsewhere.example> / RCPT TO:<b@local.example>\n"
    "S 250 * / 250 / 550 / 250\n"
    "C DATA / x: y / .\n"
    "S 354 / 250\n"
    "= note recipient-refused 550 x@elsewhere.example\n"
    "= message from <a@sender.example> to <b@local.example>\n";

std::string Failures(std::string_view rest, std::string_view start = kMessage) {
  const Transcript transcript = ParseTranscript("t", absl::StrCat(start, rest));
  return absl::StrJoin(ReplayDialogue(transcript), "\n");
}

TEST(TranscriptJudge, IsContentWithWhatIsTrue) {
  EXPECT_EQ(Failures("= body x: y\n= bytes x: y\\r\\n\n= body* 1 x: y\n= trace Received: from client.example*\n"
                     "= open\n= patience 5m\n"),
            "");
}

TEST(TranscriptJudge, NoticesWhatIsNot) {
  for (const char* wrong : {"= body x: z\n", "= body x: y / \n", "= bytes x: y\n", "= body* 2 x: y\n",
                            "= trace Sent: *\n", "= closed\n", "= patience 4m\n", "= patience none\n", "= released\n",
                            "= message *\n", "= note *\n", "S 250\n", "C NOOP\nS 500\n", "C NOOP / NOOP\nS 250\n",
                            "C NOOP\nS 250 / 250\n", "C NOOP\nS 25\n", "C NOOP\n", "C QUIT\nS 221\n= open\n"}) {
    EXPECT_NE(Failures(wrong), "") << wrong;
  }
}

TEST(TranscriptJudge, NoticesWhatNobodyExpected) {
  for (const std::string_view line : {"= note recipient-refused 550 x@elsewhere.example\n",
                                      "= message from <a@sender.example> to <b@local.example>\n", "S 354 / 250\n"}) {
    std::string without(kMessage);
    without.erase(without.find(line), line.size());
    EXPECT_NE(Failures("", without), "") << line;
  }
  EXPECT_NE(Failures("C MAIL FROM:<> / RCPT TO:<b@local.example> / DATA\nS 250 / 250 / 354\n! end\n"),
            "");  // a release
}

TEST(TranscriptJudge, TellsWhereItWas) {
  EXPECT_EQ(Failures("= closed\n"), "t:9: expected closed\n  got the contrary");
}

}  // namespace
}  // namespace postern
