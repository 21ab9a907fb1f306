#include "tests/prover/life.h"

#include <atomic>
#include <cstring>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "tests/store/store_fixture.h"

namespace postern {
namespace {

// A body as the relay lends it.
class WholeBody final : public MessageBody {
 public:
  explicit WholeBody(std::string bytes) : bytes_(std::move(bytes)) {}
  absl::StatusOr<std::string_view> Next() override {
    return std::exchange(is_done_, true) ? std::string_view() : std::string_view(bytes_);
  }
  absl::Status Rewind() override {
    is_done_ = false;
    return absl::OkStatus();
  }

 private:
  const std::string bytes_;
  bool is_done_ = false;
};

Marks AfterAttempt(const Marks& before, RecipientState state) {
  return {static_cast<uint16_t>(before.attempt_count + 1), state};
}

}  // namespace

Life::Life(RecordingDisk& disk, History& history, const SegmentLogOptions& options)
    : disk_(disk), history_(history), options_(options), home_(1024, *this) {}

bool Life::Open() {
  absl::StatusOr<std::unique_ptr<RecoveredStore>> store = RecoveredStore::Open(disk_, options_);
  if (disk_.stopped() || (!store.ok() && disk_.sync_failed())) return false;
  if (!store.ok()) {
    history_.Fail(absl::StrCat("recovery has failed: ", store.status().ToString()));
    return false;
  }
  store_ = *std::move(store);
  Found found = store_->Look();
  history_.Fail(history_.now.Check(found));
  Learn([found = std::move(found)](Knowledge& known) { known.Adopt(found); });
  writer_ = std::make_unique<StoreWriter>(store_->log(), kPlaces);
  const auto opener = [this](const std::string& path) { return disk_.Open(path); };
  mailboxes_ =
      std::make_unique<MailboxWriter>(MailboxWriterOptions{.hostname = "mx"}, opener, 1, static_cast<Wakeable&>(*this));
  return true;
}

Life::Away& Life::Push(HandoffKind kind, uint64_t number, std::string_view head, std::string_view body) {
  auto away = std::make_unique<Away>();
  away->head = head;
  if (!body.empty()) {
    away->body = std::make_unique<Block>();
    away->body->size = body.size();
    std::memcpy(away->body->data, body.data(), body.size());
  }
  away->handoff.kind = kind;
  away->handoff.message = Id(number);
  away->handoff.head = away->head;
  away->handoff.body = away->body.get();
  away->handoff.home = &home_;
  away->handoff.owner = away.get();
  handoffs_.push_back(std::move(away));
  return *handoffs_.back();
}

void Life::Send(Away& away) {
  CHECK(writer_->TryPush(&away.handoff));
  ++away_count_;
}

uint64_t Life::Start(const std::vector<size_t>& piece_sizes, size_t recipient_count) {
  const uint64_t number = ++history_.last_number;
  Incoming& incoming = bodies_[number];
  for (size_t i = 0; i < piece_sizes.size(); ++i) incoming.body += Body(number * 100 + i, piece_sizes[i]);
  incoming.rest.assign(piece_sizes.begin(), piece_sizes.end());
  incoming.recipient_count = recipient_count;
  incoming_.push_back(number);
  return number;
}

void Life::Continue(uint64_t number) {
  Incoming& incoming = bodies_.at(number);
  const std::string_view piece = std::string_view(incoming.body).substr(incoming.done_size, incoming.rest.front());
  incoming.done_size += piece.size();
  incoming.rest.pop_front();
  if (!incoming.rest.empty()) return Send(Push(HandoffKind::kFragment, number, "", piece));
  Away& away = Push(HandoffKind::kAccepted, number, EncodeEnvelope(incoming.recipient_count), piece);
  Learn([number, body = std::move(incoming.body), count = incoming.recipient_count](Knowledge& known) {
    known.Offer(number, body, count);
  });
  bodies_.erase(number);
  std::erase(incoming_, number);
  Send(away);
}

uint64_t Life::Receive(const std::vector<size_t>& piece_sizes, size_t recipient_count) {
  const uint64_t number = Start(piece_sizes, recipient_count);
  while (bodies_.contains(number)) Continue(number);
  return number;
}

void Life::OfferMark(Away& away, Seat seat, RecipientState state) {
  const Marks before = history_.now.messages().at(seat.number).recipients[seat.recipient].known;
  // A report is no attempt.
  away.marks = state == RecipientState::kBounced ? Marks{before.attempt_count, state} : AfterAttempt(before, state);
  away.seat = seat;
  away.has_mark = true;
  busy_.insert(seat);
  Learn([seat, marks = away.marks](Knowledge& known) { known.OfferMark(seat.number, seat.recipient, marks); });
}

void Life::Mark(uint64_t number, uint32_t recipient, RecipientState state) {
  Away& away = Push(HandoffKind::kOutcome, number, "");
  OfferMark(away, {number, recipient}, state);
  away.head = EncodeOutcome(recipient, state, away.marks.attempt_count);
  away.handoff.head = away.head;
  index().NoteOutcomeAway(Id(number));
  Send(away);
}

uint64_t Life::Report(uint64_t about, uint32_t recipient) {
  const uint64_t number = ++history_.last_number;
  const std::string body = Body(number * 100, 200);
  Away& away = Push(HandoffKind::kAccepted, number, EncodeEnvelope(), body);
  Learn([number, body](Knowledge& known) { known.Offer(number, body, 1); });
  OfferMark(away, {about, recipient}, RecipientState::kBounced);
  away.about_outcome = EncodeOutcome(recipient, RecipientState::kBounced, away.marks.attempt_count);
  away.handoff.about = Id(about);
  away.handoff.about_outcome = away.about_outcome;
  index().NoteOutcomeAway(Id(about));
  Send(away);
  return number;
}

void Life::Move() {
  if (moving_) return;
  for (const MessageId id : index().TakeMoves(1)) {
    OutcomeWriter state;
    index().EncodeState(*index().Find(id), state);
    Away& away = Push(HandoffKind::kMove, id.number >> 8, state.bytes());
    away.handoff.position = index().Find(id)->position().Pack();
    moving_ = true;
    Send(away);
  }
}

void Life::Deliver(uint64_t number, uint32_t recipient) {
  const std::string& body = history_.now.messages().at(number).body;
  const std::string mailbox = absl::StrCat(kMailFolder, "/user", recipient);
  const std::string path = absl::StrCat(mailbox, "/new/", MaildirFileName(Id(number), recipient, "mx"));
  Learn(
      [path, bytes = absl::StrCat("Return-Path: <>\r\n", body)](Knowledge& known) { known.OfferMailed(path, bytes); });
  auto job = std::make_unique<MailboxJob>();
  job->message = Id(number);
  job->body = std::make_unique<WholeBody>(body);
  job->deliveries.push_back({.recipient_index = recipient, .path = mailbox});
  CHECK(mailboxes_->TryPush(job));
  mailboxes_->RunOnce();
  job = mailboxes_->TryTakeDone();
  if (!job->deliveries.front().result.ok()) return;
  Learn([path](Knowledge& known) { known.AcknowledgeMailed(path); });
  Mark(number, recipient, RecipientState::kDelivered);
}

void Life::Write() {
  writer_->RunOnce();
  if (!disk_.stopped()) store_->Follow().IgnoreError();  // a kill may come at any moment; a cut shows what it has cost
}

void Life::Commit() {
  Write();
  if (disk_.stopped()) return;
  const Frontier read = store_->log().durable();
  writer_->SetNeededSegment(index().oldest_needed_segment(read), read);
  if (writer_->HasWork()) Write();
}

void Life::Stop() {
  const std::atomic<bool> stop = true;
  writer_->Run(stop);
}

void Life::Wake() {
  Handoff* handoff = nullptr;
  while (home_.queue.TryPop(handoff)) TakeReceipt(*handoff);
}

void Life::TakeReceipt(const Handoff& handoff) {
  --away_count_;
  const bool is_durable = handoff.result == HandoffResult::kDurable;
  const uint64_t number = handoff.message.number >> 8;
  const Away& away = *static_cast<const Away*>(handoff.owner);
  if (handoff.kind == HandoffKind::kMove) {
    moving_ = false;
    moved_count_ += is_durable;
    if (!is_durable) index().NoteMoveFailed(handoff.message);
  }
  // A store that takes nothing loses nothing; that would be no proof.
  if (!is_durable && !disk_.stopped() && !disk_.sync_failed()) {
    history_.Fail(absl::StrCat("what was handed over for message ", number, " was refused"));
  }
  if (handoff.kind == HandoffKind::kAccepted && is_durable) {
    Learn([number](Knowledge& known) { known.Acknowledge(number); });
  }
  if (!away.has_mark) return;
  busy_.erase(away.seat);
  if (!is_durable) return index().NoteOutcomeLost(Id(away.seat.number));
  Learn([seat = away.seat, marks = away.marks](Knowledge& known) {
    known.AcknowledgeMark(seat.number, seat.recipient, marks);
  });
}

}  // namespace postern
