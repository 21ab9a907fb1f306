// How a result is told: to people, to programs, and in a page.

#include "bench/load/report.h"

#include <chrono>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bench/load/report_html.h"
#include "bench/load/report_json.h"
#include "bench/load/report_text.h"
#include "bench/load/svg_plot.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace postern {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// 1,000 messages of 1 KiB in two seconds, one refused, 1 ms to 1 s each.
LoadReport Sample() {
  LoadReport report;
  report.options.target = "mx.example:25";
  report.options.pid = 4711;
  report.greeting = "220 mx.example ESMTP <b>&\x01";
  report.began = {1'767'225'600'000'000};
  report.planned = seconds(2);
  Tally& tally = report.tally;
  tally.message_count = tally.recipient_count = 1000;
  tally.byte_count = 1000 * 1024;
  tally.failed_count = 1;
  tally.connection_count = 10;
  tally.errors.Add("452 4.3.1 Insufficient <system> storage \xff");
  tally.timeline.Begin({0});
  for (int i = 0; i < 1000; ++i) {
    tally.message.Record(milliseconds(i + 1));
    tally.mail.Record(microseconds(i + 1));
    tally.end_of_data.Record(microseconds(10 * (i + 1)));
    tally.timeline.Add({i * 2'000'000}, {.message_count = 1, .byte_count = 1024});
  }
  tally.timeline.Add({2'050'000'000}, {.message_count = 1, .failed_count = 1});  // finished after the end
  report.server_cpu = milliseconds(500);
  report.server_resident_size_max = 10 << 20;
  report.server_process_count = 3;
  report.generator_cpu = milliseconds(300);
  return report;
}

TEST(Report, CountsTheRateWithinTheTimeThatWasPlanned) {
  LoadReport report = Sample();
  EXPECT_EQ(report.window(), Duration(seconds(2)));
  EXPECT_DOUBLE_EQ(report.messages_per_second(), 500);
  EXPECT_DOUBLE_EQ(report.bytes_per_second(), 500 * 1024);
  EXPECT_DOUBLE_EQ(report.generator_share(), 0.15);
  report.planned = Duration::zero();  // ended by its messages
  EXPECT_EQ(report.window(), Duration(milliseconds(2050)));
  EXPECT_NEAR(report.messages_per_second(), 1001 / 2.05, 0.01);
}

TEST(Report, OfNothingIsNoDivisionByIt) {
  const LoadReport report;
  EXPECT_EQ(report.messages_per_second(), 0);
  EXPECT_EQ(report.generator_share(), 0);
  EXPECT_FALSE(report.all_taken()) << "a load that has sent nothing has shown nothing";
  EXPECT_NE(ReportText(report), "");
  EXPECT_EQ(nlohmann::json::parse(ReportJson(report))["messages"]["taken"], 0);
  EXPECT_TRUE(absl::StrContains(ReportHtml(report), "No message"));
}

TEST(Report, TellsPeople) {
  const std::string text = ReportText(Sample());
  for (const char* line : {"mx.example:25: 220 mx.example ESMTP", "messages      1,000 taken, 1 failed, in 2.00 s",
                           "throughput    500 messages/s, 500 KiB/s", "connections   10 made",
                           "CPU 500 ms, 500 us a message, 25 % of a core", "10.0 MiB resident at most, 3 processes",
                           "15 % of its thread", "           1  452 4.3.1 Insufficient"}) {
    EXPECT_TRUE(absl::StrContains(text, line)) << line << "\n" << text;
  }
  EXPECT_TRUE(absl::StrContains(text, "message          500 ms     900 ms     990 ms     1.00 s     1.00 s      1,000"))
      << text;
  EXPECT_FALSE(absl::StrContains(text, "\nconnect  ")) << "a row without a count is left out";
  EXPECT_FALSE(absl::StrContains(text, "never begun"));
  EXPECT_FALSE(absl::StrContains(text, "no time to spare"));
}

TEST(Report, WarnsOfWhatSpoilsIt) {
  LoadReport report = Sample();
  report.generator_cpu = milliseconds(1900);
  report.tally.unsent_count = 1204;
  report.interrupted = true;
  report.server_cpu.reset();
  report.options.idle_count = 9;
  report.idle_held_count = 5;
  report.idle_lost_count = 4;
  const std::string text = ReportText(report);
  for (const char* words : {"no time to spare", "1,204 never begun", "Interrupted", "there is no process 4711",
                            "5 held to the end, 4 lost"}) {
    EXPECT_TRUE(absl::StrContains(text, words)) << words << "\n" << text;
  }
}

TEST(Report, TellsTheTenRefusalsThatCameMost) {
  LoadReport report = Sample();
  for (int kind = 0; kind < 12; ++kind) {
    for (int i = 0; i <= kind + 1; ++i) report.tally.errors.Add(absl::StrCat("45", kind));
  }
  const std::string text = ReportText(report);
  EXPECT_LT(text.find("          13  4511"), text.find("          12  4510"));
  EXPECT_TRUE(absl::StrContains(text, "and 3 other kinds")) << text;
  EXPECT_FALSE(absl::StrContains(text, "Insufficient"));
}

TEST(Report, KeepsBoundsOnKindsOfErrors) {
  ErrorBook book;
  for (int i = 0; i < 1000; ++i) book.Add(absl::StrCat("250 queued as ", i));
  EXPECT_EQ(book.counts().size(), ErrorBook::kKindCountMax + 1);
  EXPECT_EQ(book.counts().find(ErrorBook::kOthers)->second, 1000 - ErrorBook::kKindCountMax);
  ErrorBook merged;
  merged.Add("250 queued as 1");
  merged.Merge(book);
  EXPECT_EQ(merged.counts().find("250 queued as 1")->second, 2u);
}

TEST(Report, TellsPrograms) {
  const std::string text = ReportJson(Sample());
  EXPECT_TRUE(absl::EndsWith(text, "}\n"));
  const nlohmann::json json = nlohmann::json::parse(text);
  EXPECT_EQ(json["messages"]["taken"], 1000);
  EXPECT_EQ(json["messages"]["failed"], 1);
  EXPECT_EQ(json["messages_per_second"], 500);
  EXPECT_NEAR(json["latency_us"]["message"]["p99"].get<double>(), 990'000, 1000);
  EXPECT_EQ(json["latency_us"]["message"]["max"], 1'000'000);
  EXPECT_EQ(json["latency_us"]["connect"]["count"], 0);
  EXPECT_EQ(json["errors"].size(), 1u);
  EXPECT_EQ(json["errors"][0]["count"], 1);
  EXPECT_EQ(json["server"]["cpu_seconds"], 0.5);
  EXPECT_EQ(json["timeline"]["messages"].size(), 21u);
  EXPECT_EQ(json["timeline"]["messages"][0], 50);
  LoadReport unknown = Sample();
  unknown.server_cpu.reset();
  EXPECT_FALSE(nlohmann::json::parse(ReportJson(unknown)).contains("server"));
}

size_t CountOf(std::string_view text, std::string_view what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(Report, MakesAPageThatNeedsNothingElse) {
  const std::string page = ReportHtml(Sample());
  EXPECT_EQ(CountOf(page, "<svg "), 2u);
  EXPECT_EQ(CountOf(page, "<svg "), CountOf(page, "</svg>"));
  EXPECT_EQ(CountOf(page, "<text "), CountOf(page, "</text>"));
  EXPECT_EQ(CountOf(page, "<polyline "), 5u) << "three latencies, taken, failed";
  for (const char* elsewhere : {"http:", "https:", "src=", "href=", "url(", "@import", "<script"}) {
    EXPECT_FALSE(absl::StrContains(page, elsewhere)) << elsewhere;
  }
  EXPECT_TRUE(absl::StrContains(page, "ESMTP &lt;b&gt;&amp;?\n")) << "a server's words are no markup";
  EXPECT_TRUE(absl::StrContains(page, "Thu, 1 Jan 2026 00:00:00 +0000"));
  EXPECT_FALSE(absl::StrContains(page, "nan"));
  EXPECT_FALSE(absl::StrContains(page, "inf"));
}

TEST(Progress, TellsTheRatesSinceTheLastLine) {
  const Progress before{.time = seconds(1), .message_count = 1000, .byte_count = 1 << 20};
  const Progress now{.time = seconds(3), .message_count = 63'408, .byte_count = 5 << 20, .failed_count = 7};
  EXPECT_EQ(ProgressLine(now, before), "    3 s     31,204 messages/s   2.00 MiB/s       63,408 taken        7 failed");
}

TEST(SvgPlot, DrawsPointsWhereTheyBelong) {
  SvgPlot plot{.x_title = "x", .y_title = "y"};
  plot.x_marks = {{0, "0"}, {10, "10"}};
  plot.y_marks = {{0, "0"}, {100, "100"}};
  plot.lines = {{.name = "a<b", .points = {{0, 0}, {5, 50}, {10, 100}, {10, 1000}}}};
  const std::string svg = plot.Draw();
  EXPECT_TRUE(absl::StrContains(svg, "points=\"80.0,290.0 460.0,160.0 840.0,30.0 840.0,30.0 \"")) << svg;
  EXPECT_TRUE(absl::StrContains(svg, "<title>a&lt;b</title>"));
}

TEST(SvgPlot, OfALogarithmicAxisHasEqualDecades) {
  SvgPlot plot{.x_title = "x", .y_title = "y", .x_marks = {{0, "0"}, {1, "1"}}};
  plot.y_marks = {{10, "10"}, {1000, "1000"}};
  plot.y_logarithmic = true;
  plot.lines = {{.name = "a", .points = {{0, 100}, {1, 1}}}};
  EXPECT_TRUE(absl::StrContains(plot.Draw(), "points=\"80.0,160.0 840.0,290.0 \"")) << plot.Draw();
}

TEST(SvgPlot, MarksAreRound) {
  const auto texts = [](double max) {
    std::string all;
    for (const auto& [value, text] : RoundMarks(max)) absl::StrAppend(&all, text, " ");
    return all;
  };
  EXPECT_EQ(texts(10), "0 2.00 4.00 6.00 8.00 10.0 ");
  EXPECT_EQ(texts(31'000), "0 10,000 20,000 30,000 40,000 ");
  EXPECT_EQ(texts(0.4), "0 0.1 0.2 0.3 0.4 ");
  EXPECT_GE(RoundMarks(0).size(), 2u) << "an axis has two ends";
}

}  // namespace
}  // namespace postern
