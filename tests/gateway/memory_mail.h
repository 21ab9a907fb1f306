// MemoryMail is a MailStore in memory, for tests of what shows and changes a queue, with a destination for each domain.
//
// A test owns it, on the thread that uses it. Nothing is folded and nothing pushed: the test changes it as it likes.

#ifndef POSTERN_TESTS_GATEWAY_MEMORY_MAIL_H_
#define POSTERN_TESTS_GATEWAY_MEMORY_MAIL_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/envelope.h"
#include "relay/destination_book.h"
#include "relay/mail_store.h"
#include "relay/route.h"

namespace postern {

// Its pieces are small, so that a test needs no large message to have many.
class MemoryBody final : public MessageBody {
 public:
  static constexpr size_t kPieceSize = 1000;

  explicit MemoryBody(std::string bytes) : bytes_(std::move(bytes)) {}
  absl::StatusOr<std::string_view> Next() override {
    const std::string_view piece = std::string_view(bytes_).substr(read_size_, kPieceSize);
    read_size_ += piece.size();
    return piece;
  }
  absl::Status Rewind() override {
    read_size_ = 0;
    return absl::OkStatus();
  }

 private:
  const std::string bytes_;
  size_t read_size_ = 0;
};

class MemoryMail final : public MailStore {
 public:
  struct Mail {
    MailState state;
    std::string envelope;
    std::string text;  // the last one, of all recipients
    std::string body;
  };

  // A message of the second `second` since 1970, for recipients that have not been tried.
  MessageId Add(int64_t second, const std::vector<std::string>& recipients,
                std::string_view sender = "sender@client.example") {
    const MessageId id{static_cast<uint64_t>(second) * 1'000'000 << 8};
    Mail& mail = mails[id];
    EnvelopeWriter envelope;
    envelope.Start({.peer = "192.0.2.1", .sender = sender});
    for (const std::string& address : recipients) {
      envelope.AddRecipient({.address = address});
      mail.state.recipients.push_back({.destination = book.Find(address)});
    }
    mail.state.id = id;
    mail.state.body_size = 1234;
    mail.envelope = envelope.bytes();
    return id;
  }

  bool Fold(FoldListener&, size_t) override { return false; }
  std::optional<MailState> Find(MessageId message) override {
    const auto mail = mails.find(message);
    if (mail == mails.end()) return std::nullopt;
    return mail->second.state;
  }
  bool Walk(uint64_t& cursor, size_t count_max, absl::FunctionRef<void(const MailView&)> visit) override {
    auto mail = mails.lower_bound(MessageId{cursor});
    for (; mail != mails.end() && count_max > 0; ++mail, --count_max) {
      const MailState& state = mail->second.state;
      visit({.id = state.id, .body_size = state.body_size, .flags = state.flags, .recipients = state.recipients});
      cursor = mail->first.number + 1;
    }
    return mail != mails.end();
  }
  void SetDestination(MessageId message, uint32_t recipient, uint32_t destination) override {
    mails[message].state.recipients[recipient].destination = destination;
  }
  size_t message_count() const override { return mails.size(); }
  absl::StatusOr<StoredMessage> Open(MessageId message) override {
    const Mail& mail = mails[message];
    StoredMessage stored;
    stored.envelope = mail.envelope;
    stored.body_size = mail.body.size();
    stored.body = std::make_unique<MemoryBody>(mail.body);
    return stored;
  }
  std::string LastText(MessageId message, uint32_t) override { return mails[message].text; }
  bool TryPush(Handoff&) override { return false; }

  const RouteTable routes = *RouteTable::Create({{.match = "*", .kind = RouteKind::kMx}});
  DestinationBook book{routes, "host.example"};
  std::map<MessageId, Mail> mails;
};

}  // namespace postern

#endif  // POSTERN_TESTS_GATEWAY_MEMORY_MAIL_H_
