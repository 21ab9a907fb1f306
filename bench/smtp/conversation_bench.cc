// What a conversation costs a message, from the peer's bytes to its receipt, without a socket and without a disk: the
// bytes pass the ring, the scanner, the session, the decoder and the block, and the surroundings answer at once.
//
// "allocations" counts every operator new in a message after warm-up. It is 0, or something has been lost.

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "bench/counted.h"
#include "bench/store/allocations.h"
#include "benchmark/benchmark.h"
#include "core/block_pool.h"
#include "core/ring_buffer.h"
#include "smtp/conversation.h"
#include "smtp/transaction.h"

namespace postern {
namespace {

// A peer's connection, and a gateway that keeps nothing.
class Gateway {
 public:
  explicit Gateway(const ConversationOptions& options)
      : memory_(kBlockSize), ring_(memory_), conversation_(options, transactions_) {
    Start();
  }

  // Sends `bytes` in packets of at most `packet_size_max`. A conversation that has ended starts again.
  void Send(std::string_view bytes, size_t packet_size_max = kBlockSize) {
    while (!bytes.empty()) {
      const std::span<char> room = ring_.WritableSpan();
      const size_t size = std::min({room.size(), bytes.size(), packet_size_max});
      std::memcpy(room.data(), bytes.data(), size);
      ring_.Commit(size);
      bytes.remove_prefix(size);
      Run();
    }
  }

  int64_t message_count() const { return message_count_; }

 private:
  void Start() {
    conversation_.Start({.address = "192.0.2.7", .trusted = true}, out_, now_);
    Send("EHLO client.example\r\n");
  }

  void Run() {
    for (;;) {
      const Want want = conversation_.Pump(ring_, out_, now_);
      out_.clear();
      switch (want) {
        case Want::kInput: return;
        case Want::kDrain: break;
        case Want::kAdmission: conversation_.Admit(ids_.Next({}), pool_.TryTake(), {}); break;
        case Want::kFragment:
          pool_.Give(conversation_.TakeFragment());
          conversation_.GiveBlock(pool_.TryTake());
          break;
        case Want::kReceipt:
          pool_.Give(conversation_.TakeMessage().block);
          conversation_.HandleReceipt(HandoffResult::kDurable);
          ++message_count_;
          break;
        case Want::kRelease: pool_.Give(conversation_.TakeReleased()); break;
        case Want::kClose: return Start();
      }
      benchmark::DoNotOptimize(conversation_.TakeNotes());
    }
  }

