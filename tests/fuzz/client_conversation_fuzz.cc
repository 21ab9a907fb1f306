// Feeds a ClientConversation what any peer may say, at any pace: it says only SMTP, comes to an end, leaves no
// recipient without a result, and believes nobody who has a message before it was sent.
//
// Input: four bytes that choose (Choices), then what the peer says. At each byte \xFF it waits until the client has
// nothing more to say; what is said without such a wait may come before it was asked for.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/log/check.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "smtp/client_conversation.h"

namespace postern {
namespace {

constexpr size_t kChoicesSize = 4;
constexpr size_t kSizeMax = 8192;
constexpr MonotonicTime kNow{1'000'000'000};
constexpr char kWait = '\xFF';
constexpr std::string_view kBodyLine = "xx\r\n..x\r\n\r\n";

struct Choices {
  uint8_t policy;           // bits: LMTP, 8-bit mail is returned, two recipients at most
  uint8_t recipient_count;  // 1 to 8
  uint8_t body_line_count;
  uint8_t seed;  // of the cuts; odd: the body breaks off
};

ClientPolicy MakePolicy(const Choices& choices) {
  ClientPolicy policy;
  policy.hostname = "client.example";
  if (choices.policy & 1) policy.protocol = ClientProtocol::kLmtp;
  if (choices.policy & 2) policy.eight_bit = EightBit::kBounce;
  if (choices.policy & 4) policy.recipients_per_transaction_max = 2;
  return policy;
}

// Bodies hold only what kBodyLine does, and are cut anywhere: what else is said must be a command.
void CheckLine(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(".x\r\n"), line.size()));
  constexpr std::string_view kCommands[] = {"EHLO client.example\r\n",
                                            "LHLO client.example\r\n",
                                            "HELO client.example\r\n",
                                            "MAIL FROM:<a@b>",
                                            "RCPT TO:<r",
                                            "DATA\r\n",
                                            "BDAT ",
                                            "RSET\r\n",
                                            "QUIT\r\n"};
  const bool command = std::any_of(std::begin(kCommands), std::end(kCommands),
                                   [line](std::string_view start) { return absl::StartsWith(line, start); });
  CHECK(line.empty() || command) << line;
}

class Play {
 public:
  explicit Play(const Choices& choices) : choices_(choices), policy_(MakePolicy(choices)), random_(choices.seed) {
    for (int i = 0; i < choices.body_line_count; ++i) body_ += kBodyLine;
    for (int i = 0; i <= choices.recipient_count % 8; ++i) addresses_.push_back(absl::StrCat("r", i, "@d", i % 3));
    head_.sender = "a@b";
    head_.flags = kEnvelopeEightBit;
    for (const std::string& address : addresses_) recipients_.push_back({.address = address});
    conversation_.Start(policy_, kNow);
  }

  void Say(std::string_view bytes) {
    while (!bytes.empty()) {
      if (bytes.front() == kWait) {
        for (int i = 0; i < 3;) i = Step({}) ? 0 : i + 1;
        bytes.remove_prefix(1);
        continue;
      }
      std::string_view piece = bytes.substr(0, std::min<size_t>(1 + random_() % 60, in_.WritableSpan().size()));
      piece = piece.substr(0, piece.find(kWait));
      Step(piece);
      bytes.remove_prefix(piece.size());
    }
  }

  void End() {
    conversation_.HandleDisconnect("the peer is gone");
    Step({});
    CHECK(conversation_.Pump(in_, out_, kNow) == ClientWant::kClose);
    CHECK(conversation_.deadline() == kNever);
    CHECK(!under_way_);
  }

 private:
  // False when nothing happened.
  bool Step(std::string_view bytes) {
    const std::span<char> room = in_.WritableSpan();
    if (!bytes.empty()) std::memcpy(room.data(), bytes.data(), bytes.size());
    in_.Commit(bytes.size());
    const ClientWant want = conversation_.Pump(in_, out_, kNow);
    CHECK(in_.empty() || want == ClientWant::kClose);
    if (want == ClientWant::kClose) in_.Consume(in_.size());
    if (conversation_.TakeFinished()) HandleResults();
    const size_t heard_size = Hear();
    if (want == ClientWant::kBody) GiveBody();
    if (want == ClientWant::kMessage) StartNext();
    return heard_size > 0 || want == ClientWant::kBody || want == ClientWant::kMessage;
  }

  size_t Hear() {
    const size_t size = std::min<size_t>(out_.Peek().size(), 1 + random_() % 200);
    for (const char c : out_.Peek().substr(0, size)) {
      line_.push_back(c);
      if (!absl::EndsWith(line_, "\r\n")) continue;
      CheckLine(line_);
      line_.clear();
    }
    out_.Consume(size);
    return size;
  }

  void StartNext() {
    if (recipients_.empty() || ++transaction_count_ > 8) return conversation_.StartQuit(kNow);
    under_way_ = true;
    given_size_ = 0;
    conversation_.StartMessage({.head = &head_, .recipients = recipients_, .body_size = body_.size()}, kNow);
  }

  void GiveBody() {
    const size_t size = std::min<size_t>(body_.size() - given_size_, random_() % 300);
    if (choices_.seed % 2 == 1 && random_() % 8 == 0) return conversation_.AbandonBody("it cannot be read");
    conversation_.GiveBody(std::string_view(body_).substr(given_size_, size), given_size_ + size == body_.size());
    given_size_ += size;
  }

  void HandleResults() {
    CHECK(under_way_);
    under_way_ = false;
    CHECK_EQ(conversation_.results().size(), recipients_.size());
    std::vector<Recipient> next;
    for (size_t i = 0; i < recipients_.size(); ++i) {
      const RecipientResult& result = conversation_.results()[i];
      CHECK(result.fate != Fate::kPending);
      CHECK(result.fate != Fate::kDelivered || (given_size_ == body_.size() && result.reply.positive()));
      CHECK(!result.peer_reports || result.fate == Fate::kDelivered);
      CHECK_LE(result.reply.text.size(), kResultTextSizeMax);
      if (result.fate == Fate::kNextTransaction) next.push_back(recipients_[i]);
    }
    CHECK_LT(next.size(), recipients_.size()) << "there would be no end of transactions";
    recipients_ = next;
  }

  const Choices choices_;
  const ClientPolicy policy_;
  std::minstd_rand random_;
  std::array<char, 512> in_memory_;
  std::array<char, 256> out_memory_;
  RingBuffer in_{in_memory_};
  RingBuffer out_{out_memory_};
  std::string body_;
  std::vector<std::string> addresses_;
  EnvelopeHead head_;
  std::vector<Recipient> recipients_;
  std::string line_;
  size_t given_size_ = 0;
  size_t transaction_count_ = 0;
  bool under_way_ = false;
  ClientConversation conversation_;
};

}  // namespace
}  // namespace postern

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace postern;  // NOLINT(google-build-using-namespace): the entry point cannot be inside
  if (size < kChoicesSize || size > kSizeMax) return 0;
  Play play({data[0], data[1], data[2], data[3]});
  play.Say(std::string_view(reinterpret_cast<const char*>(data) + kChoicesSize, size - kChoicesSize));
  play.End();
  return 0;
}
