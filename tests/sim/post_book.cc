#include "tests/sim/post_book.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/sim/sim_setup.h"

namespace postern {
namespace {

constexpr size_t kProblemCountMax = 20;
constexpr std::string_view kTokenLine = "X-Sim: ";

std::string Text(MessageId id) { return std::string(ToText(id).view()); }

// What the gateway puts before a body: a Return-Path in a mailbox, and one Received. How long that is; npos when it is
// something else.
size_t HeadSize(std::string_view text) {
  size_t line = 0;
  size_t received_count = 0;
  while (line < text.size() && !absl::StartsWith(text.substr(line), kTokenLine)) {
    const std::string_view rest = text.substr(line);
    const bool folded = absl::StartsWith(rest, "\t") || absl::StartsWith(rest, " ");
    if (absl::StartsWith(rest, "Received: ")) {
      ++received_count;
    } else if (!(folded && received_count == 1) && !(line == 0 && absl::StartsWith(rest, "Return-Path: <"))) {
      return std::string_view::npos;
    }
    const size_t end = rest.find("\r\n");
    if (end == std::string_view::npos) return end;
    line += end + 2;
  }
  return received_count == 1 ? line : std::string_view::npos;
}

}  // namespace

bool SentRecipient::Wants(std::string_view what) const {
  if (notify.empty()) return what != "SUCCESS";
  const std::vector<std::string_view> wanted = absl::StrSplit(notify, ',');
  return std::find(wanted.begin(), wanted.end(), what) != wanted.end();
}

SentRecipient* SentMessage::Find(std::string_view address) {
  const auto place = std::find_if(recipients.begin(), recipients.end(),
                                  [address](const SentRecipient& recipient) { return recipient.address == address; });
  return place == recipients.end() ? nullptr : &*place;
}

SentMessage& PostBook::Write(std::string_view client, bool null_sender) {
  auto message = std::make_unique<SentMessage>();
  message->token = absl::StrCat(client, "m", messages_.size());
  if (!null_sender) message->sender = absl::StrCat(message->token, "@", kSimSenderDomain);
  message->body = absl::StrCat(kTokenLine, message->token, "\r\n");
  return *(messages_[message->token] = std::move(message));
}

SentMessage* PostBook::Find(std::string_view token) {
  const auto place = messages_.find(std::string(token));
  return place == messages_.end() ? nullptr : place->second.get();
}

SentMessage* PostBook::FindBySender(std::string_view address) {
  const size_t at = address.find('@');
  return at == std::string_view::npos || address.substr(at + 1) != kSimSenderDomain ? nullptr
                                                                                    : Find(address.substr(0, at));
}

SentMessage* PostBook::Find(MessageId id) {
  const auto place = by_id_.find(id);
  return place == by_id_.end() ? nullptr : place->second;
}

void PostBook::NoteAcknowledged(SentMessage& message, MessageId id) {
  message.acknowledged = true;
  message.id = id;
  if (!by_id_.emplace(id, &message).second) Complain(absl::StrCat("the id ", Text(id), " was given twice"));
  if (!message.finished) Complain(absl::StrCat(message.token, " was acknowledged before its end was sent"));
}

// Null for a report, which concerns the report book; else null is a problem.
SentRecipient* PostBook::Locate(std::string_view sender, std::string_view recipient) {
  if (sender.empty() && ReportBook::IsReader(recipient)) return nullptr;
  std::string_view token = sender.substr(0, sender.find('@'));
  if (sender.empty()) {
    const std::string_view local = recipient.substr(0, recipient.find('@'));
    token = local.substr(local.find('+') + 1);
  }
  SentMessage* message = Find(token);
  SentRecipient* found = message == nullptr || message->sender != sender ? nullptr : message->Find(recipient);
  if (found == nullptr) Complain(absl::StrCat("nobody has sent anything from <", sender, "> to ", recipient));
  return found;
}

void PostBook::NoteOffered(std::string_view sender, std::string_view recipient, uint32_t life) {
  const SentRecipient* found = Locate(sender, recipient);
  if (found == nullptr) return;
  const std::string what = absl::StrCat("<", sender, "> to ", recipient);
  if (found->settled) Complain(absl::StrCat(what, " is settled in the log, and tried again"));
  if (found->confirmed_life == life) {
    Complain(absl::StrCat(what, " is tried again by a gateway that has had the 250 for it"));
  }
  const SentMessage* message = FindBySender(sender);
  if (message != nullptr && message->on_hold) Complain(absl::StrCat(what, " is on hold, and tried"));
}

void PostBook::NoteTaken(std::string_view sender, std::string_view recipient, bool receipted) {
  SentRecipient* const found = Locate(sender, recipient);
  if (found == nullptr) return;
  found->taken = true;
  found->receipted |= receipted;
  found->unreceipted |= !receipted;
}

void PostBook::NoteConfirmed(std::string_view sender, std::string_view recipient, uint32_t life) {
  if (SentRecipient* found = Locate(sender, recipient); found != nullptr) found->confirmed_life = life;
}

void PostBook::NoteRefused(std::string_view sender, std::string_view recipient) {
  if (SentRecipient* found = Locate(sender, recipient); found != nullptr) found->refused = true;
}

void PostBook::NoteRefusedWhole(std::string_view sender) {
  if (sender.empty()) refused_of_nobody_ = true;
  if (SentMessage* message = FindBySender(sender); message != nullptr) message->refused_by_hop = true;
}

void PostBook::NoteLie(std::string_view sender, std::string_view recipient) {
  if (SentRecipient* found = Locate(sender, recipient); found != nullptr) found->lied_about = true;
  SentMessage* const reader = sender.empty() ? FindBySender(recipient) : nullptr;
  if (reader != nullptr) reader->report_lied_about = true;
}

void PostBook::NoteWish(QueueAction action, SentMessage* message) {
  if (message == nullptr) {
    sweeps_.insert(action);
  } else {
    message->wishes.insert(action);
  }
  for (const auto& [token, other] : messages_) {
    if (message == nullptr || message == other.get()) other->on_hold = false;
  }
}

bool PostBook::WasWished(QueueAction action, const SentMessage& message) const {
  return sweeps_.contains(action) || message.wishes.contains(action);
}

void PostBook::NoteDelivered(MessageId id, std::string_view recipient, uint32_t life) {
  const std::string what = absl::StrCat(Text(id), " to ", recipient);
  if (std::exchange(lives_[{id, std::string(recipient)}], life) == life) {
    Complain(absl::StrCat(what, " is delivered twice by one gateway"));
  }
  SentMessage* message = Find(id);  // null when its client has not read the 250, and perhaps never will
  const SentRecipient* found = message == nullptr ? nullptr : message->Find(recipient);
  if (found != nullptr && found->settled) Complain(absl::StrCat(what, " is settled in the log, and delivered again"));
}

SentMessage* PostBook::CheckCopy(std::string_view where, std::string_view recipient, std::string_view text) {
  const size_t head_size = HeadSize(text);
  if (head_size == std::string_view::npos || head_size >= text.size()) {
    Complain(absl::StrCat(where, ": a message of ", text.size(), " bytes that nobody has sent, or torn at its head"));
    return nullptr;
  }
  const std::string_view body = text.substr(head_size);
  const std::string_view token = body.substr(kTokenLine.size(), body.find('\r') - kTokenLine.size());
  SentMessage* message = Find(token);
  if (message == nullptr) {
    Complain(absl::StrCat(where, ": a message with the token ", token, ", which nobody has sent"));
    return nullptr;
  }
  if (body != message->body) {
    Complain(absl::StrCat(where, ": ", token, " has ", body.size(), " bytes and differs from the ",
                          message->body.size(), " that were sent"));
    return nullptr;
  }
  if (!message->finished) Complain(absl::StrCat(where, ": ", token, " was never sent to its end"));
  if (message->refused) Complain(absl::StrCat(where, ": ", token, " was refused with 5xx"));
  if (!recipient.empty() && message->Find(recipient) == nullptr)
    Complain(absl::StrCat(where, ": ", token, " is not for ", recipient));
  return message;
}

void PostBook::Complain(std::string problem) {
  if (problems_.size() >= kProblemCountMax) return;
  // An audit finds again what the one before has found.
  if (std::find(problems_.begin(), problems_.end(), problem) == problems_.end()) {
    problems_.push_back(std::move(problem));
  }
}

}  // namespace postern
