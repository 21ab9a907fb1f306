// What the protocol costs a byte and a command, below the conversation: easy input, as honest clients send it, and
// hostile input, made to be slow.

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "benchmark/benchmark.h"
#include "core/domain_table.h"
#include "core/limits.h"
#include "core/ring_buffer.h"
#include "smtp/address.h"
#include "smtp/body_decoder.h"
#include "smtp/command.h"
#include "smtp/header_watch.h"
#include "smtp/line_scanner.h"

namespace postern {
namespace {

std::string Repeat(std::string_view text, size_t size_min) {
  std::string result;
  while (result.size() < size_min) result += text;
  return result;
}

// A ring's worth of `text` is written and read again. Writing is a part of what is measured, as it is on the road.
template <typename Read>
void PumpThroughRing(benchmark::State& state, std::string_view text, Read read) {
  std::vector<char> memory(kBlockSize);
  RingBuffer ring(memory);
  int64_t size = 0;
  for (auto _ : state) {
    const std::span<char> span = ring.WritableSpan();
    const size_t count = std::min(span.size(), text.size());
    std::memcpy(span.data(), text.data(), count);
    ring.Commit(count);
    read(ring);
    size += static_cast<int64_t>(count);
  }
  state.SetBytesProcessed(size);
}

void Scan(benchmark::State& state, const std::string& text) {
  LineScanner scanner;
  PumpThroughRing(state, text, [&scanner](RingBuffer& ring) {
    ScannedLine line;
    do {
      line = scanner.Next(ring);
      benchmark::DoNotOptimize(line);
    } while (line.status != LineStatus::kNeedMore);
  });
}
BENCHMARK_CAPTURE(Scan, envelope,
                  Repeat("MAIL FROM:<sender@client.example> SIZE=1024\r\nRCPT TO:<someone@here.example>\r\nDATA\r\n",
                         16384));
BENCHMARK_CAPTURE(Scan, hostile_empty_lines, Repeat("\r\n", 16384));
BENCHMARK_CAPTURE(Scan, hostile_crs, Repeat("\r", 16384));
BENCHMARK_CAPTURE(Scan, hostile_endless_line, Repeat("x", 16384));

// Commands that come byte by byte: a byte is looked at once, so this is no dearer for long lines.
void ScanByteByByte(benchmark::State& state) {
  std::vector<char> memory(kBlockSize);
  RingBuffer ring(memory);
  LineScanner scanner;
  const std::string line = "NOOP " + std::string(static_cast<size_t>(state.range(0)) - 7, 'x') + "\r\n";
  for (auto _ : state) {
    for (const char c : line) {
      ring.WritableSpan()[0] = c;
      ring.Commit(1);
      benchmark::DoNotOptimize(scanner.Next(ring));
    }
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(ScanByteByByte)->Arg(40)->Arg(2000);

void Decode(benchmark::State& state, const std::string& text, BareNewline bare_newline) {
  BodyDecoder decoder(bare_newline);
  decoder.StartData();
  std::vector<char> room(kBlockSize);
  PumpThroughRing(state, text, [&decoder, &room](RingBuffer& ring) {
    DecodeStep step;
    do {
      step = decoder.Decode(ring, room);
      benchmark::DoNotOptimize(room.data());
      if (step.status == DecodeStatus::kEnd) decoder.StartData();
    } while (step.status != DecodeStatus::kNeedInput);
  });
}
BENCHMARK_CAPTURE(Decode, lines_of_76, Repeat(std::string(76, 'x') + "\r\n", 16384), BareNewline::kReject);
BENCHMARK_CAPTURE(Decode, lines_of_998, Repeat(std::string(998, 'x') + "\r\n", 16384), BareNewline::kReject);
BENCHMARK_CAPTURE(Decode, one_line, Repeat("x", 16384), BareNewline::kReject);
BENCHMARK_CAPTURE(Decode, messages_of_1024, Repeat(Repeat(std::string(62, 'x') + "\r\n", 1024) + ".\r\n", 16384),
                  BareNewline::kReject);
BENCHMARK_CAPTURE(Decode, hostile_empty_lines, Repeat("\r\n", 16384), BareNewline::kReject);
BENCHMARK_CAPTURE(Decode, hostile_dots, Repeat("..\r\n", 16384), BareNewline::kReject);
BENCHMARK_CAPTURE(Decode, hostile_empty_messages, Repeat(".\r\n", 16384), BareNewline::kReject);
BENCHMARK_CAPTURE(Decode, hostile_bare_lfs, Repeat("\n", 8192), BareNewline::kNormalize);
BENCHMARK_CAPTURE(Decode, hostile_bare_crs, Repeat("\r", 8192), BareNewline::kNormalize);
BENCHMARK_CAPTURE(Decode, hostile_lf_lines_of_9, Repeat("12345678\n", 8192), BareNewline::kNormalize);

void WatchHeaders(benchmark::State& state, const std::string& text) {
  for (auto _ : state) {
    HeaderWatch watch;
    watch.Start("gate.example");
    watch.Update(text);
    benchmark::DoNotOptimize(watch);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK_CAPTURE(WatchHeaders, headers,
                  Repeat("Received: from a by b with ESMTP;\r\n\tdate\r\nX-Header: some words\r\n", 4096));
BENCHMARK_CAPTURE(WatchHeaders, body, "Subject: x\r\n\r\n" + Repeat(std::string(76, 'x') + "\r\n", 16384));

void ParseAddress(benchmark::State& state, const std::string& text) {
  for (auto _ : state) benchmark::DoNotOptimize(ParseForwardPath(text));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK_CAPTURE(ParseAddress, plain, "<first.last@mail.example>");
BENCHMARK_CAPTURE(ParseAddress, utf8, "<j\xC3\xBCrgen@b\xC3\xBC\x63her.example>");
BENCHMARK_CAPTURE(ParseAddress, hostile_source_route, "<" + Repeat("@a.example,", 1900) + "@b:c@d>");
BENCHMARK_CAPTURE(ParseAddress, hostile_quotes, "<\"" + Repeat("\\\"", 1900) + "\"@d>");
BENCHMARK_CAPTURE(ParseAddress, hostile_labels, "<a@" + Repeat("b.", 1900) + "c>");

void ParseLine(benchmark::State& state, const std::string& text) {
  for (auto _ : state) benchmark::DoNotOptimize(ParseCommand(text, /*utf8=*/false));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK_CAPTURE(ParseLine, ehlo, "EHLO client.example");
BENCHMARK_CAPTURE(ParseLine, mail, "MAIL FROM:<sender@client.example> SIZE=1024 BODY=8BITMIME");
BENCHMARK_CAPTURE(ParseLine, rcpt, "RCPT TO:<someone@here.example>");
BENCHMARK_CAPTURE(ParseLine, data, "DATA");
BENCHMARK_CAPTURE(ParseLine, hostile_unknown, Repeat("x", 2046));
BENCHMARK_CAPTURE(ParseLine, hostile_spaces, "MAIL FROM:<a@b>" + Repeat(" ", 2000) + "X");
BENCHMARK_CAPTURE(ParseLine, hostile_xtext, "RCPT TO:<a@b> ORCPT=rfc822;" + Repeat("+2B", 480));

void FindDomain(benchmark::State& state, const std::string& domain) {
  DomainTable table;
  for (uint32_t i = 0; i < 1000; ++i) (void)table.Add("customer" + std::to_string(i) + ".example", i);
  for (auto _ : state) benchmark::DoNotOptimize(table.Find(domain));
}
BENCHMARK_CAPTURE(FindDomain, local, "mail.customer500.example");
BENCHMARK_CAPTURE(FindDomain, hostile_labels, Repeat("a.", 250) + "a");

}  // namespace
}  // namespace postern
