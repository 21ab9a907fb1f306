// ReportBook knows every report that the gateway has made in the simulated world, and judges it: bounces, notices of
// delay, receipts, and the reports on those to postmaster.
//
// PostBook owns it, on the simulation's one thread. It hears of reports from the gateway's events, and sees them in
// mailboxes, in the queue, among the dead letters and at next hops; all of that must fit together. A report is known
// by its own id, so that one that comes twice, as SMTP lets it, is no second report.

#ifndef POSTERN_TESTS_SIM_REPORT_BOOK_H_
#define POSTERN_TESTS_SIM_REPORT_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "core/message.h"
#include "tests/sim/sim_report.h"

namespace postern {

class PostBook;
struct SentMessage;
struct SentRecipient;

class ReportBook {
 public:
  explicit ReportBook(PostBook& book) : book_(book) {}

  // Whether `text` begins as a report does, a mailbox's own line before it or not.
  static bool LooksLikeReport(std::string_view text);
  // Whether nothing but reports is sent to `address`.
  static bool IsReader(std::string_view address);

  // A report as it was seen: it must be owed, and whole. `reader` is whom it is for there; empty when that does not
  // show. Its id; nothing when it makes no sense, and that was told.
  std::optional<MessageId> HandleText(std::string_view where, std::string_view reader, std::string_view text);
  bool HasSeen(MessageId id) const;

  // What the gateway tells: the report to `reader` is in its log. `kind` is failure, delay or success.
  void NoteMade(MessageId id, MessageId about, std::string_view kind, std::string_view reader);
  // It lies where it is to go, or somebody else has taken it.
  void NoteArrived(MessageId id) { reports_[id].arrived = true; }
  // The gateway has heard that it was taken for `reader`; none of the same life may offer it to him again.
  void NoteConfirmed(MessageId id, std::string_view reader, uint32_t life);
  void CheckOffer(MessageId id, std::string_view reader, uint32_t life);

  // Whether a report of the kind on `message` may exist that nobody has seen: it was refused before it could be.
  bool MayBeUnseen(const SentMessage& message, std::string_view kind) const;
  // When the gateway is at rest: every report has arrived, waits in the queue, or was reported on itself.
  void CheckRest(const std::set<MessageId>& queued);

  size_t seen_count() const;
  size_t led_on_count() const { return led_on_.size(); }

 private:
  struct Known {
    MessageId about;
    std::string kind;  // as the gateway has told; empty when it has not
    std::string to;
    size_t size = 0;  // when it was seen
    size_t hash = 0;
    bool seen = false;
    bool arrived = false;
  };

  void Judge(std::string_view where, const SimReport& report);
  void JudgeRecipient(std::string_view where, const SimReport& report, SentMessage& message,
                      const SimReportRecipient& told);
  void JudgeLast(std::string_view where, const SimReport& report);

  PostBook& book_;
  std::map<MessageId, Known> reports_;
  std::set<MessageId> led_on_;                        // reports of which postmaster was told
  std::set<std::pair<MessageId, std::string>> told_;  // the same, and who had not got it
  std::map<std::pair<MessageId, std::string>, uint32_t> confirmed_lives_;
};

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_REPORT_BOOK_H_
