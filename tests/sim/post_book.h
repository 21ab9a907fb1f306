// PostBook knows every message that was ever sent into the simulated world, and what became of each: it is the judge.
//
// A scenario owns it, on the simulation's one thread. Clients write down what they send and what was promised to them,
// next hops what they are offered and take, audits what lies in mailboxes and in the queue; whatever cannot be is a
// problem, told in words.
//
// A message is known again by its token: its sender is TOKEN@client.example and its body begins with "X-Sim: TOKEN".

#ifndef POSTERN_TESTS_SIM_POST_BOOK_H_
#define POSTERN_TESTS_SIM_POST_BOOK_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/message.h"

namespace postern {

struct SentRecipient {
  std::string address;
  bool accepted = false;        // RCPT was answered with 250
  bool taken = false;           // it lies in the mailbox, or the next hop has answered 250
  bool refused = false;         // the next hop has refused it for good
  bool settled = false;         // the log says that nothing is to be done any more: never again
  uint32_t confirmed_life = 0;  // the gateway that has heard the next hop's 250; 0 for none
};

struct SentMessage {
  std::string token;
  std::string sender;
  std::string body;
  std::vector<SentRecipient> recipients;  // those that were named to the server
  bool sound = true;                      // it has no bare CR or LF, and may be taken
  bool finished = false;                  // its last byte was sent
  bool acknowledged = false;              // the client has read a 250 for it
  bool refused = false;                   // the client has read a 5xx for it
  bool refused_by_hop = false;            // for good, as a whole
  MessageId id;                           // when it was acknowledged

  SentRecipient* Find(std::string_view address);
};

class PostBook {
 public:
  // A message that will be sent; its token is made here.
  SentMessage& Write(std::string_view client);
  SentMessage* Find(std::string_view token);
  const std::map<std::string, std::unique_ptr<SentMessage>>& messages() const { return messages_; }
  size_t acknowledged_count() const { return by_id_.size(); }
  SentMessage* Find(MessageId id);

  // What the client reads.
  void NoteAcknowledged(SentMessage& message, MessageId id);

  // What a next hop is told, and what it says. `life` is which gateway it talks to.
  void NoteOffered(std::string_view sender, std::string_view recipient, uint32_t life);
  void NoteTaken(std::string_view sender, std::string_view recipient);
  void NoteConfirmed(std::string_view sender, std::string_view recipient, uint32_t life);
  void NoteRefused(std::string_view sender, std::string_view recipient);
  void NoteRefusedWhole(std::string_view sender);

  // What the gateway tells of a delivery.
  void NoteDelivered(MessageId id, std::string_view recipient, uint32_t life);

  // A message as it was delivered to `recipient`: it must be one that a client has sent whole, to him, byte for byte.
  // Null when it is not, and that was told.
  SentMessage* CheckCopy(std::string_view where, std::string_view recipient, std::string_view text);

  void Complain(std::string problem);
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  SentRecipient* Locate(std::string_view sender, std::string_view recipient);

  std::map<std::string, std::unique_ptr<SentMessage>> messages_;  // by token
  std::map<MessageId, SentMessage*> by_id_;                       // those that were acknowledged
  std::map<std::pair<MessageId, std::string>, uint32_t> lives_;   // which gateway has told of a delivery last
  std::vector<std::string> problems_;
};

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_POST_BOOK_H_
