// MemoryMail is a MailStore in memory, for tests of what shows and changes a queue.
//
// A test owns it, on the thread that uses it. Nothing is folded and nothing pushed: the test changes it as it likes.

#ifndef POSTERN_TESTS_GATEWAY_MEMORY_MAIL_H_
#define POSTERN_TESTS_GATEWAY_MEMORY_MAIL_H_

#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/envelope.h"
#include "relay/mail_store.h"

namespace postern {

class MemoryMail final : public MailStore {
 public:
  struct Mail {
    MailState state;
    std::string envelope;
    std::string text;  // the last one, of all recipients
  };

  // A message of the second `second` since 1970, for recipients that have not been tried.
  MessageId Add(int64_t second, const std::vector<std::string>& recipients,
                std::string_view sender = "sender@client.example") {
    const MessageId id{static_cast<uint64_t>(second) * 1'000'000 << 8};
    EnvelopeWriter envelope;
    EnvelopeHead head;
    head.peer = "192.0.2.1";
    head.sender = sender;
    envelope.Start(head);
    for (const std::string& address : recipients) {
      Recipient recipient;
      recipient.address = address;
      envelope.AddRecipient(recipient);
    }
    Mail& mail = mails[id];
    mail.state.id = id;
    mail.state.body_size = 1234;
    mail.state.recipients.resize(recipients.size());
    mail.envelope = envelope.bytes();
    return id;
  }

  bool Fold(FoldListener&, size_t) override { return false; }
  std::optional<MailState> Find(MessageId message) override {
    const auto mail = mails.find(message);
    if (mail == mails.end()) return std::nullopt;
    return mail->second.state;
  }
  std::optional<MessageId> Next(uint64_t& cursor) override {
    const auto mail = mails.lower_bound(MessageId{cursor});
    if (mail == mails.end()) return std::nullopt;
    cursor = mail->first.number + 1;
    return mail->first;
  }
  size_t message_count() const override { return mails.size(); }
  absl::StatusOr<StoredMessage> Open(MessageId message) override {
    StoredMessage stored;
    stored.envelope = mails[message].envelope;
    return stored;
  }
  std::string LastText(MessageId message, uint32_t) override { return mails[message].text; }
  bool TryPush(Handoff&) override { return false; }

  std::map<MessageId, Mail> mails;
};

}  // namespace postern

#endif  // POSTERN_TESTS_GATEWAY_MEMORY_MAIL_H_
