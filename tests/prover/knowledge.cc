#include "tests/prover/knowledge.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace postern {
namespace {

template <typename Test>
bool MayBe(const Knowledge::Message::Recipient& recipient, Test test) {
  return test(recipient.known) || std::any_of(recipient.maybe.begin(), recipient.maybe.end(), test);
}

}  // namespace

void Knowledge::Offer(uint64_t number, std::string body, size_t recipient_count) {
  messages_[number] = {.body = std::move(body), .recipients = std::vector<Message::Recipient>(recipient_count)};
}

void Knowledge::OfferMark(uint64_t number, uint32_t recipient, Marks marks) {
  messages_[number].recipients[recipient].maybe.push_back(marks);
}

void Knowledge::AcknowledgeMark(uint64_t number, uint32_t recipient, Marks marks) {
  messages_[number].recipients[recipient] = {.known = marks, .maybe = {}};
}

std::string Knowledge::Check(const Found& found) const {
  if (!found.error.empty()) return found.error;
  if (found.damage_count > damage_count_max_)
    return absl::StrCat("what a crash has left is taken for damage: ", found.damage);
  if (found.copy_count > damage_count_max_) return "a segment is there twice";
  for (const auto& [number, message] : found.messages) {
    if (std::string error = CheckMessage(number, message); !error.empty()) return error;
  }
  for (const auto& [number, message] : messages_) {
    if (found.messages.contains(number)) continue;
    if (std::string error = CheckMissing(number, message); !error.empty()) return error;
  }
  return CheckFiles(found);
}

std::string Knowledge::CheckMessage(uint64_t number, const Found::Message& found) const {
  const auto it = messages_.find(number);
  if (it == messages_.end()) return absl::StrCat("message ", number, " was found, and never handed over");
  const Message& known = it->second;
  if (known.gone) return absl::StrCat("message ", number, " has risen again");
  if (found.body != known.body) return absl::StrCat("message ", number, " has another body");
  if (found.recipients.size() != known.recipients.size()) {
    return absl::StrCat("message ", number, " has other recipients");
  }
  for (size_t i = 0; i < found.recipients.size(); ++i) {
    if (!MayBe(known.recipients[i], [&](const Marks& marks) { return marks == found.recipients[i]; })) {
      return absl::StrCat("message ", number, ", recipient ", i, ": a mark that was lost, or that nobody made");
    }
  }
  return "";
}

std::string Knowledge::CheckMissing(uint64_t number, const Message& message) const {
  if (!message.acknowledged || message.gone || message.damaged) return "";
  const bool may_be_done = std::all_of(message.recipients.begin(), message.recipients.end(), [](const auto& recipient) {
    return MayBe(recipient, [](const Marks& marks) { return Settled(marks.state); });
  });
  return may_be_done ? "" : absl::StrCat("message ", number, " was acknowledged, and is lost");
}

std::string Knowledge::CheckFiles(const Found& found) const {
  for (const auto& [path, bytes] : found.mailed) {
    const auto it = mailed_.find(path);
    if (it == mailed_.end()) return absl::StrCat(path, " was found, and never delivered");
    if (it->second.bytes != bytes) return absl::StrCat(path, " is not what was delivered");
  }
  for (const auto& [path, mailed] : mailed_) {
    if (mailed.acknowledged && !found.mailed.contains(path)) return absl::StrCat(path, " was delivered, and is lost");
  }
  const auto is_copied = [&](const std::string& path, const std::string& bytes) {
    const auto it = found.quarantined.find(path);
    return it != found.quarantined.end() && it->second == bytes;
  };
  for (const auto& [path, bytes] : copies_) {
    if (!is_copied(path, bytes)) return absl::StrCat(path, " was said to hold damaged bytes, and does not");
  }
  for (const auto& [path, bytes] : found.copies) {
    // A copy that is known is of what was there before anybody mended it.
    if (!copies_.contains(path) && !is_copied(path, bytes)) return absl::StrCat(path, " is no copy of what is damaged");
  }
  return "";
}

void Knowledge::Adopt(const Found& found) {
  for (auto& [number, message] : messages_) {
    const auto it = found.messages.find(number);
    message.gone = it == found.messages.end();
    if (message.gone) continue;
    message.acknowledged = true;
    for (size_t i = 0; i < message.recipients.size(); ++i) {
      message.recipients[i] = {.known = it->second.recipients[i], .maybe = {}};
    }
  }
  copies_.insert(found.copies.begin(), found.copies.end());
}

}  // namespace postern
