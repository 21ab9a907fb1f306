#include "tests/sim/hop_talk.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace postern {
namespace {

// Longer than all patience of the gateway's together.
constexpr Duration kPatience = std::chrono::minutes(40);
constexpr uint64_t kLargeSize = 100'000'000;
constexpr size_t kFloodLineCount = 20'000;

// What stands between '<' and '>'.
std::string PathIn(std::string_view line) {
  const size_t begin = line.find('<');
  const size_t end = line.find('>');
  return begin == std::string_view::npos || end == std::string_view::npos || end < begin
             ? std::string()
             : std::string(line.substr(begin + 1, end - begin - 1));
}

// Of a parameter behind the path: " NAME=value". Empty when it is missing.
std::string_view Parameter(std::string_view line, std::string_view name) {
  const size_t place = line.find(absl::StrCat(" ", name, "="), line.find('>'));
  if (place == std::string_view::npos) return {};
  line.remove_prefix(place + name.size() + 2);
  return line.substr(0, line.find(' '));
}

// RFC 5321 4.5.2, with the final dot taken off.
std::string Unstuffed(std::string_view text) {
  std::string body = absl::StrReplaceAll(text, {{"\r\n..", "\r\n."}});
  return absl::StartsWith(body, "..") ? body.substr(1) : body;
}

}  // namespace

HopTalk::HopTalk(HopTalkHost& host, SimWorld& world, PostBook& book, std::string_view name, bool lmtp,
                 std::unique_ptr<SimPeer> peer)
    : host_(host),
      world_(world),
      book_(book),
      name_(name),
      lmtp_(lmtp),
      life_(peer->abandoned() ? 0 : world_.life()),
      peer_(std::move(peer)) {
  Touch();
  if (host_.Wild(0.03)) {
    Drop();
    return;
  }
  single_ = host_.Wild(0.05);
  dawdles_ = host_.Wild(0.05);
  slow_reader_ = host_.Wild(0.05);
  if (host_.Wild(0.1)) room_ = 1 + static_cast<uint32_t>(world_.Below(2));
  offers_.pipelining = world_.Chance(0.7);
  offers_.chunking = world_.Chance(0.4);
  offers_.dsn = world_.Chance(0.3);
  offers_.utf8 = !host_.Wild(0.3);
  offers_.eight_bit = world_.Chance(0.7);
  offers_.size = host_.Wild(0.03) ? 3000 : world_.Chance(0.7) ? kLargeSize : 0;
  if (world_.Chance(0.2)) offers_.recipient_count_max = 1 + static_cast<uint32_t>(world_.Below(3));
  if (world_.Chance(0.1)) offers_.mail_count_max = 1 + static_cast<uint32_t>(world_.Below(3));
  Greet();
}

void HopTalk::Touch() { patience_end_ = world_.now() + kPatience; }

void HopTalk::Complain(std::string_view what) { book_.Complain(absl::StrCat(name_, ": ", what)); }

MonotonicTime HopTalk::NextDue() const {
  MonotonicTime next = patience_end_;
  if (!replies_.empty()) next = std::min(next, replies_.front().at);
  return peer_->readable() ? std::min(next, read_at_) : next;
}

void HopTalk::Step() {
  while (!replies_.empty() && replies_.front().at <= world_.now()) {
    world_.Trace(name_, absl::StrCat("says ", replies_.front().bytes.substr(0, 60)));
    peer_->Send(replies_.front().bytes);
    replies_.pop_front();
  }
  if (peer_->readable() && world_.now() >= read_at_) {
    const std::string bytes = peer_->TakeInput(slow_reader_ ? 1 + world_.Below(8000) : SIZE_MAX);
    if (slow_reader_) read_at_ = world_.now() + world_.Within(std::chrono::milliseconds(500));
    if (!bytes.empty()) Touch();
    input_ += bytes;
    while (!done() && !hangs_ && !over_ && HandleInput()) {
    }
    if (done()) return;
    if (peer_->broken() || peer_->ended()) return Drop();
  }
  if (over_ && replies_.empty() && peer_->all_sent()) peer_->End();
  if (world_.now() < patience_end_) return;
  Complain("was left hanging");
  Drop();
}

