// A seeded life of a log: mail comes in, is tried, held, moved, done or reported on, the disk fills or fails, and then
// the process or the machine dies at any moment. What was acknowledged must be there, and nothing that never was.

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "store/log_reader.h"
#include "store/queue_index.h"
#include "store/segment_log.h"
#include "store/store_writer.h"
#include "tests/sim/sim_disk.h"
#include "tests/store/store_fixture.h"

namespace postern {
namespace {

constexpr SegmentLogOptions kOptions{.segment_size = 16384, .segment_size_min = 4096, .spare_count_max = 2};
constexpr size_t kPlaces = 64;
constexpr size_t kPieceSizeMax = 3000;

struct Marks {
  uint16_t attempt_count = 0;
  RecipientState state = RecipientState::kWaiting;
  friend bool operator==(const Marks&, const Marks&) = default;
};

// What became of a recipient.
struct Fortune {
  Marks known;               // whose receipt came home last, or what a recovery has shown
  std::vector<Marks> maybe;  // pushed since

  bool MayBeSettled() const {
    return Any([](const Marks& m) { return Settled(m.state); });
  }
  bool MayBeSettledWithoutReport() const {
    return Any([](const Marks& m) { return Settled(m.state) && m.state != RecipientState::kBounced; });
  }
  bool MayBe(const Marks& marks) const {
    return Any([&](const Marks& m) { return m == marks; });
  }

 private:
  template <typename Test>
  bool Any(Test test) const {
    return test(known) || std::any_of(maybe.begin(), maybe.end(), test);
  }
};

// A recipient of a message.
using Seat = std::pair<uint64_t, uint32_t>;

// What the world outside knows of a message.
struct Mail {
  enum class Fate : uint8_t {
    kOpen,      // coming in, or its receipt has not come home
    kAccepted,  // its receipt came home, or a recovery has shown it
    kGone,      // must never be seen again
  };
  Fate fate = Fate::kOpen;
  std::string body;
  std::vector<size_t> pieces;  // sizes that are still to be pushed
  bool complete = false;       // the last piece was pushed
  std::vector<Fortune> recipients;
  uint64_t about = 0;              // of a report: what it reports on
  std::vector<uint32_t> reported;  // recipients of that one, which have failed

  bool MayBeDone() const {
    return std::all_of(recipients.begin(), recipients.end(), [](const Fortune& f) { return f.MayBeSettled(); });
  }
};

class Life {
 public:
  Life(SimDisk& disk, SimDisk::Random& random, std::map<uint64_t, Mail>& mails)
      : disk_(disk), random_(random), mails_(mails) {}

  // Recovers; false when the machine stopped meanwhile. What is wrong goes into error().
  bool Recover() {
    absl::StatusOr<std::unique_ptr<Directory>> directory = disk_.Open("spool");
    if (!directory.ok()) return Stopped(directory.status());
    directory_ = *std::move(directory);
    absl::StatusOr<std::unique_ptr<SegmentLog>> log = SegmentLog::Open(*directory_, kOptions, nullptr);
    if (!log.ok()) return Stopped(log.status());
    log_ = *std::move(log);
    writer_ = std::make_unique<StoreWriter>(*log_, kPlaces);
    driver_ = std::make_unique<WriterDriver>(*writer_);
    reader_ = std::make_unique<LogReader>(*directory_, nullptr);
    if (!Follow()) return Stopped(reader_->error());
    for (const Damage& damage : reader_->report().damage) {
      Fail(absl::StrCat("a crash looks like damage: ", ToText(damage.kind), " at ", damage.position.segment, ":",
                        damage.position.offset, ", ", damage.sequence, " missing ", damage.gap_count));
    }
    return true;
  }

