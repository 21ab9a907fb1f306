// Feeds a Conversation anything at all, once in one piece and once in pieces, with surroundings that say no, wait, or
// end: what is said, handed over and noted is the same, and what the surroundings check themselves holds
// (tests/smtp_session/outside.h). One input is one thread's.
//
// Input: six bytes that choose (Choices), then what the peer sends.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "absl/log/check.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/envelope.h"
#include "smtp/conversation.h"
#include "smtp/trace.h"
#include "tests/smtp_session/outside.h"

namespace postern {
namespace {

constexpr size_t kChoicesSize = 6;

struct Choices {
  uint8_t options;     // bits: normalize, trusted, small limits, swelling
  uint8_t admissions;  // an Answer in two bits, four times
  uint8_t receipts;    // the same
  uint8_t event;       // 0 to 3: nothing, time passes, shutdown, abort; in bits 2 to 7 how blocks are answered
  uint8_t event_at;    // in 256ths of what the peer sends
  uint8_t seed;        // of the cuts
};

ConversationOptions MakeOptions(const Choices& choices) {
  ConversationOptions options;
  options.hostname = "gateway.example";
  CHECK_OK(options.local_domains.Add("local.example", 0));
  if (choices.options & 1) options.bare_newline = BareNewline::kNormalize;
  if (choices.options & 4) {
    options.message_size_max = 200;
    options.recipient_count_max = 2;
    options.message_count_max = 3;
    options.error_count_max = 4;
    options.hop_count_max = 2;
    options.own_hop_count_max = 1;
    options.routed_domains.emplace();
    CHECK_OK(options.routed_domains->Add("local.example", 0));
    CHECK_OK(options.routed_domains->Add("closed.local.example", 1));
    options.reject_texts = {"", "closed"};
    options.route_size_max = {100};
  }
  return options;
}

void PlayEvent(uint8_t event, Outside& outside) {
  switch (event & 3) {
    case 1: return outside.Pass(std::chrono::minutes(10));
    case 2: return outside.Shutdown();
    case 3: return outside.Abort();
    default: return;
  }
}

// What was asked and is still to be answered comes late, but it comes.
void Settle(Outside& outside) {
  while (outside.waiting()) outside.GiveAnswer(Answer::kYes);
}

// A fuzzer's input is small and a block is not: here each of the first bytes \xFF stands for a long run.
std::string Swell(std::string_view bytes) {
  constexpr size_t kRunSize = 20'000;
  constexpr int kRunCountMax = 6;
  std::string swollen;
  int run_count = 0;
  for (const char byte : bytes) {
    const bool run = byte == '\xFF' && run_count++ < kRunCountMax;
    swollen.append(run ? kRunSize : 1, run ? 'x' : byte);
  }
  return swollen;
}

void Send(std::string_view bytes, std::minstd_rand* random, Outside& outside) {
  while (!bytes.empty()) {
    size_t size = bytes.size();
    if (random != nullptr) size = std::min<size_t>(size, 1 + (*random)() % ((*random)() % 4 == 0 ? 30'000 : 40));
    outside.Send(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
}

size_t Count(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// What is true of every message that was taken, and of all that was said.
void CheckRecord(const ConversationOptions& options, const Outside& outside) {
  CHECK_EQ(Count(outside.replies(), "\r\n250 2.0.0 queued as "), outside.messages().size())
      << "each message is taken once, and told once";
  CHECK_EQ(Count(outside.replies(), "\n"), Count(outside.replies(), "\r\n"));
  for (const DeliveredMessage& message : outside.messages()) {
    const std::optional<Envelope> envelope = ParseEnvelope(message.envelope);
    CHECK(envelope.has_value() && !envelope->recipients.empty());
    CHECK_LE(envelope->recipients.size(), options.recipient_count_max);
    CHECK(absl::StartsWith(message.body, "Received: from "));
    CHECK_LE(message.body.size(), options.message_size_max + kReceivedSizeMax);
    CHECK_EQ(Count(message.body, "\r"), Count(message.body, "\r\n"));
    CHECK_EQ(Count(message.body, "\n"), Count(message.body, "\r\n"));
  }
}

// In one piece when `random` is null.
std::string Play(const Choices& choices, std::string_view bytes, std::minstd_rand* random) {
  const ConversationOptions options = MakeOptions(choices);
  Outside outside(options, {.address = "192.0.2.7", .trusted = (choices.options & 2) != 0});
  for (int i = 0; i < 8; i += 2) {
    outside.AnswerAdmission(static_cast<Answer>(choices.admissions >> i & 3));
    outside.AnswerReceipt(static_cast<Answer>(choices.receipts >> i & 3));
  }
  for (int i = 2; i < 8; ++i) outside.AnswerBlock((choices.event >> i & 1) != 0 ? Answer::kLater : Answer::kYes);

  const size_t event_at = bytes.size() * choices.event_at / 256;
  Send(bytes.substr(0, event_at), random, outside);
  PlayEvent(choices.event, outside);
  Settle(outside);
  Send(bytes.substr(event_at), random, outside);
  Settle(outside);
  CheckRecord(options, outside);

  std::string record = outside.replies();
  for (const DeliveredMessage& message : outside.messages()) absl::StrAppend(&record, message.envelope, message.body);
  for (const ConversationNote& note : outside.notes())
    absl::StrAppend(&record, note.kind, note.code, note.text, note.sender, "\n");
  return absl::StrCat(record, outside.released_count(), outside.closed());
}

}  // namespace
}  // namespace postern

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace postern;  // NOLINT(google-build-using-namespace): the entry point cannot be inside
  if (size < kChoicesSize) return 0;
  const Choices choices{data[0], data[1], data[2], data[3], data[4], data[5]};
  std::string bytes(reinterpret_cast<const char*>(data) + kChoicesSize, size - kChoicesSize);
  if (choices.options & 8) bytes = Swell(bytes);
  std::minstd_rand random(choices.seed + 1u);
  CHECK_EQ(Play(choices, bytes, &random), Play(choices, bytes, nullptr)) << "the cut made a difference";
  return 0;
}
