// Knowledge is what the world outside knows of the mail, and so what a disk must and may hold after a crash.
//
// A workload tells it what it handed over and what was acknowledged, and every such fact is kept with the step of the
// trace behind which it holds (History), so that a prover can know again what was known at any moment. Plain values of
// one thread.
//
//   offered        it may be found
//   acknowledged   it must be found: by a receipt, or by an earlier recovery that showed it

#ifndef POSTERN_TESTS_PROVER_KNOWLEDGE_H_
#define POSTERN_TESTS_PROVER_KNOWLEDGE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "store/outcome.h"

namespace postern {

// How far one recipient of a message has come.
struct Marks {
  uint16_t attempt_count = 0;
  RecipientState state = RecipientState::kWaiting;
  friend bool operator==(const Marks&, const Marks&) = default;
};

// What a recovery has found on a disk.
struct Found {
  struct Message {
    std::vector<Marks> recipients;
    std::string body;
    friend bool operator==(const Message&, const Message&) = default;
  };
  std::string error{};  // why it has failed
  std::map<uint64_t, Message> messages{};
  std::map<std::string, std::string> mailed{};       // files in mailboxes, by path
  std::map<std::string, std::string> quarantined{};  // files in the quarantine, by path
  std::map<std::string, std::string> copies{};       // what it says is in the quarantine: path and damaged bytes
  uint64_t damage_count = 0;
  std::string damage{};     // the first of it
  uint64_t copy_count = 0;  // of segments that are there twice
  friend bool operator==(const Found&, const Found&) = default;
};

class Knowledge {
 public:
  struct Message {
    std::string body;
    struct Recipient {
      Marks known;               // acknowledged
      std::vector<Marks> maybe;  // offered since
    };
    std::vector<Recipient> recipients;
    bool acknowledged = false;
    bool gone = false;     // must never be found again
    bool damaged = false;  // need not be found
  };

  void Offer(uint64_t number, std::string body, size_t recipient_count);
  void Acknowledge(uint64_t number) { messages_[number].acknowledged = true; }
  void OfferMark(uint64_t number, uint32_t recipient, Marks marks);
  void AcknowledgeMark(uint64_t number, uint32_t recipient, Marks marks);
  void OfferMailed(const std::string& path, std::string bytes) { mailed_[path].bytes = std::move(bytes); }
  void AcknowledgeMailed(const std::string& path) { mailed_[path].acknowledged = true; }
  // Somebody has damaged the record of a message, by other means than a crash.
  void Damage(uint64_t number) { messages_[number].damaged = true; }
  // So much may be told as damaged, and so many segments be there twice.
  void AllowDamage(uint64_t count_max) { damage_count_max_ = count_max; }

  // What is wrong with `found`, the first thing; empty when nothing is.
  std::string Check(const Found& found) const;
  // A recovery has shown `found`, which was right: from here on it is what must be there.
  void Adopt(const Found& found);

  const std::map<uint64_t, Message>& messages() const { return messages_; }

 private:
  struct Mailed {
    std::string bytes;
    bool acknowledged = false;
  };

  std::string CheckMessage(uint64_t number, const Found::Message& found) const;
  std::string CheckMissing(uint64_t number, const Message& message) const;
  std::string CheckFiles(const Found& found) const;

  std::map<uint64_t, Message> messages_;  // by number
  std::map<std::string, Mailed> mailed_;  // by path
  std::map<std::string, std::string> copies_;
  uint64_t damage_count_max_ = 0;
};

struct Fact {
  size_t step_count;  // of the trace, when it came about
  std::function<void(Knowledge&)> learn;
};

// All that came about during one trace.
struct History {
  Knowledge now{};
  std::vector<Fact> facts{};
  std::string error{};       // the first thing that went wrong without any cut
  uint64_t last_number = 0;  // of a message: none is given twice, whatever became of the first

  void Learn(size_t step_count, std::function<void(Knowledge&)> fact) {
    fact(now);
    facts.push_back({step_count, std::move(fact)});
  }
  void Fail(std::string what) {
    if (error.empty()) error = std::move(what);
  }
};

}  // namespace postern

#endif  // POSTERN_TESTS_PROVER_KNOWLEDGE_H_