// What it says.

void HopTalk::Greet() {
  if (!TryMisdeed(Stage::kGreeting)) Say("220 hop.example ESMTP");
}

void HopTalk::Say(std::string text) {
  if (hangs_) return;
  MonotonicTime at = world_.now() + world_.Within(std::chrono::milliseconds(3));
  if (host_.Wild(0.02)) at = world_.now() + world_.Within(std::chrono::minutes(2));
  if (!replies_.empty()) at = std::max(at, replies_.back().at);
  if (host_.Wild(0.01)) text = "what?";
  if (text.size() > 4 && text[3] == ' ' && world_.Chance(0.1)) {
    text = absl::StrCat(text.substr(0, 3), "-as follows\r\n", text);
  }
  text += "\r\n";
  if (!dawdles_ || world_.Chance(0.5)) return replies_.push_back({at, std::move(text)});
  for (const char byte : text) {
    at = at + world_.Within(std::chrono::milliseconds(800));
    replies_.push_back({at, std::string(1, byte)});
  }
}

void HopTalk::SayGoodbye(std::string text) {
  Say(std::move(text));
  over_ = true;
}

// A reply without an end.
void HopTalk::Flood() {
  std::string flood;
  for (size_t i = 0; i < kFloodLineCount; ++i) flood += "250-and that is not all\r\n";
  replies_.push_back({replies_.empty() ? world_.now() : replies_.back().at, std::move(flood)});
  hangs_ = true;
}

// Replies that nobody has asked for, or that do not fit what was said. From here on nobody can tell which reply is to
// what, and whatever the gateway believes of the recipients is right.
void HopTalk::Lie(Stage stage) {
  constexpr std::array<std::string_view, 4> kLies = {"250 2.0.0 Taken", "354 Go on", "220 Who is there?",
                                                     "550 5.0.0 No"};
  lies_ = true;
  for (const std::string& recipient : recipients_) book_.NoteLie(sender_, recipient);
  const bool unasked = world_.Chance(0.5);
  // To nobody but us does it look like an answer to the transaction as a whole.
  if (in_mail_ || stage == Stage::kMail) book_.NoteRefusedWhole(sender_);
  if (unasked) Say(stage == Stage::kGreeting ? "220 hop.example ESMTP" : "250 2.0.0 Fine");
  Say(std::string(kLies[world_.Below(kLies.size())]));
}

bool HopTalk::TryMisdeed(Stage stage, const std::string& recipient) {
  if (!host_.Wild(stage == Stage::kRcpt || stage == Stage::kEnd ? 0.1 : 0.05)) return false;
  switch (world_.Below(12)) {
    case 0:
    case 1:
    case 2: Say("451 4.3.0 Later"); break;
    case 3:
    case 4:
    case 5: Refuse(stage, recipient); break;
    case 6:
    case 7: SayGoodbye("421 4.3.2 Not now"); break;
    case 8: Drop(); break;
    case 9: hangs_ = true; break;
    case 10: Flood(); break;
    default: Lie(stage); break;
  }
  return true;
}

// For good.
void HopTalk::Refuse(Stage stage, const std::string& recipient) {
  // Of mail from nobody it does not know before RCPT whom it refuses.
  if (stage == Stage::kMail && sender_.empty()) return Say("451 4.3.0 Later");
  switch (stage) {
    case Stage::kRcpt: book_.NoteRefused(sender_, recipient); break;
    case Stage::kMail:
    case Stage::kData:
    case Stage::kChunk:
    case Stage::kEnd:
      book_.NoteRefusedWhole(sender_);
      for (const std::string& accepted : recipients_) book_.NoteRefused(sender_, accepted);
      break;
    case Stage::kGreeting:
    case Stage::kHello:
    case Stage::kReset: break;
  }
  Say(world_.Chance(0.5) ? "550 5.7.1 No" : "554 5.3.0 Never");
}

