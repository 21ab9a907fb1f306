// SimClient is a peer that brings mail to the simulated gateway, in a manner that the seed gives it.
//
// A scenario owns it, adds it to the world and drops it when it is done; everything is on one thread. It believes what
// it reads and nothing else: a message is acknowledged when a client has read the 250, and not when it was sent.
//
// To add a manner: a value of Manner, its share in the constructor, and what it says in a function beside SayMail().

#ifndef POSTERN_TESTS_SIM_SIM_CLIENT_H_
#define POSTERN_TESTS_SIM_SIM_CLIENT_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "tests/sim/post_book.h"
#include "tests/sim/sim_actor.h"
#include "tests/sim/sim_world.h"

namespace postern {

class SimClient final : public SimActor {
 public:
  // `wildness`: how often it does what a good client does not, 0 to 1.
  SimClient(SimWorld& world, PostBook& book, uint32_t number, double wildness);

  std::string_view name() const override { return name_; }
  MonotonicTime NextDue() override;
  void Step() override;

  bool done() const { return peer_ == nullptr; }

 private:
  enum class Manner : uint8_t {
    kMail,     // sends messages, and waits for replies where one has to
    kEarly,    // says all that it has to say at once, and hears nothing
    kGarbage,  // says what is no SMTP
    kSilent,   // waits to be thrown out
  };
  enum class Verb : uint8_t { kGreeting, kEhlo, kMail, kRcpt, kData, kEnd, kChunk, kRset, kQuit };
  // How it leaves in the middle.
  enum class Cut : uint8_t { kReset, kClose, kHalfClose, kSilence };

  struct Command {
    Verb verb;
    std::string bytes = {};
    SentMessage* message = nullptr;
    size_t recipient = 0;   // kRcpt: an index
    bool last = false;      // kEnd, kChunk: the reply is the message's
    bool waits = false;     // all replies must have come before it is said
    bool complete = false;  // with its last byte the message has been sent whole
  };

  void SayMail();
  void SayMessage(bool first);
  void SayRecipient(SentMessage& message, bool utf8);
  void SayGarbage();
  void FillBody(SentMessage& message);
  std::string Garbage();

  void Read();
  void HandleReply(int code, std::string_view text);
  void HandleMessageReply(const Command& command, int code, std::string_view text);
  static bool Allowed(Verb verb, int code);
  void SayMore();
  void SendMore();
  void LeaveInTheMiddle();
  void Leave() { peer_ = nullptr; }
  void Touch();  // something went on: patience begins anew

  SimWorld& world_;
  PostBook& book_;
  const std::string name_;
  const double wildness_;
  Manner manner_ = Manner::kMail;
  bool pipelining_ = false;
  bool slow_ = false;
  bool slow_reader_ = false;
  bool quits_ = true;
  Cut cut_ = Cut::kReset;
  uint64_t cut_at_ = UINT64_MAX;  // bytes sent

  std::unique_ptr<SimPeer> peer_;
  std::deque<Command> script_;                          // not said
  std::deque<Command> awaited_;                         // said, not answered
  std::string unsent_;                                  // said, not given to the network
  std::deque<std::pair<uint64_t, SentMessage*>> ends_;  // where in all that is said a message is complete
  uint64_t said_size_ = 0;
  uint64_t sent_size_ = 0;
  std::string input_;
  bool closing_ = false;  // 421, 521 or 221 was said: the end must follow
  bool cut_off_ = false;
  MonotonicTime send_at_;
  MonotonicTime read_at_;
  MonotonicTime patience_end_;
};

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_SIM_CLIENT_H_
