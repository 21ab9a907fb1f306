// HopTalk is one connection of the gateway's to a simulated next hop, on the next hop's side.
//
// SimNextHop owns it until it is done; everything is on one thread. What it offers in its reply to EHLO is drawn anew
// for each connection, and whatever the gateway says that was not offered is a problem. It writes down what it has
// answered 250 to, and of whom it has said what was not so.
//
// To add a misdeed: a case in TryMisdeed(), for every stage, or Wild(PROBABILITY) at the one place where it happens.

#ifndef POSTERN_TESTS_SIM_HOP_TALK_H_
#define POSTERN_TESTS_SIM_HOP_TALK_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/message.h"
#include "tests/sim/post_book.h"
#include "tests/sim/sim_network.h"
#include "tests/sim/sim_world.h"

namespace postern {

class HopTalkHost {
 public:
  virtual ~HopTalkHost() = default;
  // True in `probability` of all cases, the more the wilder the host is.
  virtual bool Wild(double probability) = 0;
};

class HopTalk {
 public:
  // All that is lent outlives it.
  HopTalk(HopTalkHost& host, SimWorld& world, PostBook& book, std::string_view name, bool lmtp,
          std::unique_ptr<SimPeer> peer);

  bool done() const { return peer_ == nullptr; }
  MonotonicTime NextDue() const;
  void Step();

 private:
  enum class Stage : uint8_t { kGreeting, kHello, kMail, kRcpt, kData, kChunk, kEnd, kReset };
  // How what comes in is to be read.
  enum class Reading : uint8_t { kLines, kDots, kChunk };
  struct Offers {
    bool pipelining = false;
    bool chunking = false;
    bool dsn = false;
    bool utf8 = false;
    bool eight_bit = false;
    uint64_t size = 0;  // 0: SIZE is not offered
    uint32_t recipient_count_max = 0;
    uint32_t mail_count_max = 0;
  };
  struct Waiting {
    MonotonicTime at;
    std::string bytes;
  };

  void Greet();
  void Say(std::string text);
  void SayGoodbye(std::string text);
  void Flood();
  void Lie(Stage stage);
  // At every stage something else may happen than what should; true when it has.
  bool TryMisdeed(Stage stage, const std::string& recipient = {});
  void Refuse(Stage stage, const std::string& recipient);

  bool HandleInput();
  bool HandleDots();
  bool HandleChunkBytes();
  bool HandleLineInput();
  void HandleLine(const std::string& line);
  void HandleHello(std::string_view line);
  void HandleMail(std::string_view line);
  void HandleRcpt(std::string_view line);
  void HandleData();
  void HandleBdat(std::string_view line);
  void HandleBody(const std::string& body);
  void CheckMail(std::string_view line);
  void CheckRcpt(std::string_view line, const std::string& recipient);
  void CheckBody(const std::string& body);

  void Take(const std::string& recipient, bool confirmable);
  void Confirm();
  void EndTransaction();
  void Complain(std::string_view what);
  void Drop() { peer_ = nullptr; }
  void Touch();

  HopTalkHost& host_;
  SimWorld& world_;
  PostBook& book_;
  const std::string name_;
  const bool lmtp_;
  const uint32_t life_;  // of the gateway that has connected; 0 for one that is dead
  std::unique_ptr<SimPeer> peer_;

  // Its manners.
  Offers offers_;
  bool single_ = false;          // takes one message a connection, and says so late
  bool dawdles_ = false;         // some of its replies come byte by byte
  bool slow_reader_ = false;     //
  uint32_t room_ = UINT32_MAX;   // recipients of a transaction, then 452
  bool hangs_ = false;           // it will never say anything again
  bool over_ = false;            // when its last word is said it hangs up
  bool lies_ = false;            // from some moment on its replies cannot be told apart
  bool answered_early_ = false;  // it has said 250 to a body that it has not seen

  Reading reading_ = Reading::kLines;
  std::string input_;
  MonotonicTime read_at_;
  std::deque<Waiting> replies_;
  MonotonicTime patience_end_;

  // The transaction.
  bool in_mail_ = false;
  std::string sender_;
  std::vector<std::string> recipients_;  // that were accepted
  uint32_t named_count_ = 0;             // and others
  std::string chunks_;
  size_t chunk_left_ = 0;
  bool chunk_refused_ = false;
  bool last_chunk_ = false;
  std::optional<MessageId> report_;  // when it is one
  uint32_t mail_count_ = 0;
  uint32_t message_count_ = 0;

  // Taken, and nobody knows whether the gateway has heard.
  std::string taken_sender_;
  std::vector<std::string> unconfirmed_;
  std::optional<MessageId> taken_report_;
};

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_HOP_TALK_H_