// What it hears.

// Takes something from the input; false when it is not whole.
bool HopTalk::HandleInput() {
  if (host_.Wild(0.004)) {
    Drop();
    return true;
  }
  switch (reading_) {
    case Reading::kLines: return HandleLineInput();
    case Reading::kDots: return HandleDots();
    case Reading::kChunk: return HandleChunkBytes();
  }
  return false;
}

bool HopTalk::HandleDots() {
  const bool empty = absl::StartsWith(input_, ".\r\n");
  const size_t end = empty ? 0 : input_.find("\r\n.\r\n");
  if (end == std::string::npos) return false;
  reading_ = Reading::kLines;
  const std::string body = Unstuffed(std::string_view(input_).substr(0, empty ? 0 : end + 2));
  input_.erase(0, empty ? 3 : end + 5);
  if (std::exchange(answered_early_, false)) {
    EndTransaction();
  } else {
    HandleBody(body);
  }
  return true;
}

bool HopTalk::HandleChunkBytes() {
  const size_t size = std::min(chunk_left_, input_.size());
  chunks_.append(input_, 0, size);
  input_.erase(0, size);
  chunk_left_ -= size;
  if (chunk_left_ > 0) return false;
  reading_ = Reading::kLines;
  if (chunk_refused_ || recipients_.empty()) {
    Say("503 5.5.1 This is not for anybody");
  } else if (last_chunk_) {
    HandleBody(std::exchange(chunks_, {}));
  } else if (TryMisdeed(Stage::kChunk)) {
    chunk_refused_ = true;
  } else {
    Say("250 2.0.0 And then?");
  }
  return true;
}

bool HopTalk::HandleLineInput() {
  const size_t end = input_.find("\r\n");
  if (end == std::string::npos) return false;
  const std::string line = input_.substr(0, end);
  input_.erase(0, end + 2);
  world_.Trace(name_, absl::StrCat("reads ", line));
  // Whoever says something new has read the reply to what was before.
  Confirm();
  HandleLine(line);
  if (!offers_.pipelining && !input_.empty() && reading_ == Reading::kLines && !lies_ && !done() && !over_) {
    Complain(absl::StrCat("does not offer PIPELINING, and reads behind ", line, ": ",
                          absl::CHexEscape(input_.substr(0, 80))));
  }
  return true;
}

void HopTalk::HandleLine(const std::string& line) {
  if (absl::StartsWith(line, "EHLO ") || absl::StartsWith(line, "HELO ") || absl::StartsWith(line, "LHLO ")) {
    return HandleHello(line);
  }
  if (absl::StartsWith(line, "MAIL FROM:")) return HandleMail(line);
  if (absl::StartsWith(line, "RCPT TO:")) return HandleRcpt(line);
  if (line == "DATA") return HandleData();
  if (absl::StartsWith(line, "BDAT ")) return HandleBdat(line);
  if (line == "RSET") {
    EndTransaction();
    if (!TryMisdeed(Stage::kReset)) Say("250 2.0.0 Forgotten");
    return;
  }
  if (line == "QUIT") return SayGoodbye("221 2.0.0 Bye");
  if (!lies_) Complain(absl::StrCat("reads what is no command: ", absl::CHexEscape(line.substr(0, 80))));
  Drop();
}