  // Compares what was recovered with what must be there, and takes it for the truth from here on.
  void Check() {
    for (size_t slot = 0; slot < index_.slot_count(); ++slot) {
      const QueuedMessage* queued = index_.At(slot);
      if (queued != nullptr && !mails_.contains(queued->id().number >> 8)) Fail("a message that nobody sent");
    }
    for (auto& [number, mail] : mails_) {
      const std::string name = absl::StrCat("message ", number);
      const QueuedMessage* queued = index_.Find(Id(number));
      if (queued == nullptr) {
        if (mail.fate == Mail::Fate::kAccepted && !mail.MayBeDone()) Fail(name + " was acknowledged, and is lost");
        mail.fate = Mail::Fate::kGone;
        continue;
      }
      if (mail.fate == Mail::Fate::kGone) Fail(name + " rose again");
      if (!mail.complete) Fail(name + " was never complete");
      CheckBody(*queued, mail);
      if (queued->recipients().size() != mail.recipients.size()) {
        Fail(name + " has other recipients");
        continue;
      }
      for (size_t i = 0; i < mail.recipients.size(); ++i) {
        const QueuedRecipient& recipient = queued->recipients()[i];
        const Marks marks{recipient.attempt_count, recipient.state};
        if (!mail.recipients[i].MayBe(marks)) Fail(name + ": a mark that nobody made, or that was lost");
        mail.recipients[i] = {marks, {}};
      }
      mail.fate = Mail::Fate::kAccepted;
      mail.pieces.clear();
    }
    CheckReports();
  }

  // The queue in words, to compare two recoveries.
  std::string Describe() const {
    std::string text;
    for (const auto& [number, mail] : mails_) {
      const QueuedMessage* queued = index_.Find(Id(number));
      if (queued == nullptr) continue;
      absl::StrAppend(&text, number, ":");
      for (const QueuedRecipient& r : queued->recipients()) {
        absl::StrAppend(&text, " ", static_cast<int>(r.state), "/", r.attempt_count);
      }
      absl::StrAppend(&text, "\n");
    }
    return text;
  }

  void Work(int step_count) {
    for (int i = 0; i < step_count && !disk_.stopped(); ++i) {
      switch (Below(10)) {
        case 0:
        case 1: StartMail(); break;
        case 9: StartReport(); break;
        case 2:
        case 3:
        case 4: ContinueMail(); break;
        case 5:
        case 6: Attempt(); break;
        case 7: Look(); break;
        default:
          Commit();
          if (Follow()) Maintain();
      }
    }
  }

  const std::string& error() const { return error_; }
  bool poisoned() const { return log_ != nullptr && log_->poisoned(); }
  uint64_t moved_count() const { return moved_count_; }
  uint64_t reported_count() const { return reported_count_; }

 private:
  // What a handoff on its way says of a recipient.
  struct Mark {
    Seat seat;
    Marks marks;
  };

  uint64_t Below(uint64_t limit) { return std::uniform_int_distribution<uint64_t>(0, limit - 1)(random_); }
  void Fail(const std::string& what) {
    if (error_.empty()) error_ = what;
  }
  bool Stopped(const absl::Status& status) {
    if (!disk_.stopped()) Fail(absl::StrCat("recovery has failed: ", status.ToString()));
    return false;
  }

  // A failure is told by one report: by none while it is only failed, and never by two.
  void CheckReports() {
    std::map<Seat, int> report_counts;
    for (const auto& [number, mail] : mails_) {
      // What is done was there once: nothing was tried before the log had shown it.
      const bool exists = index_.Find(Id(number)) != nullptr || mail.MayBeDone();
      for (const uint32_t i : mail.reported) report_counts[{mail.about, i}] += exists ? 1 : 0;
    }
    for (const auto& [number, mail] : mails_) {
      const QueuedMessage* queued = index_.Find(Id(number));
      for (uint32_t i = 0; i < mail.recipients.size(); ++i) {
        const std::string name = absl::StrCat("recipient ", i, " of message ", number);
        const auto it = report_counts.find({number, i});
        const int count = it == report_counts.end() ? 0 : it->second;
        const bool is_gone = queued == nullptr && mail.MayBeDone();
        if (count > 1) Fail(name + " was reported on twice");
        if (queued != nullptr && (queued->recipients()[i].state == RecipientState::kBounced) != (count == 1)) {
          Fail(name + ": its report is not what its state says");
        }
        if (is_gone && count == 0 && !mail.recipients[i].MayBeSettledWithoutReport()) {
          Fail(name + " has failed, and nobody was told");
        }
      }
    }
  }

