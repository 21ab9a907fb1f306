#include "bench/load/worker.h"

#include <algorithm>

namespace postern {
namespace {

constexpr char kHostname[] = "load.example";
constexpr int kLetterBits = 40;  // of a letter's number; above them is the worker's

ClientPolicy PolicyOf(const LoadOptions& options) {
  const Duration timeout = options.timeout;
  return {.hostname = kHostname,
          .timeouts = {.greeting = timeout,
                       .command = timeout,
                       .data = timeout,
                       .block = timeout,
                       .body_end = timeout,
                       .quit = std::min<Duration>(timeout, std::chrono::seconds(5))},
          .recipients_per_transaction_max = 0,
          .pipelining = options.pipelining,
          .chunking = options.chunking};
}

}  // namespace

Worker::Worker(Poller& poller, const Clock& clock, const Setup& setup)
    : options_(setup.options),
      mails_(setup.mails),
      plan_(setup.plan),
      index_(setup.index),
      clock_(clock),
      reactor_(poller, clock),
      random_(setup.index),
      recipient_texts_(setup.options.Recipients()),
      context_(MakeContext(clock)),
      idle_(reactor_, options_.address, ShareOf(options_.idle_count, options_.thread_count, index_), options_.timeout,
            [this] { return MakeSocket(); }) {
  const size_t session_count = ShareOf(options_.connection_count, options_.thread_count, index_);
  for (size_t i = 0; i < session_count; ++i) HandleAvailable(sessions_.emplace_back(context_));
}

SessionContext Worker::MakeContext(const Clock& clock) {
  for (const std::string& text : recipient_texts_) recipients_.push_back({.address = text});
  return {.reactor = reactor_,
          .clock = clock,
          .plan = plan_,
          .server = options_.address,
          .policy = PolicyOf(options_),
          .connect_timeout = options_.timeout,
          .messages_per_connection = options_.messages_per_connection,
          .head = {.sender = options_.from},
          .recipients = recipients_,
          .tally = tally_,
          .live = live_,
          .owner = *this};
}

void Worker::Begin() {
  begun_ = true;
  tally_.timeline.Begin(plan_.measured_from());
  if (options_.rate == 0) return;
  const auto count = static_cast<double>(options_.thread_count);
  pacer_ = Pacer(options_.rate / count, plan_.start(), static_cast<double>(index_) / count);
}

void Worker::Abort() {
  if (!ended_) End(clock_.Monotonic());
  for (Session& session : sessions_) session.Abort();
}

void Worker::Turn(Duration sleep_max) {
  const MonotonicTime now = clock_.Monotonic();
  if (begun_ || plan_.stopped()) HandOut(now);
  WindUp();
  if (done_) return;
  reactor_.Turn(std::clamp(NextDue() - now, Duration::zero(), sleep_max));
  WindUp();
}

MonotonicTime Worker::NextDue() {
  MonotonicTime next = reactor_.NextDue();
  if (!begun_ || ended_) return next;
  if (!line_.empty()) next = std::min(next, pacer_.next_due());
  return std::min(next, plan_.end());
}

void Worker::HandOut(MonotonicTime now) {
  // What was due before the end is begun although that has just come, for it is no fault of the server's.
  while (!line_.empty() && !ended_) {
    Session& session = *line_.front();
    if (session.available()) {
      const std::optional<Assignment> next = TakeAssignment(now);
      if (!next) break;
      session.Give(*next);
    }
    // Only now, so that one that is given back at once does not stand in it twice.
    session.in_line = false;
    line_.pop_front();
    if (session.available()) HandleAvailable(session);
  }
  if (!ended_ && plan_.Over(now)) End(now);
}

std::optional<Assignment> Worker::TakeAssignment(MonotonicTime now) {
  if (!begun_ || ended_ || plan_.stopped()) return std::nullopt;
  const std::optional<MonotonicTime> due = pacer_.TakeDue(now);
  if (!due || !plan_.TryTake(*due)) return std::nullopt;
  const uint64_t number = static_cast<uint64_t>(index_) << kLetterBits | letter_count_++;
  return Assignment{.mail = &mails_[options_.mix.Pick(random_)], .number = number, .due = *due};
}

void Worker::HandleAvailable(Session& session) {
  if (ended_ || session.in_line) return;
  session.in_line = true;
  line_.push_back(&session);
}

SocketResult Worker::MakeSocket() {
  const std::optional<IpAddress> source = options_.Source(index_ + options_.thread_count * socket_count_++);
  Sockets& sockets = reactor_.sockets();
  return source ? sockets.MakeBoundFor(options_.address, *source) : sockets.MakeFor(options_.address);
}

void Worker::End(MonotonicTime now) {
  ended_ = true;
  if (begun_ && !plan_.all_taken()) CountUnsent(std::min(now, plan_.end()));
  for (Session& session : sessions_) session.Leave();
}

// Idle connections are held for as long as there is any load.
void Worker::WindUp() {
  if (!ended_ || !AllFree()) return;
  if (!idle_stopped_) {
    idle_stopped_ = true;
    idle_held_count_ = idle_.held_count();
    idle_.Stop();
  }
  done_ = idle_.closed();
}

// What was due before the end and is not begun counts as if it were begun and answered then: less than the truth, but
// to leave it out would make the slowest server look fast.
void Worker::CountUnsent(MonotonicTime end) {
  if (options_.rate == 0) return;
  for (auto due = pacer_.TakeDue(end); due && *due < end; due = pacer_.TakeDue(end)) {
    if (!plan_.Counts(*due)) continue;
    ++tally_.unsent_count;
    for (Histogram* histogram : {&tally_.mail, &tally_.end_of_data, &tally_.message}) histogram->Record(end - *due);
  }
}

bool Worker::AllFree() const {
  return std::all_of(sessions_.begin(), sessions_.end(), [](const Session& session) { return session.free(); });
}

}  // namespace postern
