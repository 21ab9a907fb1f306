#include "tests/sim/sim_next_hop.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace postern {
namespace {

constexpr int kBacklog = 16;
// Longer than all patience of the gateway's together.
constexpr Duration kPatience = std::chrono::minutes(40);

// What stands between '<' and '>'.
std::string PathIn(std::string_view line) {
  const size_t begin = line.find('<');
  const size_t end = line.find('>');
  return begin == std::string_view::npos || end == std::string_view::npos || end < begin
             ? std::string()
             : std::string(line.substr(begin + 1, end - begin - 1));
}

// RFC 5321 4.5.2, with the final dot taken off.
std::string Unstuffed(std::string_view text) {
  std::string body = absl::StrReplaceAll(text, {{"\r\n..", "\r\n."}});
  return absl::StartsWith(body, "..") ? body.substr(1) : body;
}

}  // namespace

// One connection.
class SimNextHop::Talk {
 public:
  Talk(SimNextHop& hop, std::unique_ptr<SimPeer> peer)
      : hop_(hop),
        world_(hop.world_),
        book_(hop.book_),
        life_(peer->abandoned() ? 0 : world_.life()),
        peer_(std::move(peer)) {
    Touch();
    if (hop_.Wild(0.03)) {
      Drop();
      return;
    }
    single_ = hop_.Wild(0.05);
    pipelining_ = world_.Chance(0.7);
    if (hop_.Wild(0.05)) {
      Say("421 4.3.2 Not now");
      over_ = true;
    } else if (hop_.Wild(0.03)) {
      Say("554 5.3.2 Nobody is at home");
    } else {
      Say("220 hop.example ESMTP");
    }
  }

  bool done() const { return peer_ == nullptr; }

  MonotonicTime NextDue() const {
    MonotonicTime next = patience_end_;
    if (!replies_.empty()) next = std::min(next, replies_.front().at);
    return peer_->readable() ? MonotonicTime{} : next;
  }

  void Step() {
    while (!replies_.empty() && replies_.front().at <= world_.now()) {
      world_.Trace(hop_.name_, absl::StrCat("says ", replies_.front().text));
      peer_->Send(absl::StrCat(replies_.front().text, "\r\n"));
      replies_.pop_front();
    }
    if (peer_->readable()) {
      const std::string bytes = peer_->TakeInput();
      if (!bytes.empty()) Touch();
      input_ += bytes;
      while (!done() && !hangs_ && HandleInput()) {
      }
      if (done()) return;
      if (peer_->broken() || peer_->ended()) return Drop();
    }
    if (over_ && replies_.empty() && peer_->all_sent()) peer_->End();
    if (world_.now() < patience_end_) return;
    book_.Complain(absl::StrCat(hop_.name_, " was left hanging"));
    Drop();
  }

 private:
  struct Waiting {
    MonotonicTime at;
    std::string text;
  };

  void Drop() { peer_ = nullptr; }
  void Touch() { patience_end_ = world_.now() + kPatience; }

  void Say(std::string text) {
    if (hop_.Wild(0.02)) hangs_ = true;
    if (hangs_) return;
    MonotonicTime at = world_.now() + world_.Within(std::chrono::milliseconds(3));
    if (hop_.Wild(0.02)) at = world_.now() + world_.Within(std::chrono::minutes(2));
    if (!replies_.empty()) at = std::max(at, replies_.back().at);
    if (hop_.Wild(0.01)) text = "what?";
    if (text.size() > 4 && text[3] == ' ' && world_.Chance(0.1)) {
      text = absl::StrCat(text.substr(0, 3), "-as follows\r\n", text);
    }
    replies_.push_back({at, std::move(text)});
  }

  // A line, or a body that is whole; false when there is neither.
  bool HandleInput() {
    if (hop_.Wild(0.005)) {
      Drop();
      return true;
    }
    if (in_body_) {
      const bool empty = absl::StartsWith(input_, ".\r\n");
      const size_t end = empty ? 0 : input_.find("\r\n.\r\n");
      if (end == std::string::npos) return false;
      in_body_ = false;
      const std::string body = Unstuffed(std::string_view(input_).substr(0, empty ? 0 : end + 2));
      input_.erase(0, empty ? 3 : end + 5);
      if (std::exchange(lied_, false)) return true;  // it has answered long ago
      HandleBody(body);
      return true;
    }
    const size_t end = input_.find("\r\n");
    if (end == std::string::npos) return false;
    const std::string line = input_.substr(0, end);
    input_.erase(0, end + 2);
    world_.Trace(hop_.name_, absl::StrCat("reads ", line));
    // Whoever says something new has read the reply to what was before.
    for (const std::string& recipient : std::exchange(unconfirmed_, {})) {
      book_.NoteConfirmed(taken_sender_, recipient, life_);
    }
    HandleLine(line);
    return true;
  }

  void HandleLine(const std::string& line) {
    if (absl::StartsWith(line, "EHLO ")) {
      if (hop_.Wild(0.05)) return Say("502 5.5.1 No");
      return Say(absl::StrCat("250-hop.example\r\n250-8BITMIME\r\n", pipelining_ ? "250-PIPELINING\r\n" : "",
                              "250 SIZE 10000000"));
    }
    if (absl::StartsWith(line, "HELO ")) return Say("250 hop.example");
    if (absl::StartsWith(line, "MAIL FROM:")) return HandleMail(PathIn(line));
    if (absl::StartsWith(line, "RCPT TO:")) return HandleRcpt(PathIn(line));
    if (line == "DATA") return HandleData();
    if (line == "RSET") {
      sender_.clear();
      return Say("250 2.0.0 Forgotten");
    }
    if (line == "QUIT") {
      over_ = true;
      return Say("221 2.0.0 Bye");
    }
    book_.Complain(absl::StrCat(hop_.name_, " reads what is no command: ", line.substr(0, 80)));
    Drop();
  }

