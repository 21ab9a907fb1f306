#include "tests/sim/sim_client.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/sim/sim_setup.h"

namespace postern {
namespace {

// Longer than all patience of the gateway's together: whoever waits so long was forgotten.
constexpr Duration kPatience = std::chrono::minutes(40);
constexpr std::array<std::string_view, 6> kNames = {"ann", "bob", "cleo", "dan", "eve", "finn"};
constexpr std::array<std::string_view, 20> kDomains = {"box.example",
                                                       "box.example",
                                                       "box.example",
                                                       "box.example",
                                                       "hop.example",
                                                       "hop.example",
                                                       "hop.example",
                                                       "hop.example",
                                                       "lmtp.example",
                                                       "lmtp.example",
                                                       "good.mx.example",
                                                       "good.mx.example",
                                                       "own.mx.example",
                                                       "sick.mx.example",
                                                       "plain.mx.example",
                                                       "reject.example",
                                                       "elsewhere.example",
                                                       "discard.example",
                                                       "",
                                                       ""};
// These need not come often.
constexpr std::array<std::string_view, 4> kLostDomains = {"null.mx.example", "gone.mx.example", "loop.mx.example",
                                                          "bare.mx.example"};
constexpr std::array<std::string_view, 6> kNotifies = {
    "NEVER", "SUCCESS", "FAILURE", "DELAY", "SUCCESS,FAILURE,DELAY", "SUCCESS,FAILURE"};

// RFC 5321 4.5.2.
std::string Stuffed(std::string_view body) {
  std::string text = absl::StrReplaceAll(body, {{"\r\n.", "\r\n.."}});
  return absl::StrCat(absl::StartsWith(text, ".") ? "." : "", text, ".\r\n");
}

}  // namespace

SimClient::SimClient(SimWorld& world, PostBook& book, uint32_t number, double wildness)
    : world_(world), book_(book), name_(absl::StrCat("c", number)), wildness_(wildness) {
  const bool trusted = world_.Chance(0.3);
  const std::string from = absl::StrCat(trusted ? "10.0.0." : "192.0.2.", 1 + world_.Below(4), ":", 10'000 + number);
  pipelining_ = world_.Chance(0.6);
  slow_ = world_.Chance(0.15);
  slow_reader_ = world_.Chance(0.1);
  quits_ = world_.Chance(0.9);
  if (world_.Chance(0.5 * wildness_)) {
    manner_ = std::array{Manner::kEarly, Manner::kGarbage, Manner::kSilent}[world_.Below(3)];
  }
  if (manner_ == Manner::kMail || manner_ == Manner::kEarly) SayMail();
  if (manner_ == Manner::kGarbage) SayGarbage();
  if (world_.Chance(0.5 * wildness_)) {
    uint64_t size = 1;
    for (const Command& command : script_) {
      size += command.bytes.size() + (command.message != nullptr ? command.message->body.size() / 2 : 0);
    }
    cut_at_ = world_.Below(size);
    cut_ = std::array{Cut::kReset, Cut::kClose, Cut::kHalfClose, Cut::kSilence}[world_.Below(4)];
  }
  peer_ = world_.network().Connect(SimAddress("10.1.0.1:25"), SimAddress(from));
  awaited_.push_back({.verb = Verb::kGreeting});
  Touch();
  if (manner_ == Manner::kEarly || manner_ == Manner::kGarbage) SayMore();
}

// What it will say.

void SimClient::SayMail() {
  script_.push_back({.verb = Verb::kEhlo, .bytes = "EHLO client.example\r\n", .waits = true});
  const uint64_t count = 1 + world_.Below(4);
  for (uint64_t i = 0; i < count; ++i) SayMessage(/*first=*/i == 0);
  if (quits_) script_.push_back({.verb = Verb::kQuit, .bytes = "QUIT\r\n", .waits = !pipelining_});
  if (manner_ != Manner::kEarly) return;
  // The bodies stand where it hopes that they will be wanted.
  for (size_t i = 0; i < script_.size(); ++i) {
    script_[i].waits = false;
    if (script_[i].verb != Verb::kData) continue;
    SentMessage& message = *script_[i].message;
    script_.insert(
        script_.begin() + static_cast<std::ptrdiff_t>(i) + 1,
        {.verb = Verb::kEnd, .bytes = Stuffed(message.body), .message = &message, .complete = message.sound});
  }
}

void SimClient::SayMessage(bool first) {
  SentMessage& message = book_.Write(name_, /*null_sender=*/world_.Chance(0.08));
  FillBody(message);
  const bool waits = !pipelining_;
  if (!first) script_.push_back({.verb = Verb::kRset, .bytes = "RSET\r\n", .waits = waits});
  const bool utf8 = world_.Chance(0.05);
  std::string parameters;
  if (world_.Chance(0.5)) absl::StrAppend(&parameters, " SIZE=", message.body.size());
  if (world_.Chance(0.5)) {
    parameters += " BODY=8BITMIME";
    message.eight_bit = true;
  }
  if (utf8) parameters += " SMTPUTF8";
  if (world_.Chance(0.3)) message.ret = world_.Chance(0.5) ? "FULL" : "HDRS";
  if (!message.ret.empty()) absl::StrAppend(&parameters, " RET=", message.ret);
  if (world_.Chance(0.3)) message.envid = absl::StrCat("order-", message.token);
  if (!message.envid.empty()) absl::StrAppend(&parameters, " ENVID=", message.envid);
  script_.push_back({.verb = Verb::kMail,
                     .bytes = absl::StrCat("MAIL FROM:<", message.sender, ">", parameters, "\r\n"),
                     .message = &message,
                     .waits = waits});
  const uint64_t count = 1 + world_.Below(4);
  for (uint64_t i = 0; i < count; ++i) SayRecipient(message, utf8);
  if (!message.sound || world_.Chance(0.6)) {
    script_.push_back({.verb = Verb::kData, .bytes = "DATA\r\n", .message = &message, .waits = waits});
    return;
  }
  for (size_t offset = 0;
       offset < message.body.size() || script_.back().verb != Verb::kChunk || !script_.back().last;) {
    const size_t left = message.body.size() - offset;
    const size_t size = world_.Chance(0.4) ? left : world_.Below(left + 1);
    const bool last = size == left && world_.Chance(0.8);
    script_.push_back({.verb = Verb::kChunk,
                       .bytes = absl::StrCat("BDAT ", size, last ? " LAST" : "", "\r\n",
                                             std::string_view(message.body).substr(offset, size)),
                       .message = &message,
                       .last = last,
                       .waits = waits,
                       .complete = last});
    offset += size;
  }
}

void SimClient::SayRecipient(SentMessage& message, bool utf8) {
  std::string_view domain = kDomains[world_.Below(kDomains.size())];
  if (domain.empty()) domain = kLostDomains[world_.Below(kLostDomains.size())];
  const std::string_view name = kNames[world_.Below(kNames.size())];
  const std::string_view mark = utf8 && domain == "hop.example" ? "\u00e9" : "";
  const std::string of_nobody = message.sender.empty() ? absl::StrCat("+", message.token) : std::string();
  SentRecipient recipient = {.address = absl::StrCat(name, mark, of_nobody, "@", domain)};
  if (message.Find(recipient.address) != nullptr) return;
  if (world_.Chance(0.4)) recipient.notify = kNotifies[world_.Below(kNotifies.size())];
  if (world_.Chance(0.3) && mark.empty()) recipient.orcpt = absl::StrCat("rfc822;first.", name, "@old.example");
  std::string parameters;
  if (!recipient.notify.empty()) absl::StrAppend(&parameters, " NOTIFY=", recipient.notify);
  if (!recipient.orcpt.empty()) absl::StrAppend(&parameters, " ORCPT=", recipient.orcpt);
  script_.push_back({.verb = Verb::kRcpt,
                     .bytes = absl::StrCat("RCPT TO:<", recipient.address, ">", parameters, "\r\n"),
                     .message = &message,
                     .recipient = message.recipients.size(),
                     .waits = !pipelining_});
  message.recipients.push_back(std::move(recipient));
}

// Lines of any bytes but CR and LF; seldom a bare one, which must not be taken.
void SimClient::FillBody(SentMessage& message) {
  const uint64_t size_max = world_.Chance(0.05) ? 200'000 : world_.Chance(0.35) ? 40'000 : 2'000;
  const size_t size = message.body.size() + world_.Below(size_max);
  std::string& body = message.body;
  if (world_.Chance(0.2)) {
    const bool urgent = world_.Chance(0.5);
    body += urgent ? "Priority: urgent\r\n" : "X-Priority: 5\r\n";
    message.priority = urgent ? Priority::kUrgent : Priority::kNonUrgent;
  }
  body += "Subject: simulated\r\n\r\n";
  while (body.size() < size) {
    if (world_.Chance(0.2)) body += ".";
    if (world_.Chance(0.05)) body += ".\r\n";
    for (uint64_t words = world_.Below(world_.Chance(0.05) ? 400 : 10); words > 0; --words) {
      const uint64_t bits = world_.Below(UINT64_MAX);
      const bool binary = bits % 8 == 0;
      for (int i = 0; i < 8; ++i) {
        const auto byte = static_cast<char>(bits >> (8 * i));
        body += binary && byte != '\r' && byte != '\n' ? byte : static_cast<char>('a' + (byte & 15));
      }
    }
    body += "\r\n";
  }
  message.eight_bit |= std::any_of(body.begin(), body.end(), [](char byte) { return (byte & 0x80) != 0; });
  message.sound = !world_.Chance(0.1 * wildness_);
  if (!message.sound) body += world_.Chance(0.5) ? "a line\nand another\r\n" : "\r\n.\ra\r\n";
}

std::string SimClient::Garbage() {
  switch (world_.Below(8)) {
    case 0: return "GET / HTTP/1.1\r\n";
    case 1: return absl::StrCat(std::string(world_.Below(5000), 'x'), "\r\n");
    case 2: return "BDAT 99999999999999999999\r\n";
    case 3: return "DATA\r\nMAIL FROM:<>\r\nRCPT TO:<postmaster>\r\nDATA\r\n";
    case 4: return "EHLO \xff\xfe\r\nHELP\r\nVRFY ann\r\nEXPN all\r\nNOOP\r\nAUTH PLAIN x\r\n";
    case 5: return "MAIL FROM:<a@b\nRCPT TO:<c@d>\n";
    case 6: return "\x16\x03\x01\x02";
    default: break;
  }
  std::string bytes;
  for (uint64_t left = world_.Below(300); left > 0; --left) bytes += static_cast<char>(world_.Below(256));
  return bytes;
}

void SimClient::SayGarbage() {
  for (uint64_t left = 1 + world_.Below(12); left > 0; --left)
    script_.push_back({.verb = Verb::kEhlo, .bytes = Garbage()});
}

// What it reads.

bool SimClient::Allowed(Verb verb, int code) {
  const auto among = [code](std::initializer_list<int> codes) {
    return code == 421 || std::find(codes.begin(), codes.end(), code) != codes.end();
  };
  // 503 is for those in a pipeline behind what was refused.
  switch (verb) {
    case Verb::kGreeting: return among({220, 521});  // transfer = "outbound" takes nothing from strangers
    case Verb::kEhlo: return among({250});
    case Verb::kMail: return among({250, 552});
    case Verb::kRcpt: return among({250, 503, 550});
    case Verb::kData: return among({354, 451, 452, 503, 554});
    case Verb::kEnd: return among({250, 451, 452, 521, 552});
    case Verb::kChunk: return among({250, 451, 452, 503, 552, 554});
    case Verb::kRset: return among({250});
    case Verb::kQuit: return among({221});
  }
  return false;
}

void SimClient::Read() {
  input_ += peer_->TakeInput(slow_reader_ ? 1 + world_.Below(40) : SIZE_MAX);
  if (slow_reader_) read_at_ = world_.now() + world_.Within(std::chrono::milliseconds(300));
  for (size_t end = input_.find("\r\n"); end != std::string::npos; end = input_.find("\r\n")) {
    const std::string line = input_.substr(0, end);
    input_.erase(0, end + 2);
    world_.Trace(name_, absl::StrCat("reads ", line));
    int code = 0;
    if (line.size() < 4 || !absl::SimpleAtoi(line.substr(0, 3), &code) || code < 200 || code > 599 ||
        (line[3] != ' ' && line[3] != '-')) {
      book_.Complain(absl::StrCat(name_, " reads what is no reply: ", absl::CHexEscape(line)));
    } else if (line[3] == ' ') {
      HandleReply(code, line);
    }
  }
}

void SimClient::HandleReply(int code, std::string_view text) {
  Touch();
  if (closing_) return book_.Complain(absl::StrCat(name_, " reads a reply after the last one: ", text));
  closing_ = code == 421 || code == 521 || code == 221;
  if (manner_ == Manner::kGarbage || manner_ == Manner::kEarly) {
    if (!awaited_.empty()) awaited_.pop_front();  // only for an end: which reply is whose, nobody knows
    closing_ = code == 421 || code == 221;
    return;
  }
  if (awaited_.empty()) {
    if (code != 421) book_.Complain(absl::StrCat(name_, " reads a reply to nothing: ", text));
    return;
  }
  const Command command = std::move(awaited_.front());
  awaited_.pop_front();
  if (!Allowed(command.verb, code)) {
    book_.Complain(
        absl::StrCat(name_, " has said ", absl::CHexEscape(command.bytes.substr(0, 60)), " and reads ", text));
  }
  switch (command.verb) {
    case Verb::kRcpt: command.message->recipients[command.recipient].accepted = code == 250; break;
    case Verb::kData:
      if (code == 354) {
        SentMessage& message = *command.message;
        script_.push_front({.verb = Verb::kEnd,
                            .bytes = Stuffed(message.body),
                            .message = &message,
                            .last = true,
                            .complete = message.sound});
      }
      break;
    case Verb::kEnd:
    case Verb::kChunk:
      if (command.last) HandleMessageReply(command, code, text);
      break;
    default: break;
  }
}

void SimClient::HandleMessageReply(const Command& command, int code, std::string_view text) {
  if (code >= 500) command.message->refused = true;
  if (code != 250) return;
  constexpr std::string_view kQueuedAs = "queued as ";
  const size_t place = text.find(kQueuedAs);
  const std::optional<MessageId> id =
      place == std::string_view::npos ? std::nullopt : ParseMessageId(text.substr(place + kQueuedAs.size()));
  if (!id.has_value()) return book_.Complain(absl::StrCat(name_, " reads a 250 without an id: ", text));
  book_.NoteAcknowledged(*command.message, *id);
}

// What it does.

void SimClient::Touch() { patience_end_ = world_.now() + kPatience; }

MonotonicTime SimClient::NextDue() {
  if (done()) return kNever;
  MonotonicTime next = patience_end_;
  if (peer_->readable()) next = std::min(next, read_at_);
  if (!unsent_.empty() && !cut_off_) next = std::min(next, send_at_);
  return next;
}

void SimClient::Step() {
  if (peer_->readable() && world_.now() >= read_at_) Read();
  if (peer_->broken() || peer_->ended()) {
    world_.Trace(name_, peer_->broken() ? "is cut off" : "reads the end");
    return Leave();
  }
  if (world_.now() >= patience_end_) {
    book_.Complain(absl::StrCat(name_, " has waited for ", kPatience / std::chrono::minutes(1),
                                " minutes, and nobody has ended that"));
    return Leave();
  }
  if (cut_off_) return;
  SayMore();
  SendMore();
}

void SimClient::SayMore() {
  const bool listens = manner_ == Manner::kMail;
  while (!script_.empty() && !closing_) {
    Command& next = script_.front();
    if (listens) {
      const auto data = [](const Command& command) {
        return command.verb == Verb::kData || command.verb == Verb::kGreeting || command.verb == Verb::kEhlo;
      };
      if (std::any_of(awaited_.begin(), awaited_.end(), data) || (next.waits && !awaited_.empty())) return;
    }
    unsent_ += next.bytes;
    said_size_ += next.bytes.size();
    if (next.complete) ends_.emplace_back(said_size_, next.message);
    awaited_.push_back(std::move(next));
    script_.pop_front();
  }
  if (!script_.empty() || !unsent_.empty() || closing_) return;
  // All is said. Who does not say QUIT hangs up when he has read what he waited for.
  const bool over = manner_ == Manner::kMail ? !quits_ && awaited_.empty() : manner_ == Manner::kEarly && !quits_;
  if (!over) return;
  if (world_.Chance(0.5)) {
    peer_->End();
    cut_off_ = true;
  } else {
    Leave();
  }
}

void SimClient::SendMore() {
  if (done() || unsent_.empty() || world_.now() < send_at_) return;
  size_t size = slow_ ? std::min<size_t>(unsent_.size(), 1 + world_.Below(2000)) : unsent_.size();
  const bool cut = sent_size_ + size >= cut_at_;
  if (cut) size = cut_at_ - sent_size_;
  peer_->Send(unsent_.substr(0, size));
  unsent_.erase(0, size);
  sent_size_ += size;
  if (slow_) send_at_ = world_.now() + world_.Within(std::chrono::seconds(1));
  for (; !ends_.empty() && ends_.front().first <= sent_size_; ends_.pop_front()) ends_.front().second->finished = true;
  Touch();
  if (cut) LeaveInTheMiddle();
}

void SimClient::LeaveInTheMiddle() {
  world_.Trace(name_, "leaves in the middle");
  cut_off_ = true;
  switch (cut_) {
    case Cut::kReset: peer_->Reset(); return Leave();
    case Cut::kClose: return Leave();
    case Cut::kHalfClose: return peer_->End();
    case Cut::kSilence: return;
  }
}

}  // namespace postern