void HopTalk::HandleHello(std::string_view line) {
  if (absl::StartsWith(line, "LHLO ") != lmtp_ && !lies_) Complain(absl::StrCat("reads ", line));
  if (absl::StartsWith(line, "HELO ")) {
    offers_ = {};
    if (!TryMisdeed(Stage::kHello)) Say("250 hop.example");
    return;
  }
  if (host_.Wild(0.05)) return Say("502 5.5.1 No");
  if (TryMisdeed(Stage::kHello)) return;
  std::string reply = "250-hop.example\r\n";
  if (offers_.pipelining) reply += "250-PIPELINING\r\n";
  if (offers_.chunking) reply += "250-CHUNKING\r\n";
  if (offers_.dsn) reply += "250-DSN\r\n";
  if (offers_.utf8) reply += "250-SMTPUTF8\r\n";
  if (offers_.eight_bit) reply += "250-8BITMIME\r\n";
  if (offers_.size > 0) absl::StrAppend(&reply, "250-SIZE ", offers_.size, "\r\n");
  if (offers_.size > 0) book_.NoteSizeLimit(offers_.size);
  if (offers_.recipient_count_max > 0) {
    absl::StrAppend(&reply, "250-LIMITS RCPTMAX=", offers_.recipient_count_max, "\r\n");
  } else if (offers_.mail_count_max > 0) {
    absl::StrAppend(&reply, "250-LIMITS MAILMAX=", offers_.mail_count_max, "\r\n");
  }
  Say(absl::StrCat(reply, "250 ENHANCEDSTATUSCODES"));
}

void HopTalk::HandleMail(std::string_view line) {
  EndTransaction();
  ++mail_count_;
  sender_ = PathIn(line);
  if (lies_) book_.NoteRefusedWhole(sender_);
  if (!lies_) CheckMail(line);
  if (single_ && message_count_ > 0) return Say("503 5.5.1 One message a connection");
  if (TryMisdeed(Stage::kMail)) return;
  in_mail_ = true;
  Say("250 2.1.0 Fine");
}

void HopTalk::CheckMail(std::string_view line) {
  const auto only = [&](bool offered, std::string_view what) {
    if (!offered && absl::StrContains(line, what)) Complain(absl::StrCat("does not offer that: ", line));
  };
  only(offers_.dsn, " RET=");
  only(offers_.dsn, " ENVID=");
  only(offers_.utf8, " SMTPUTF8");
  only(offers_.eight_bit, " BODY=");
  only(offers_.size > 0, " SIZE=");
  if (offers_.recipient_count_max == 0 && offers_.mail_count_max > 0 && mail_count_ > offers_.mail_count_max) {
    Complain(absl::StrCat("takes ", offers_.mail_count_max, " messages a connection, and said so: ", line));
  }
  const SentMessage* message = book_.FindBySender(sender_);
  if (message == nullptr || !offers_.dsn) return;
  if (Parameter(line, "RET") != message->ret || Parameter(line, "ENVID") != message->envid) {
    Complain(absl::StrCat("is not told what the client has said (RET=", message->ret, " ENVID=", message->envid,
                          "): ", line));
  }
}

void HopTalk::HandleRcpt(std::string_view line) {
  const std::string recipient = PathIn(line);
  if (!in_mail_ && lies_) book_.NoteLie(sender_, recipient);
  if (!in_mail_) return Say("503 5.5.1 From whom?");
  if (!lies_) CheckRcpt(line, recipient);
  if (lies_) book_.NoteLie(sender_, recipient);
  // What an attempt has left that was given up says nothing of what its gateway knows now.
  if (!peer_->abandoned()) book_.NoteOffered(sender_, recipient, life_);
  ++named_count_;
  if (recipients_.size() >= room_) return Say("452 4.5.3 Too many");
  if (TryMisdeed(Stage::kRcpt, recipient)) {
    if (lies_) book_.NoteLie(sender_, recipient);
    return;
  }
  recipients_.push_back(recipient);
  Say("250 2.1.5 Fine");
}

void HopTalk::CheckRcpt(std::string_view line, const std::string& recipient) {
  const std::string_view notify = Parameter(line, "NOTIFY");
  const std::string_view orcpt = Parameter(line, "ORCPT");
  if (!offers_.dsn && (!notify.empty() || !orcpt.empty())) Complain(absl::StrCat("does not offer DSN: ", line));
  if (offers_.recipient_count_max > 0 && named_count_ >= offers_.recipient_count_max) {
    Complain(absl::StrCat("takes ", offers_.recipient_count_max, " recipients, and said so: ", line));
  }
  SentMessage* const message = book_.FindBySender(sender_);
  const SentRecipient* const sent = message == nullptr ? nullptr : message->Find(recipient);
  if (sent == nullptr || !offers_.dsn) return;
  if (notify != sent->notify || orcpt != sent->orcpt) {
    Complain(absl::StrCat("is not told what the client has said (NOTIFY=", sent->notify, " ORCPT=", sent->orcpt,
                          "): ", line));
  }
}