  void StartMail() { StartMail(1 + Below(3)); }

  Mail& StartMail(size_t recipient_count) {
    const uint64_t number = mails_.size() + 1;
    Mail& mail = mails_[number];
    for (uint64_t i = Below(3) == 0 ? Below(8) : 0;; --i) {
      mail.pieces.push_back(Below(kPieceSizeMax));
      mail.body += Body(number * 100 + i, mail.pieces.back());
      if (i == 0) break;
    }
    mail.recipients.resize(recipient_count);
    open_.push_back({number, 0});
    return mail;
  }

  void StartReport() {
    const QueuedMessage* queued = AnyQueued();
    if (queued == nullptr) return;
    const uint64_t about = queued->id().number >> 8;
    std::vector<uint32_t> failed;
    for (uint32_t i = 0; i < queued->recipients().size(); ++i) {
      const bool is_failed = queued->recipients()[i].state == RecipientState::kFailed;
      if (is_failed && !busy_.contains({about, i})) failed.push_back(i);
    }
    if (failed.empty()) return;
    for (const uint32_t i : failed) busy_.insert({about, i});
    Mail& report = StartMail(1);
    report.about = about;
    report.reported = failed;
  }

  void ContinueMail() {
    if (open_.empty() || away_ >= kPlaces) return;
    const size_t which = Below(open_.size());
    auto& [number, offset] = open_[which];
    Mail& mail = mails_[number];
    if (Below(20) == 0) {
      driver_->Abandon(Id(number));
      mail.fate = Mail::Fate::kGone;
      for (const uint32_t i : mail.reported) busy_.erase({mail.about, i});
      open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(which));
    } else {
      const size_t size = mail.pieces.front();
      const std::string_view piece = std::string_view(mail.body).substr(offset, size);
      mail.pieces.erase(mail.pieces.begin());
      offset += size;
      if (mail.pieces.empty()) {
        mail.complete = true;
        if (mail.about == 0) {
          driver_->Accept(Id(number), piece, EncodeEnvelope(mail.recipients.size()));
        } else {
          PushReport(number, mail, piece);
        }
        open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(which));
      } else {
        driver_->Fragment(Id(number), piece);
      }
    }
    ++away_;
  }

  void PushReport(uint64_t number, const Mail& report, std::string_view piece) {
    OutcomeWriter outcome;
    outcome.Start();
    std::vector<Mark> marks;
    for (const uint32_t i : report.reported) {
      Fortune& fortune = mails_[report.about].recipients[i];
      marks.push_back({{report.about, i}, {fortune.known.attempt_count, RecipientState::kBounced}});
      fortune.maybe.push_back(marks.back().marks);
      outcome.Add({.recipient = i, .state = RecipientState::kBounced, .attempt_count = fortune.known.attempt_count});
    }
    marks_away_[&driver_->Report(Id(number), Id(report.about), outcome.bytes(), piece)] = marks;
    index_.NoteOutcomeAway(Id(report.about));
  }

  const QueuedMessage* AnyQueued() {
    if (index_.message_count() == 0) return nullptr;
    for (;;) {
      if (const QueuedMessage* queued = index_.At(Below(index_.slot_count()))) return queued;
    }
  }

  void Attempt() {
    const QueuedMessage* queued = AnyQueued();
    if (queued == nullptr || away_ >= kPlaces) return;
    const uint64_t number = queued->id().number >> 8;
    const auto i = static_cast<uint32_t>(Below(queued->recipients().size()));
    Fortune& fortune = mails_[number].recipients[i];
    if (Settled(fortune.known.state) || fortune.known.state == RecipientState::kFailed) return;
    if (!busy_.insert({number, i}).second) return;
    const Marks marks = Next(fortune.known);
    fortune.maybe.push_back(marks);
    const Handoff& handoff = driver_->Outcome(
        Id(number),
        EncodeOutcome(
            {.recipient = i, .state = marks.state, .attempt_count = marks.attempt_count, .reply = "250 or 451"}));
    marks_away_[&handoff] = {{{number, i}, marks}};
    index_.NoteOutcomeAway(Id(number));
    ++away_;
  }