  std::vector<char> memory_;
  RingBuffer ring_;
  BlockPool pool_{1};
  MessageIdSource ids_{0};
  const MonotonicTime now_{1};
  std::string out_;
  int64_t message_count_ = 0;
  TransactionPool transactions_{0};
  Conversation conversation_;
};

ConversationOptions MakeOptions() {
  ConversationOptions options;
  options.hostname = "gateway.example";
  CHECK_OK(options.local_domains.Add("here.example", 0));
  return options;
}

std::string Body(size_t size) {
  std::string body = "From: sender@client.example\r\nSubject: a message\r\n\r\n";
  while (body.size() < size) body.append("a line of text, as long as lines of text are wont to be, or nearly so\r\n");
  body.resize(size - 2, 'x');
  return body.append("\r\n");
}

constexpr std::string_view kEnvelope =
    "MAIL FROM:<sender@client.example> SIZE=1024\r\nRCPT TO:<someone@here.example>\r\n";

// Commands one by one, the body in packets of an Ethernet, as a client without pipelining sends them.
void Data(benchmark::State& state) {
  const ConversationOptions options = MakeOptions();
  Gateway gateway(options);
  const std::string body = Body(static_cast<size_t>(state.range(0))) + ".\r\n";
  const auto send = [&] {
    gateway.Send("MAIL FROM:<sender@client.example> SIZE=1024\r\n");
    gateway.Send("RCPT TO:<someone@here.example>\r\n");
    gateway.Send("DATA\r\n");
    gateway.Send(body, 1460);
  };
  send();
  const uint64_t before = AllocationCount();
  for (auto _ : state) send();
  state.counters["allocations"] =
      benchmark::Counter(static_cast<double>(AllocationCount() - before), benchmark::Counter::kAvgIterations);
  CHECK_EQ(gateway.message_count(), state.iterations() + 1);
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Data)->Apply(Counted)->Arg(1 << 10)->Arg(10 << 10)->Arg(64 << 10);

// As much at once as the ring takes. `text` is one message, or whatever a hostile peer sends again and again.
void Pipelined(benchmark::State& state, const std::string& text, int messages_per_text) {
  const ConversationOptions options = MakeOptions();
  Gateway gateway(options);
  gateway.Send(text);
  const uint64_t before = AllocationCount();
  for (auto _ : state) gateway.Send(text);
  state.counters["allocations"] =
      benchmark::Counter(static_cast<double>(AllocationCount() - before), benchmark::Counter::kAvgIterations);
  CHECK_EQ(gateway.message_count(), (state.iterations() + 1) * messages_per_text);
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}

std::string WithData(size_t size) { return absl::StrCat(kEnvelope, "DATA\r\n", Body(size), ".\r\n"); }
std::string WithBdat(size_t size) { return absl::StrCat(kEnvelope, "BDAT ", size, " LAST\r\n", Body(size)); }
std::string WithRecipients(int count) {
  std::string text = "MAIL FROM:<sender@client.example>\r\n";
  for (int i = 0; i < count; ++i) absl::StrAppend(&text, "RCPT TO:<recipient", i, "@here.example>\r\n");
  return absl::StrCat(text, "DATA\r\n", Body(1024), ".\r\n");
}

BENCHMARK_CAPTURE(Pipelined, data_1k, WithData(1 << 10), 1)->Apply(Counted);
BENCHMARK_CAPTURE(Pipelined, data_10k, WithData(10 << 10), 1)->Apply(Counted);
BENCHMARK_CAPTURE(Pipelined, data_64k, WithData(64 << 10), 1)->Apply(Counted);
BENCHMARK_CAPTURE(Pipelined, bdat_1k, WithBdat(1 << 10), 1)->Apply(Counted);
BENCHMARK_CAPTURE(Pipelined, bdat_64k, WithBdat(64 << 10), 1)->Apply(Counted);
BENCHMARK_CAPTURE(Pipelined, a_hundred_recipients, WithRecipients(100), 1)->Apply(Counted);

// Input made to be dear. Refusals may allocate: they are noted.
std::string Repeat(std::string_view text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += text;
  return result;
}
BENCHMARK_CAPTURE(Pipelined, hostile_noops, Repeat("NOOP\r\n", 5000), 0)->Apply(Counted);
BENCHMARK_CAPTURE(Pipelined, hostile_ehlos, Repeat("EHLO x\r\n", 4000), 0)->Apply(Counted);
BENCHMARK_CAPTURE(Pipelined, hostile_resets, Repeat("MAIL FROM:<>\r\nRCPT TO:<postmaster>\r\nRSET\r\n", 800), 0)
    ->Apply(Counted);
BENCHMARK_CAPTURE(Pipelined, hostile_rubbish, Repeat("RUBBISH\r\n", 20), 0)->Apply(Counted);
BENCHMARK_CAPTURE(Pipelined, hostile_tiny_chunks, absl::StrCat(kEnvelope, Repeat("BDAT 1\r\nx", 3000), "RSET\r\n"), 0)
    ->Apply(Counted);
BENCHMARK_CAPTURE(Pipelined, hostile_empty_lines, absl::StrCat(kEnvelope, "DATA\r\n", Repeat("\r\n", 16000), ".\r\n"),
                  1)
    ->Apply(Counted);
BENCHMARK_CAPTURE(Pipelined, hostile_bare_newline, absl::StrCat(kEnvelope, "DATA\r\nx\n.\r\n"), 0)->Apply(Counted);

}  // namespace
}  // namespace postern
