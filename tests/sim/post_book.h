// PostBook knows every message that was ever sent into the simulated world, and what became of each: it is the judge.
//
// A scenario owns it, on the simulation's one thread. Clients write down what they send and what was promised to them,
// next hops what they are offered and take, the operator what he wishes, audits what lies in mailboxes and in the
// queue; whatever cannot be is a problem, told in words. What the gateway reports to senders is in its ReportBook.
//
// A message is known again by its token: its sender is TOKEN@client.example and its body begins with "X-Sim: TOKEN".
// One that comes from nobody has the token in the names of its recipients: ann+TOKEN@hop.example.

#ifndef POSTERN_TESTS_SIM_POST_BOOK_H_
#define POSTERN_TESTS_SIM_POST_BOOK_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/message.h"
#include "relay/queue_view.h"
#include "relay/retry_policy.h"
#include "tests/sim/report_book.h"

namespace postern {

struct SentRecipient {
  std::string address;
  std::string notify = {};            // NOTIFY, as it was said; empty when it was not
  std::string orcpt = {};             // ORCPT, the same
  bool accepted = false;              // RCPT was answered with 250
  bool taken = false;                 // it lies in the mailbox, or the next hop has answered 250
  bool receipted = false;             // who has taken it offers DSN, and tells the sender himself
  bool unreceipted = false;           // somebody has taken it who does not
  bool refused = false;               // the next hop has refused it for good
  bool lied_about = false;            // the next hop has said what was not so: whatever came of it is right
  bool settled = false;               // the log says that nothing is to be done any more: never again
  uint32_t confirmed_life = 0;        // the gateway that has heard the next hop's 250; 0 for none
  std::set<MessageId> failures = {};  // the reports that name him, by what they say of him
  std::set<MessageId> delays = {};
  std::set<MessageId> receipts = {};

  // RFC 3461 4.1; `what` is SUCCESS, FAILURE or DELAY.
  bool Wants(std::string_view what) const;
};

struct SentMessage {
  std::string token;
  std::string sender;  // empty for one from nobody
  std::string body;
  std::string envid;  // ENVID and RET, as they were said
  std::string ret;
  Priority priority = Priority::kNormal;
  bool eight_bit = false;                 // it is said to be, or is
  std::vector<SentRecipient> recipients;  // those that were named to the server
  bool sound = true;                      // it has no bare CR or LF, and may be taken
  bool finished = false;                  // its last byte was sent
  bool acknowledged = false;              // the client has read a 250 for it
  bool refused = false;                   // the client has read a 5xx for it
  bool refused_by_hop = false;            // for good, as a whole
  bool report_lied_about = false;         // a next hop has said what was not so of mail to its sender
  bool buried = false;                    // it lies in the dead-letter folder
  bool on_hold = false;                   // the operator was told that it is held, and has not changed his mind
  std::set<QueueAction> wishes;           // of the operator; perhaps they were carried out
  MessageId id;                           // when it was acknowledged

  SentRecipient* Find(std::string_view address);
};

class PostBook {
 public:
  PostBook() : reports_(*this) {}
  PostBook(const PostBook&) = delete;
  PostBook& operator=(const PostBook&) = delete;

  ReportBook& reports() { return reports_; }

  // A message that will be sent; its token is made here.
  SentMessage& Write(std::string_view client, bool null_sender);
  SentMessage* Find(std::string_view token);
  // Whose sender is at `address`; null when that is nobody's.
  SentMessage* FindBySender(std::string_view address);
  const std::map<std::string, std::unique_ptr<SentMessage>>& messages() const { return messages_; }
  size_t acknowledged_count() const { return by_id_.size(); }
  SentMessage* Find(MessageId id);
  const std::map<MessageId, SentMessage*>& acknowledged() const { return by_id_; }

  // What the client reads.
  void NoteAcknowledged(SentMessage& message, MessageId id);

  // What a next hop is told, and what it says. `life` is which gateway it talks to.
  void NoteOffered(std::string_view sender, std::string_view recipient, uint32_t life);
  void NoteTaken(std::string_view sender, std::string_view recipient, bool receipted);
  void NoteConfirmed(std::string_view sender, std::string_view recipient, uint32_t life);
  void NoteRefused(std::string_view sender, std::string_view recipient);
  void NoteRefusedWhole(std::string_view sender);
  // Whether mail from nobody was refused before it was told for whom.
  bool refused_of_nobody() const { return refused_of_nobody_; }
  void NoteLie(std::string_view sender, std::string_view recipient);
  // A next hop says that it takes no message larger than that.
  void NoteSizeLimit(uint64_t size) { size_limit_ = std::min(size_limit_, size); }
  uint64_t size_limit() const { return size_limit_; }

  // What the operator asks for, of a message or, with null, of many. May it show in what became of `message`?
  void NoteWish(QueueAction action, SentMessage* message);
  bool WasWished(QueueAction action, const SentMessage& message) const;
  bool WasWishedOfMany(QueueAction action) const { return sweeps_.contains(action); }

  // What the gateway tells of a delivery.
  void NoteDelivered(MessageId id, std::string_view recipient, uint32_t life);

  // A message as it was delivered to `recipient`: it must be one that a client has sent whole, to him, byte for byte.
  // Null when it is not, and that was told. With no recipient it may be for any of them.
  SentMessage* CheckCopy(std::string_view where, std::string_view recipient, std::string_view text);

  void Complain(std::string problem);
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  SentRecipient* Locate(std::string_view sender, std::string_view recipient);

  std::map<std::string, std::unique_ptr<SentMessage>> messages_;  // by token
  std::map<MessageId, SentMessage*> by_id_;                       // those that were acknowledged
  std::map<std::pair<MessageId, std::string>, uint32_t> lives_;   // which gateway has told of a delivery last
  ReportBook reports_;
  std::set<QueueAction> sweeps_;
  uint64_t size_limit_ = UINT64_MAX;
  bool refused_of_nobody_ = false;
  std::vector<std::string> problems_;
};

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_POST_BOOK_H_
