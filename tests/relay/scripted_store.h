// ScriptedStore is a MailStore with one message in it, and a writer that does with reports what the test says.
//
// A test owns it, and everything is on its thread. It keeps the writer's rules: a message of which one piece could not
// be written never becomes whole, and what is lent to the writer must not change meanwhile.

#ifndef POSTERN_TESTS_RELAY_SCRIPTED_STORE_H_
#define POSTERN_TESTS_RELAY_SCRIPTED_STORE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/log/check.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/handoff.h"
#include "relay/mail_store.h"

namespace postern {

class ScriptedStore final : public MailStore {
 public:
  struct Accepted {
    MessageId id;
    std::string envelope{};
    std::string body{};
    MessageId about{};
    std::string about_outcome{};
  };

  // The message.
  std::string envelope;
  std::string body;
  size_t piece_size = 64 * 1024;
  absl::Status opens = absl::OkStatus();
  absl::Status rewinds = absl::OkStatus();
  // Which piece cannot be read, counted over all readings.
  std::optional<size_t> bad_piece;

  // The writer.
  size_t place_count = 1000;    // of its queue
  std::deque<Handoff*> pushed;  // not written yet
  std::vector<Accepted> accepted;
  size_t abandoned_count = 0;
  size_t pushed_max = 0;  // ever in the queue at once

  // Pieces of messages that are not whole.
  size_t open_count() const { return open_.size(); }

  // Writes the oldest handoffs, and sends them home; the last of them first when `backwards`.
  void Write(HandoffResult result = HandoffResult::kDurable, size_t count = SIZE_MAX, bool backwards = false) {
    std::vector<Handoff*> written;
    for (; count > 0 && !pushed.empty(); --count) {
      Handoff& handoff = *pushed.front();
      pushed.pop_front();
      const std::string lent = std::exchange(lent_.front(), {});
      lent_.pop_front();
      CHECK_EQ(lent, BodyOf(handoff)) << "changed while it was away";
      handoff.result = Handle(handoff, result);
      written.push_back(&handoff);
    }
    if (backwards) std::reverse(written.begin(), written.end());
    for (Handoff* handoff : written) CHECK(handoff->home->queue.TryPush(handoff));
  }

  bool TryPush(Handoff& handoff) override {
    if (pushed.size() == place_count) return false;
    CHECK_NE(handoff.about.number, 0u);
    CHECK_NE(handoff.message.number, 0u);
    CHECK_EQ(handoff.about_outcome.empty(), handoff.kind != HandoffKind::kAccepted);
    handoff.result = HandoffResult::kPending;
    pushed.push_back(&handoff);
    pushed_max = std::max(pushed_max, pushed.size());
    lent_.emplace_back(BodyOf(handoff));
    return true;
  }
  absl::StatusOr<StoredMessage> Open(MessageId) override {
    if (!opens.ok()) return opens;
    return StoredMessage{.envelope = envelope, .body_size = body.size(), .body = std::make_unique<Body>(*this)};
  }

  // Nobody who makes reports asks for these.
  bool Fold(FoldListener&, size_t) override { return false; }
  std::optional<MailState> Find(MessageId) override { return std::nullopt; }
  bool Walk(uint64_t&, size_t, absl::FunctionRef<void(const MailView&)>) override { return false; }
  void SetDestination(MessageId, uint32_t, uint32_t) override {}
  size_t message_count() const override { return 1; }
  std::string LastText(MessageId, uint32_t) override { return {}; }

 private:
  struct Unfinished {
    std::string body{};
    HandoffResult result = HandoffResult::kDurable;  // of the first piece that could not be written
  };

  class Body final : public MessageBody {
   public:
    explicit Body(ScriptedStore& store) : store_(store), rest_(store.body) {}
    absl::StatusOr<std::string_view> Next() override {
      if (store_.bad_piece == store_.piece_count_++) return absl::DataLossError("the record is damaged");
      // As a reader does, it uses its memory again.
      piece_ = rest_.substr(0, store_.piece_size);
      rest_.remove_prefix(piece_.size());
      return std::string_view(piece_);
    }
    absl::Status Rewind() override {
      rest_ = store_.body;
      return store_.rewinds;
    }

   private:
    ScriptedStore& store_;
    std::string_view rest_;
    std::string piece_;
  };

  static std::string_view BodyOf(const Handoff& handoff) {
    return handoff.body == nullptr ? std::string_view() : std::string_view(handoff.body->data, handoff.body->size);
  }

  HandoffResult Handle(const Handoff& handoff, HandoffResult result) {
    if (handoff.kind == HandoffKind::kAbandoned) {
      ++abandoned_count;
      open_.erase(handoff.message.number);
      return HandoffResult::kDurable;
    }
    Unfinished& open = open_[handoff.message.number];
    if (open.result == HandoffResult::kDurable) open.result = result;
    open.body.append(BodyOf(handoff));
    result = open.result;
    if (handoff.kind == HandoffKind::kFragment) return result;
    CHECK(handoff.kind == HandoffKind::kAccepted);
    if (result == HandoffResult::kDurable) {
      accepted.push_back({.id = handoff.message,
                          .envelope = std::string(handoff.head),
                          .body = open.body,
                          .about = handoff.about,
                          .about_outcome = std::string(handoff.about_outcome)});
    }
    open_.erase(handoff.message.number);
    return result;
  }

  std::deque<std::string> lent_;  // beside `pushed`: what the handoffs held then
  std::map<uint64_t, Unfinished> open_;
  size_t piece_count_ = 0;
};

}  // namespace postern

#endif  // POSTERN_TESTS_RELAY_SCRIPTED_STORE_H_