  void HandleMail(std::string sender) {
    sender_.clear();
    recipients_.clear();
    if (single_ && message_count_ > 0) return Say("503 5.5.1 One message a connection");
    if (hop_.Wild(0.02)) return Say("451 4.3.0 Later");
    if (hop_.Wild(0.01)) {
      book_.NoteRefusedWhole(sender);
      return Say("550 5.7.1 Not from you");
    }
    sender_ = std::move(sender);
    Say("250 2.1.0 Fine");
  }

  void HandleRcpt(const std::string& recipient) {
    if (sender_.empty()) return Say("503 5.5.1 From whom?");
    // What an attempt has left that was given up says nothing of what its gateway knows now.
    if (!peer_->abandoned()) book_.NoteOffered(sender_, recipient, life_);
    if (hop_.Wild(0.06)) return Say("450 4.2.1 Busy");
    if (hop_.Wild(0.04)) {
      book_.NoteRefused(sender_, recipient);
      return Say("550 5.1.1 Nobody of this name");
    }
    recipients_.push_back(recipient);
    Say("250 2.1.5 Fine");
  }

  void HandleData() {
    if (recipients_.empty()) return Say("503 5.5.1 To whom?");
    if (hop_.Wild(0.02)) return Say("451 4.3.0 Later");
    if (hop_.Wild(0.01)) {
      book_.NoteRefusedWhole(sender_);
      return Say("554 5.6.0 No");
    }
    in_body_ = true;
    Say("354 Go on");
    if (!hop_.Wild(0.01)) return;
    // It says 250 to what it has not seen. Whoever believes that has done what he could.
    lied_ = true;
    Take(/*confirmable=*/false);
    Say("250 2.0.0 Taken");
  }

  void HandleBody(const std::string& body) {
    ++message_count_;
    if (hop_.Wild(0.03)) return Say("452 4.3.1 No room");
    if (hop_.Wild(0.02)) {
      book_.NoteRefusedWhole(sender_);
      return Say("552 5.2.2 No");
    }
    if (hop_.Wild(0.02)) return Drop();
    for (const std::string& recipient : recipients_) book_.CheckCopy(hop_.name_, recipient, body);
    const bool heard = !hop_.Wild(0.03);
    Take(/*confirmable=*/heard);
    if (!heard) return Drop();
    Say("250 2.0.0 Taken");
  }

  void Take(bool confirmable) {
    for (const std::string& recipient : recipients_) book_.NoteTaken(sender_, recipient);
    if (!confirmable) return;
    taken_sender_ = sender_;
    unconfirmed_ = std::exchange(recipients_, {});
  }

  SimNextHop& hop_;
  SimWorld& world_;
  PostBook& book_;
  const uint32_t life_;  // of the gateway that has connected; 0 for one that is dead
  std::unique_ptr<SimPeer> peer_;
  bool single_ = false;
  bool pipelining_ = true;
  bool hangs_ = false;  // it will never say anything again
  bool over_ = false;   // when its last word is said it hangs up
  bool in_body_ = false;
  bool lied_ = false;
  std::string input_;
  std::deque<Waiting> replies_;
  std::string sender_;
  std::vector<std::string> recipients_;
  std::string taken_sender_;
  std::vector<std::string> unconfirmed_;  // taken, and nobody knows whether the gateway has heard
  uint32_t message_count_ = 0;
  MonotonicTime patience_end_;
};

SimNextHop::SimNextHop(SimWorld& world, PostBook& book, std::string name, const SocketAddress& address, double wildness)
    : world_(world), book_(book), name_(std::move(name)), address_(address), wildness_(wildness) {}

SimNextHop::~SimNextHop() { Close(); }

void SimNextHop::Open() {
  if (open()) return;
  const SocketResult result = world_.network().ListenOn(address_, kBacklog);
  CHECK(result.socket.valid()) << result.what;
  listening_ = result.socket;
  world_.AddSurvivor(listening_);
}

void SimNextHop::Close() {
  if (!open()) return;
  world_.RemoveSurvivor(listening_);
  world_.network().CloseNow(std::exchange(listening_, {}));
}

void SimNextHop::Heal() {
  wildness_ = 0;
  accept_at_ = {};
  Open();
}

MonotonicTime SimNextHop::NextDue() {
  MonotonicTime next = kNever;
  if (open() && world_.network().HasWaiting(listening_)) next = accept_at_;
  for (const auto& talk : talks_) next = std::min(next, talk->NextDue());
  return next;
}

void SimNextHop::Step() {
  if (open() && world_.now() >= accept_at_) {
    while (std::unique_ptr<SimPeer> peer = world_.network().TryAccept(listening_)) {
      talks_.push_back(std::make_unique<Talk>(*this, std::move(peer)));
    }
    if (Wild(0.05)) accept_at_ = world_.now() + world_.Within(std::chrono::minutes(1));
  }
  std::erase_if(talks_, [](const auto& talk) { return talk->done(); });
  for (const auto& talk : talks_) {
    if (talk->NextDue() <= world_.now()) talk->Step();
  }
  std::erase_if(talks_, [](const auto& talk) { return talk->done(); });
}

}  // namespace postern