void HopTalk::HandleData() {
  if (recipients_.empty()) return Say("503 5.5.1 To whom?");
  if (TryMisdeed(Stage::kData)) {
    // Whoever was told 354 sends a body, which is no commands.
    if (lies_) Drop();
    return;
  }
  reading_ = Reading::kDots;
  Say("354 Go on");
  if (!host_.Wild(0.01)) return;
  // It says 250 to what it has not seen. Whoever believes that has done what he could.
  answered_early_ = true;
  for (const std::string& recipient : recipients_) {
    Take(recipient, /*confirmable=*/false);
    book_.NoteLie(sender_, recipient);
  }
  for (size_t i = 0; i < (lmtp_ ? recipients_.size() : 1); ++i) Say("250 2.0.0 Taken");
}

void HopTalk::HandleBdat(std::string_view line) {
  const std::string_view rest = absl::StripPrefix(line, "BDAT ");
  last_chunk_ = absl::EndsWith(rest, " LAST");
  if (!absl::SimpleAtoi(absl::StripSuffix(rest, " LAST"), &chunk_left_) || (!offers_.chunking && !lies_) || lmtp_) {
    Complain(absl::StrCat("reads ", line));
    return Drop();
  }
  reading_ = Reading::kChunk;
}

void HopTalk::HandleBody(const std::string& body) {
  ++message_count_;
  CheckBody(body);
  if (!lmtp_) {
    if (!TryMisdeed(Stage::kEnd)) {
      const bool heard = !host_.Wild(0.03);
      for (const std::string& recipient : recipients_) Take(recipient, /*confirmable=*/heard);
      if (!heard) return Drop();
      Say("250 2.0.0 Taken");
    }
    return EndTransaction();
  }
  // RFC 2033 4.2: a reply for each.
  for (const std::string& recipient : recipients_) {
    if (done() || hangs_ || over_ || lies_) break;
    if (TryMisdeed(Stage::kRcpt, recipient)) continue;
    Take(recipient, /*confirmable=*/true);
    Say("250 2.0.0 Taken");
  }
  EndTransaction();
}

// Whatever it says to it: what was sent must be right.
void HopTalk::CheckBody(const std::string& body) {
  report_.reset();
  for (const std::string& recipient : recipients_) {
    if (!sender_.empty() || !ReportBook::IsReader(recipient)) {
      book_.CheckCopy(name_, recipient, body);
      continue;
    }
    report_ = book_.reports().HandleText(name_, recipient, body);
    if (report_.has_value() && !peer_->abandoned()) book_.reports().CheckOffer(*report_, recipient, life_);
  }
}

void HopTalk::Take(const std::string& recipient, bool confirmable) {
  book_.NoteTaken(sender_, recipient, offers_.dsn);
  if (report_.has_value()) book_.reports().NoteArrived(*report_);
  if (!confirmable || lies_) return;
  taken_sender_ = sender_;
  taken_report_ = report_;
  unconfirmed_.push_back(recipient);
}

void HopTalk::Confirm() {
  for (const std::string& recipient : std::exchange(unconfirmed_, {})) {
    if (lies_) continue;
    book_.NoteConfirmed(taken_sender_, recipient, life_);
    if (taken_report_.has_value()) book_.reports().NoteConfirmed(*taken_report_, recipient, life_);
  }
}

void HopTalk::EndTransaction() {
  in_mail_ = false;
  sender_.clear();
  recipients_.clear();
  named_count_ = 0;
  chunks_.clear();
  chunk_refused_ = false;
  report_.reset();
}

}  // namespace postern