  // An attempt, or what an operator does, which is none.
  Marks Next(Marks marks) {
    if (marks.state == RecipientState::kHeld) return {marks.attempt_count, RecipientState::kWaiting};
    if (Below(8) == 0) return {marks.attempt_count, RecipientState::kHeld};
    constexpr std::array kEnds = {RecipientState::kDelivered, RecipientState::kDelivered, RecipientState::kFailed,
                                  RecipientState::kDeferred};
    return {static_cast<uint16_t>(marks.attempt_count + 1), kEnds[Below(kEnds.size())]};
  }

  void Look() {
    const QueuedMessage* queued = AnyQueued();
    if (queued != nullptr) CheckBody(*queued, mails_[queued->id().number >> 8]);
  }

  void CheckBody(const QueuedMessage& queued, const Mail& mail) {
    const absl::StatusOr<std::string> body = ReadBody(*directory_, queued.position());
    if (disk_.stopped()) return;
    const std::string name = absl::StrCat("message ", queued.id().number >> 8);
    if (!body.ok()) return Fail(absl::StrCat(name, " cannot be read: ", body.status().ToString()));
    if (*body != mail.body) Fail(name + " has another body");
  }

  void Commit() {
    const bool was_poisoned = log_->poisoned();
    for (const Handoff* handoff : driver_->Run()) {
      --away_;
      const bool durable = handoff->result == HandoffResult::kDurable;
      if (durable && was_poisoned && handoff->kind != HandoffKind::kAbandoned) Fail("accepted by a poisoned log");
      const uint64_t number = handoff->message.number >> 8;
      Mail& mail = mails_[number];
      switch (handoff->kind) {
        case HandoffKind::kAccepted:
          if (durable) mail.fate = Mail::Fate::kAccepted;
          if (mail.about != 0) TakeMarks(*handoff, Id(mail.about));
          if (durable && mail.about != 0) ++reported_count_;
          break;
        case HandoffKind::kOutcome: TakeMarks(*handoff, handoff->message); break;
        case HandoffKind::kMove:
          moving_ = false;
          if (durable) ++moved_count_;
          if (!durable) index_.NoteMoveFailed(handoff->message);
          if (handoff->result == HandoffResult::kLost && !disk_.stopped()) Fail("a message was lost before its move");
          break;
        case HandoffKind::kFragment:
        case HandoffKind::kAbandoned: break;
      }
    }
  }

  void TakeMarks(const Handoff& handoff, MessageId message) {
    const bool durable = handoff.result == HandoffResult::kDurable;
    if (!durable) index_.NoteOutcomeLost(message);
    for (const auto& [seat, marks] : marks_away_[&handoff]) {
      busy_.erase(seat);
      if (durable) mails_[seat.first].recipients[seat.second] = {marks, {}};
    }
    marks_away_.erase(&handoff);
  }

  bool Follow() {
    while (const std::optional<RecordView> record = reader_->Next(log_->durable())) index_.Apply(*record);
    return reader_->error().ok() && !disk_.stopped();
  }

  void Maintain() {
    const Frontier read = log_->durable();
    writer_->SetNeededSegment(index_.oldest_needed_segment(read), read);
    // More often than it pays, which WantsMoves() would tell.
    if (moving_ || away_ >= kPlaces || index_.oldest_needed_segment(read) == read.segment || Below(4) > 0) return;
    for (const MessageId id : index_.TakeMoves(1)) {
      OutcomeWriter state;
      index_.EncodeState(*index_.Find(id), state);
      driver_->Move(id, index_.Find(id)->position(), state.bytes());
      moving_ = true;
      ++away_;
    }
  }

