// OutgoingReport is one report on its way into the log: composed, filled with what it returns, and handed to the writer
// block by block.
//
// Reporter owns it, on the relay's thread, until it is done: then all its handoffs have come home, and its blocks are
// back in their pool. The message that it returns is read twice: first to learn how much of it goes along and whether
// it can be read at all, then to copy it. It is never in memory whole.
//
//   open -> measure -> copy -> accepted, with the outcome for what it is about -> home: done
//             |         |         |
//             '---------+---------+--> abandoned: the writer forgets what it has of it -> home: nothing was reported

#ifndef POSTERN_RELAY_OUTGOING_REPORT_H_
#define POSTERN_RELAY_OUTGOING_REPORT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/block_pool.h"
#include "core/clock.h"
#include "core/envelope.h"
#include "core/handoff.h"
#include "core/limits.h"
#include "core/message.h"
#include "core/work_slot.h"
#include "relay/failure_type.h"
#include "relay/mail_store.h"
#include "relay/report_request.h"
#include "smtp/returned_part.h"
#include "store/outcome.h"

namespace postern {

struct ReportOptions {
  std::string hostname{};                            // ours
  std::string postmaster{};                          // whom reports are from; empty: postmaster at our hostname
  std::string copy_to{};                             // who gets copies of reports on failures; empty: nobody
  std::vector<FailureType> copy_for{};               // on which
  uint64_t return_size_max = kReturnSizeMaxDefault;  // of a larger message only the header is returned
  WorkSlot* slot = nullptr;                          // where the thread notes on what it reports
};

// Whether a failure that is noted as `note` is one that the administrator wants to see.
bool WantsCopy(const ReportOptions& options, std::string_view note);

class OutgoingReport {
 public:
  // All of it outlives the report.
  struct Context {
    const ReportOptions& options;  // with a postmaster
    MailStore& store;
    MessageIdSource& ids;
    const Clock& clock;
    BlockPool& blocks;
    ReceiptBox& receipts;
  };
  enum class Progress : uint8_t {
    kMore,       // it can go on at once
    kWaits,      // for a receipt
    kNoBlock,    // for a block
    kQueueFull,  // for room in the writer's queue
    kDone,
  };

  static constexpr size_t kHandoffCount = kFragmentsInFlightMax + 1;  // away at once: one is kept for the end
  // A longer list goes on in the next report.
  static constexpr size_t kRecipientCountMax = 1000;

  OutgoingReport(ReportRequest request, const Context& context);
  OutgoingReport(const OutgoingReport&) = delete;
  OutgoingReport& operator=(const OutgoingReport&) = delete;

  // A bounded step. After kDone there is none.
  Progress Run();
  // A handoff of this report has come home.
  void HandleReceipt(Handoff& handoff);

  const ReportRequest& request() const { return request_; }
  // When it is done.
  ReportResult result() const;

 private:
  enum class Stage : uint8_t { kOpen, kMeasure, kCopy, kAbandon, kHome };
  enum class Source : uint8_t { kOriginal, kTail, kEnd };  // of the text after the one that is being copied

  void Open();
  Progress Measure();
  void Compose(ReturnedContent returned);
  Progress Copy();
  bool NextText();
  void Accept();
  void Send(HandoffKind kind, Block* block);
  void Fail(std::string_view reason);
  void TakeBack(Handoff& handoff);

  ReturnedContent WantedContent() const;
  std::string_view Reader() const;
  void WriteEnvelope(uint8_t flags);
  void WriteOutcome();

  const ReportRequest request_;
  const Context context_;
  Stage stage_ = Stage::kOpen;
  MessageId id_;
  std::string to_;
  std::string reason_;  // why it failed
  bool made_ = false;

  // What it is about.
  StoredMessage original_;
  Envelope original_envelope_;
  std::optional<ReturnedPart> part_;
  uint64_t left_ = 0;  // bytes of it that are still to be copied

  // The text that is being copied into blocks: a view into `composed_`, or a piece of the original.
  std::string_view text_;
  std::string composed_;
  std::string tail_;
  Source next_ = Source::kOriginal;
  Block* block_ = nullptr;  // being filled

  std::array<Handoff, kHandoffCount> handoffs_;
  std::array<Handoff*, kHandoffCount> home_;  // those that are not away
  size_t home_count_ = 0;
  Handoff* unsent_ = nullptr;  // found no room in the writer's queue
  bool pushed_ = false;        // the writer has heard of it
  EnvelopeWriter envelope_;
  OutcomeWriter outcome_;
};

}  // namespace postern

#endif  // POSTERN_RELAY_OUTGOING_REPORT_H_
