#include "relay/outgoing_report.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "relay/report_duty.h"
#include "smtp/dsn.h"

namespace postern {
namespace {

// Of the original, in one step.
constexpr size_t kPiecesPerStep = 4;

ReportRequest WithoutTooMany(ReportRequest request) {
  if (request.recipients.size() > OutgoingReport::kRecipientCountMax) {
    request.recipients.resize(OutgoingReport::kRecipientCountMax);
  }
  return request;
}

std::string_view Reason(HandoffResult result) {
  if (result == HandoffResult::kNoRoom) return "the disk is full";
  return result == HandoffResult::kLost ? "it is larger than a segment of the log"
                                        : "the log takes nothing until a restart";
}

// What becomes of the recipients with the report.
RecipientState StateAfter(ReportKind kind) {
  switch (kind) {
    case ReportKind::kFailure: return RecipientState::kBounced;
    case ReportKind::kDelay: return RecipientState::kDelayed;
    case ReportKind::kSuccess: return RecipientState::kDelivered;
  }
  return RecipientState::kBounced;
}

}  // namespace

bool WantsCopy(const ReportOptions& options, std::string_view note) {
  const std::vector<FailureType>& types = options.copy_for;
  return !options.copy_to.empty() && std::find(types.begin(), types.end(), FailureTypeOf(note)) != types.end();
}

OutgoingReport::OutgoingReport(ReportRequest request, const Context& context)
    : request_(WithoutTooMany(std::move(request))), context_(context) {
  for (Handoff& handoff : handoffs_) home_[home_count_++] = &handoff;
}

OutgoingReport::Progress OutgoingReport::Run() {
  if (unsent_ != nullptr) {
    if (!context_.store.TryPush(*unsent_)) return Progress::kQueueFull;
    unsent_ = nullptr;
    pushed_ = true;
  }
  switch (stage_) {
    case Stage::kOpen: Open(); return Progress::kMore;
    case Stage::kMeasure: return Measure();
    case Stage::kCopy: return Copy();
    case Stage::kAbandon:
      if (home_count_ == 0) return Progress::kWaits;
      stage_ = Stage::kHome;
      Send(HandoffKind::kAbandoned, nullptr);
      return unsent_ != nullptr ? Progress::kQueueFull : Progress::kWaits;
    case Stage::kHome: break;
  }
  return home_count_ == handoffs_.size() ? Progress::kDone : Progress::kWaits;
}

void OutgoingReport::Open() {
  absl::StatusOr<StoredMessage> stored = context_.store.Open(request_.about);
  if (!stored.ok()) return Fail(stored.status().message());
  original_ = *std::move(stored);
  std::optional<Envelope> envelope = ParseEnvelope(original_.envelope);
  const auto is_there = [&envelope](const ReportedRecipient& recipient) {
    return recipient.index < envelope->recipients.size();
  };
  if (!envelope.has_value() || !std::all_of(request_.recipients.begin(), request_.recipients.end(), is_there)) {
    return Fail("the envelope is damaged");
  }
  original_envelope_ = *std::move(envelope);
  to_ = Reader();
  if (to_.empty()) return Fail("there is nobody to report to");
  id_ = context_.ids.Next(context_.clock.Wall());
  part_.emplace(WantedContent(), ReportBoundary(id_));
  stage_ = Stage::kMeasure;
}

std::string_view OutgoingReport::Reader() const {
  switch (request_.to) {
    case ReportTo::kSender: return original_envelope_.sender;
    case ReportTo::kPostmaster: return context_.options.postmaster;
    case ReportTo::kAdministrator: return context_.options.copy_to;
  }
  return {};
}

// RFC 3461 4.3: RET is for reports on failures only. Without it the message is returned, as senders are used to.
ReturnedContent OutgoingReport::WantedContent() const {
  const bool whole = request_.kind == ReportKind::kFailure && request_.to != ReportTo::kPostmaster &&
                     original_envelope_.ret != DsnReturn::kHeaders &&
                     original_.body_size <= context_.options.return_size_max;
  return whole ? ReturnedContent::kMessage : ReturnedContent::kHeader;
}

// What cannot be read, or was made to be taken for a part of its own report, is reported on and not returned.
OutgoingReport::Progress OutgoingReport::Measure() {
  for (size_t i = 0; i < kPiecesPerStep; ++i) {
    const absl::StatusOr<std::string_view> piece = original_.body->Next();
    if (piece.ok() && !piece->empty() && part_->Look(*piece)) continue;
    const bool returned = piece.ok() && !part_->holds_boundary() && original_.body->Rewind().ok();
    Compose(returned ? WantedContent() : ReturnedContent::kNothing);
    break;
  }
  return Progress::kMore;
}

void OutgoingReport::Compose(ReturnedContent returned) {
  Report report;
  report.kind = request_.kind;
  report.id = id_;
  report.date = id_.born();
  report.hostname = context_.options.hostname;
  report.postmaster = context_.options.postmaster;
  report.to = to_;
  report.about = request_.about;
  report.original = original_envelope_;
  report.returned = returned;
  if (returned != ReturnedContent::kNothing) {
    left_ = part_->size();
    report.eight_bit = part_->eight_bit();
    report.header_eight_bit = part_->header_eight_bit();
  }
  for (const ReportedRecipient& reported : request_.recipients) {
    const Recipient& recipient = original_envelope_.recipients[reported.index];
    report.recipients.push_back({.address = recipient.address,
                                 .orcpt = recipient.orcpt,
                                 .action = reported.action,
                                 .note = reported.note,
                                 .remote = reported.remote_host,
                                 .last_attempt = reported.last_attempt,
                                 .retry_until = reported.retry_until});
  }
  composed_ = ComposeHead(report);
  tail_ = ComposeTail(report);
  text_ = composed_;
  const bool utf8 = NeedsUtf8(report);
  WriteEnvelope(static_cast<uint8_t>((request_.to == ReportTo::kPostmaster ? kEnvelopeLastReport : kEnvelopeReport) |
                                     (utf8 ? kEnvelopeUtf8 : 0) | (utf8 || report.eight_bit ? kEnvelopeEightBit : 0)));
  WriteOutcome();
  part_.reset();
  stage_ = Stage::kCopy;
}

// From nobody (RFC 5321 6.1), so that nobody answers it with a report. A copy is for information: one that fails is not
// worth another report.
void OutgoingReport::WriteEnvelope(uint8_t flags) {
  const ReportOptions& options = context_.options;
  EnvelopeHead head;
  head.flags = flags;
  envelope_.Start(head);
  Recipient reader;
  reader.address = to_;
  reader.notify = request_.to == ReportTo::kAdministrator ? kNotifyNever : uint8_t{0};
  envelope_.AddRecipient(reader);
  const bool copied = request_.kind == ReportKind::kFailure && request_.to == ReportTo::kSender &&
                      options.copy_to != to_ &&
                      std::any_of(request_.recipients.begin(), request_.recipients.end(),
                                  [&](const ReportedRecipient& reported) { return WantsCopy(options, reported.note); });
  if (!copied) return;
  Recipient administrator;
  administrator.address = options.copy_to;
  administrator.notify = kNotifyNever;
  envelope_.AddRecipient(administrator);
}

void OutgoingReport::WriteOutcome() {
  outcome_.Start();
  for (const ReportedRecipient& reported : request_.recipients) {
    RecipientOutcome outcome;
    outcome.recipient = reported.index;
    outcome.state = StateAfter(request_.kind);
    if (request_.kind == ReportKind::kDelay) {  // the others are settled, and need nothing any more
      outcome.attempt_count = reported.attempt_count;
      outcome.next_attempt = reported.next_attempt;
      outcome.reply = reported.note;
    }
    outcome_.Add(outcome);
  }
}

OutgoingReport::Progress OutgoingReport::Copy() {
  for (size_t piece_count = 0; piece_count < kPiecesPerStep;) {
    if (text_.empty()) {
      if (!NextText()) return Progress::kMore;  // it has failed
      ++piece_count;
      if (text_.empty()) {
        Accept();
        return unsent_ != nullptr ? Progress::kQueueFull : Progress::kWaits;
      }
    }
    if (block_ != nullptr && block_->free_size() == 0) {
      if (home_count_ == 1) return Progress::kWaits;
      Send(HandoffKind::kFragment, std::exchange(block_, nullptr));
      if (unsent_ != nullptr) return Progress::kQueueFull;
    }
    // Nobody who waits for a block holds one.
    if (block_ == nullptr) block_ = context_.blocks.TryTake();
    if (block_ == nullptr) return Progress::kNoBlock;
    const size_t size = std::min(text_.size(), block_->free_size());
    std::memcpy(block_->data + block_->size, text_.data(), size);
    block_->size += size;
    text_.remove_prefix(size);
  }
  return Progress::kMore;
}

// Leaves `text_` empty at the end. False when the original cannot be read any more: it could before.
bool OutgoingReport::NextText() {
  composed_ = std::string();
  if (next_ == Source::kOriginal && left_ > 0) {
    const absl::StatusOr<std::string_view> piece = original_.body->Next();
    if (!piece.ok() || piece->empty()) {
      Fail(piece.ok() ? "the message has become shorter" : piece.status().message());
      return false;
    }
    text_ = piece->substr(0, static_cast<size_t>(std::min<uint64_t>(left_, piece->size())));
    left_ -= text_.size();
    return true;
  }
  original_.body.reset();
  text_ = next_ == Source::kEnd ? std::string_view() : std::string_view(tail_);
  next_ = Source::kEnd;
  return true;
}

void OutgoingReport::Accept() {
  stage_ = Stage::kHome;
  Send(HandoffKind::kAccepted, std::exchange(block_, nullptr));
}

void OutgoingReport::Send(HandoffKind kind, Block* block) {
  CHECK(unsent_ == nullptr && home_count_ > 0);
  Handoff& handoff = *home_[--home_count_];
  handoff = {};
  handoff.kind = kind;
  handoff.message = id_;
  handoff.body = block;
  handoff.about = request_.about;
  if (kind == HandoffKind::kAccepted) {
    handoff.head = envelope_.bytes();
    handoff.about_outcome = outcome_.bytes();
  }
  handoff.home = &context_.receipts;
  handoff.owner = this;
  if (context_.store.TryPush(handoff)) {
    pushed_ = true;
  } else {
    unsent_ = &handoff;
  }
}

void OutgoingReport::HandleReceipt(Handoff& handoff) {
  TakeBack(handoff);
  if (handoff.kind == HandoffKind::kAbandoned) return;
  if (handoff.result != HandoffResult::kDurable) {
    // The writer lets no message become whole of which it could not write a piece: the last receipt will say so.
    const bool more_to_come = handoff.kind == HandoffKind::kFragment && stage_ == Stage::kHome;
    if (!more_to_come) Fail(Reason(handoff.result));
  } else if (handoff.kind == HandoffKind::kAccepted) {
    made_ = true;
  }
}

void OutgoingReport::TakeBack(Handoff& handoff) {
  if (handoff.body != nullptr) context_.blocks.Give(std::exchange(handoff.body, nullptr));
  home_[home_count_++] = &handoff;
}

// Once; what comes home after that changes nothing.
void OutgoingReport::Fail(std::string_view reason) {
  if (!reason_.empty()) return;
  reason_ = reason.empty() ? "unknown" : reason;
  original_.body.reset();
  if (block_ != nullptr) context_.blocks.Give(std::exchange(block_, nullptr));
  if (unsent_ != nullptr) TakeBack(*std::exchange(unsent_, nullptr));
  stage_ = pushed_ ? Stage::kAbandon : Stage::kHome;
}

ReportResult OutgoingReport::result() const {
  return {.report = made_ ? id_ : MessageId{}, .to = to_, .reason = reason_};
}

}  // namespace postern
