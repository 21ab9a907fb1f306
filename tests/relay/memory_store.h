// MemoryStore is a MailStore without a log: what is pushed becomes durable, and shows, when the test says so.
//
// A test owns it, and everything is on its thread. It applies outcomes and reports as the queue index does, and holds
// the bodies of reports, so that a test can read them.

#ifndef POSTERN_TESTS_RELAY_MEMORY_STORE_H_
#define POSTERN_TESTS_RELAY_MEMORY_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/log/check.h"
#include "absl/status/statusor.h"
#include "core/envelope.h"
#include "core/handoff.h"
#include "relay/mail_store.h"
#include "store/outcome.h"

namespace postern {

class TextBody final : public MessageBody {
 public:
  TextBody(std::string text, bool unreadable) : text_(std::move(text)), unreadable_(unreadable) {}
  absl::StatusOr<std::string_view> Next() override {
    if (unreadable_) return absl::DataLossError("a piece is damaged");
    return std::exchange(done_, true) ? std::string_view() : std::string_view(text_);
  }
  absl::Status Rewind() override {
    done_ = false;
    return absl::OkStatus();
  }

 private:
  const std::string text_;
  const bool unreadable_;
  bool done_ = false;
};

class MemoryStore final : public MailStore {
 public:
  struct Mail {
    std::string envelope{};
    std::string body = "Subject: hi\r\n\r\nhello\r\n";
    MailState state{};
    std::vector<std::string> texts{};
  };

  void Accept(MessageId id, const EnvelopeHead& head, const std::vector<Recipient>& recipients) {
    EnvelopeWriter writer;
    writer.Start(head);
    for (const Recipient& recipient : recipients) writer.AddRecipient(recipient);
    Add(id, writer.bytes(), Mail{}.body);
  }

  // What was pushed comes home, and what is durable is in the log from now on.
  void Commit(HandoffResult result = HandoffResult::kDurable) {
    for (Handoff* handoff : std::exchange(pushed, {})) {
      if (result == HandoffResult::kDurable) Write(*handoff);
      handoff->result = result;
      CHECK(handoff->home->queue.TryPush(handoff));
    }
  }

  // All that would be lost with the process: what was folded is folded again.
  void Restart() {
    unfolded_.clear();
    for (auto& [id, mail] : mails) {
      for (QueuedRecipient& recipient : mail.state.recipients) recipient.destination = UINT32_MAX;
      unfolded_.push_back(id);
    }
  }

  bool Fold(FoldListener& listener, size_t) override {
    for (const MessageId id : std::exchange(unfolded_, {})) {
      if (const auto mail = mails.find(id); mail != mails.end()) {
        listener.HandleAccepted(id, mail->second.envelope, mail->second.state.recipients);
      }
    }
    return false;
  }
  bool stuck() const override { return unreadable_log; }
  std::optional<MailState> Find(MessageId message) override {
    const auto mail = mails.find(message);
    if (mail == mails.end()) return std::nullopt;
    return mail->second.state;
  }
  bool Walk(uint64_t& cursor, size_t count_max, absl::FunctionRef<void(const MailView&)> visit) override {
    // The cursor is the number of the next id: what comes and goes meanwhile moves nothing.
    for (auto mail = mails.lower_bound(MessageId{cursor}); mail != mails.end(); ++mail) {
      if (count_max-- == 0) return true;
      cursor = mail->first.number + 1;
      const MailState& state = mail->second.state;
      visit({.id = mail->first, .body_size = state.body_size, .flags = state.flags, .recipients = state.recipients});
    }
    return false;
  }
  void SetDestination(MessageId message, uint32_t recipient, uint32_t destination) override {
    mails.at(message).state.recipients[recipient].destination = destination;
  }
  size_t message_count() const override { return mails.size(); }
  absl::StatusOr<StoredMessage> Open(MessageId message) override {
    ++open_count;
    if (unreadable) return absl::DataLossError("the record is damaged");
    const Mail& mail = mails.at(message);
    return StoredMessage{mail.envelope, mail.body.size(), std::make_unique<TextBody>(mail.body, unreadable_body)};
  }
  std::string LastText(MessageId message, uint32_t recipient) override { return mails.at(message).texts[recipient]; }
  bool TryPush(Handoff& handoff) override {
    if (full) return false;
    handoff.result = HandoffResult::kPending;
    pushed.push_back(&handoff);
    return true;
  }

  std::map<MessageId, Mail> mails;
  std::vector<Handoff*> pushed;
  std::vector<MessageId> reports;  // every report that was ever accepted
  size_t open_count = 0;
  bool unreadable_log = false;
  bool full = false;
  bool unreadable = false;
  bool unreadable_body = false;

 private:
  void Add(MessageId id, std::string_view envelope, std::string body) {
    const std::optional<Envelope> parsed = ParseEnvelope(envelope);
    CHECK(parsed.has_value());
    Mail& mail = mails[id];
    mail.envelope = envelope;
    mail.body = std::move(body);
    mail.state = {.id = id, .body_size = mail.body.size(), .flags = parsed->flags};
    mail.state.recipients.resize(parsed->recipients.size());
    mail.texts.resize(parsed->recipients.size());
    unfolded_.push_back(id);
  }

  void Write(const Handoff& handoff) {
    std::string& piece = pieces_[handoff.message];
    if (handoff.body != nullptr) piece.append(handoff.body->data, handoff.body->size);
    switch (handoff.kind) {
      case HandoffKind::kFragment: return;
      case HandoffKind::kAbandoned: break;
      case HandoffKind::kOutcome: Apply(handoff.message, handoff.head); break;
      case HandoffKind::kAccepted:
        Apply(handoff.about, handoff.about_outcome);
        Add(handoff.message, handoff.head, piece);
        reports.push_back(handoff.message);
        break;
      case HandoffKind::kMove: CHECK(false) << "nobody moves here";
    }
    pieces_.erase(handoff.message);
  }

  void Apply(MessageId id, std::string_view bytes) {
    const auto found = mails.find(id);
    if (found == mails.end()) return;
    Mail& mail = found->second;
    OutcomeReader reader(bytes);
    RecipientOutcome outcome;
    while (reader.Next(outcome)) {
      QueuedRecipient& recipient = mail.state.recipients[outcome.recipient];
      CHECK(!Settled(recipient.state)) << "settled twice";
      recipient.next_attempt = outcome.next_attempt;
      recipient.attempt_count = outcome.attempt_count;
      recipient.state = outcome.state;
      mail.texts[outcome.recipient] = outcome.reply;
    }
    CHECK(reader.valid());
    for (const QueuedRecipient& recipient : mail.state.recipients) {
      if (!Settled(recipient.state)) return;
    }
    mails.erase(found);
  }

  std::vector<MessageId> unfolded_;
  std::map<MessageId, std::string> pieces_;  // of reports that are being written
};

}  // namespace postern

#endif  // POSTERN_TESTS_RELAY_MEMORY_STORE_H_