  SimDisk& disk_;
  SimDisk::Random& random_;
  std::map<uint64_t, Mail>& mails_;
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<SegmentLog> log_;
  std::unique_ptr<StoreWriter> writer_;
  std::unique_ptr<WriterDriver> driver_;
  std::unique_ptr<LogReader> reader_;
  QueueIndex index_;
  std::vector<std::pair<uint64_t, size_t>> open_;  // mails that are coming in, and how much of them was pushed
  std::map<const Handoff*, std::vector<Mark>> marks_away_;
  std::set<Seat> busy_;  // recipients of which an outcome or a report is on its way
  bool moving_ = false;
  size_t away_ = 0;
  uint64_t moved_count_ = 0;
  uint64_t reported_count_ = 0;
  std::string error_;
};

struct Result {
  std::string error;  // of the first thing that was wrong
  uint64_t moved_count = 0;
  uint64_t reported_count = 0;
  uint64_t accepted_count = 0;
};

Result RunSeed(uint64_t seed, bool lying_files = false, bool lying_directories = false) {
  SimDisk::Random random(seed);
  const auto below = [&](uint64_t limit) { return std::uniform_int_distribution<uint64_t>(0, limit - 1)(random); };
  SimDisk disk(below(4) == 0 ? 6 * kOptions.segment_size + below(200'000) : UINT64_MAX);
  disk.set_lying(lying_files, lying_directories);
  std::map<uint64_t, Mail> mails;
  Result result;
  std::string before;  // what the last recovery found, when nothing has been done since
  for (int life_number = 0; life_number < 8 && result.error.empty(); ++life_number) {
    Life life(disk, random, mails);
    // A death within a recovery now and then, and some time later otherwise.
    const bool works = below(3) > 0;
    if (below(3) == 0) disk.StopAfter(1 + below(12));
    if (life.Recover()) {
      if (!before.empty() && life.Describe() != before) result.error = "a second crash has changed the queue";
      life.Check();
      before = works ? "" : life.Describe();
      if (works) {
        if (!disk.stopped()) disk.StopAfter(1 + below(400));
        if (below(8) == 0) disk.FailAt(SimDisk::Operation::kSync, 1 + below(40), absl::InternalError("EIO"));
        if (below(8) == 0) disk.FailAt(SimDisk::Operation::kWrite, 1 + below(40), absl::InternalError("EIO"));
        if (below(8) == 0) {
          disk.FailAt(SimDisk::Operation::kWrite, 1 + below(40), absl::ResourceExhaustedError("ENOSPC"));
        }
        life.Work(static_cast<int>(100 + below(600)));
      }
    }
    if (result.error.empty() && !life.error().empty()) result.error = life.error();
    result.moved_count += life.moved_count();
    result.reported_count += life.reported_count();
    // What a failed sync has lost is known only after a power cut.
    if (life.poisoned() || below(2) == 0) {
      disk.PowerCut(random);
    } else {
      disk.Kill();
    }
  }
  for (const auto& [number, mail] : mails) result.accepted_count += mail.complete && mail.fate != Mail::Fate::kOpen;
  return result;
}

TEST(Crash, WhatWasAcknowledgedIsThereAndNothingElse) {
  uint64_t moved_count = 0;
  uint64_t reported_count = 0;
  uint64_t accepted_count = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    const Result result = RunSeed(seed);
    ASSERT_EQ(result.error, "") << "seed " << seed;
    moved_count += result.moved_count;
    reported_count += result.reported_count;
    accepted_count += result.accepted_count;
  }
  // The lives are worth something only when mail was moved, done and reported on in them.
  EXPECT_GT(moved_count, 400u);
  EXPECT_GT(reported_count, 400u);
  EXPECT_GT(accepted_count, 4000u);
}

// On a disk that lies the same lives must go wrong: else they would prove nothing.
TEST(Crash, ADiskThatLiesIsFoundOut) {
  const auto find = [](bool files, bool directories) {
    for (uint64_t seed = 1; seed <= 400; ++seed) {
      if (!RunSeed(seed, files, directories).error.empty()) return true;
    }
    return false;
  };
  EXPECT_TRUE(find(true, false)) << "syncs of files are not needed";
  EXPECT_TRUE(find(false, true)) << "syncs of folders are not needed";
}

}  // namespace
}  // namespace postern
