// store_fixture holds what the tests of the store share: mail to store, a driver for a StoreWriter, and a way to read
// all that a log holds.
//
// Everything here belongs to one test, on its thread.

#ifndef POSTERN_TESTS_STORE_STORE_FIXTURE_H_
#define POSTERN_TESTS_STORE_STORE_FIXTURE_H_

#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/log/check.h"
#include "core/envelope.h"
#include "core/handoff.h"
#include "store/log_reader.h"
#include "store/outcome.h"
#include "store/store_writer.h"

namespace postern {

inline MessageId Id(uint64_t number) { return {number << 8}; }

inline std::string EncodeEnvelope(size_t recipient_count = 1, uint8_t flags = 0) {
  EnvelopeWriter writer;
  writer.Start({.peer = "192.0.2.1", .helo = "client.example", .sender = "a@sender.example", .flags = flags});
  for (size_t i = 0; i < recipient_count; ++i) writer.AddRecipient({.address = "b@local.example"});
  return std::string(writer.bytes());
}

inline std::string EncodeOutcome(const RecipientOutcome& outcome) {
  OutcomeWriter writer;
  writer.Start();
  writer.Add(outcome);
  return std::string(writer.bytes());
}

inline std::string EncodeOutcome(uint32_t recipient, RecipientState state, uint16_t attempt_count = 1) {
  return EncodeOutcome({.recipient = recipient, .state = state, .attempt_count = attempt_count});
}

// Bytes that differ from those of any other message.
inline std::string Body(uint64_t seed, size_t size) {
  std::string body(size + sizeof(uint64_t), '\0');
  uint64_t state = seed * 0x9E3779B97F4A7C15u + size + 1;
  for (size_t i = 0; i < size; i += sizeof state) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    std::memcpy(body.data() + i, &state, sizeof state);
  }
  body.resize(size);
  return body;
}

class CountingWakeable final : public Wakeable {
 public:
  void Wake() override { ++count; }
  int count = 0;
};

// Pushes handoffs, and owns them until the end.
class WriterDriver {
 public:
  explicit WriterDriver(StoreWriter& writer) : writer_(writer), home_(1024, self_) {}

  Handoff& Fragment(MessageId id, std::string_view body) { return Push(HandoffKind::kFragment, id, "", body); }
  Handoff& Accept(MessageId id, std::string_view body = "", std::string_view envelope = EncodeEnvelope()) {
    return Push(HandoffKind::kAccepted, id, envelope, body);
  }
  // Accepts a report on `about`.
  Handoff& Report(MessageId id, MessageId about, std::string_view outcome, std::string_view body = "",
                  std::string_view envelope = EncodeEnvelope()) {
    return Push(HandoffKind::kAccepted, id, envelope, body, {}, about, outcome);
  }
  Handoff& Abandon(MessageId id) { return Push(HandoffKind::kAbandoned, id, "", ""); }
  Handoff& Outcome(MessageId id, std::string_view outcome) { return Push(HandoffKind::kOutcome, id, outcome, ""); }
  Handoff& Move(MessageId id, Position from, std::string_view state) {
    return Push(HandoffKind::kMove, id, state, "", from);
  }

  // Steps the writer, and returns what came home.
  std::vector<Handoff*> Run() {
    writer_.RunOnce();
    std::vector<Handoff*> receipts;
    Handoff* handoff = nullptr;
    while (home_.queue.TryPop(handoff)) receipts.push_back(handoff);
    return receipts;
  }

  int wake_count() const { return self_.count; }

 private:
  struct Away {
    Handoff handoff;
    std::string head;
    std::string about_outcome;
    std::unique_ptr<Block> body;
  };

  Handoff& Push(HandoffKind kind, MessageId id, std::string_view head, std::string_view body, Position from = {},
                MessageId about = {}, std::string_view about_outcome = {}) {
    auto away = std::make_unique<Away>();
    away->head = head;
    away->about_outcome = about_outcome;
    if (!body.empty()) {
      CHECK_LE(body.size(), kBlockSize);
      away->body = std::make_unique_for_overwrite<Block>();
      away->body->size = body.size();
      std::memcpy(away->body->data, body.data(), body.size());
    }
    Handoff& handoff = away->handoff;
    handoff.kind = kind;
    handoff.message = id;
    handoff.head = away->head;
    handoff.body = away->body.get();
    handoff.position = from.Pack();
    handoff.about = about;
    handoff.about_outcome = away->about_outcome;
    handoff.home = &home_;
    CHECK(writer_.TryPush(&handoff));
    away_.push_back(std::move(away));
    return handoff;
  }

  StoreWriter& writer_;
  CountingWakeable self_;
  ReceiptBox home_;
  std::deque<std::unique_ptr<Away>> away_;
};

inline absl::StatusOr<std::string> ReadBody(Directory& directory, Position position) {
  const absl::StatusOr<std::unique_ptr<MessageReader>> reader = MessageReader::Open(directory, position);
  if (!reader.ok()) return reader.status();
  std::string body;
  for (;;) {
    const absl::StatusOr<std::string_view> chunk = (*reader)->NextChunk();
    if (!chunk.ok()) return chunk.status();
    if (chunk->empty()) return body;
    body += *chunk;
  }
}

}  // namespace postern

#endif  // POSTERN_TESTS_STORE_STORE_FIXTURE_H_
