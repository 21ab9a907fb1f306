#include "tests/sim/sim_poller.h"

#include <algorithm>

#include "absl/log/check.h"

namespace postern {
namespace {

bool IsWriter(OpKind kind) { return kind == OpKind::kConnect || kind == OpKind::kSend; }

}  // namespace

SimPoller::SimPoller(SimNetwork& network) : network_(network) { network_.pollers_.push_back(this); }

SimPoller::~SimPoller() { std::erase(network_.pollers_, this); }

void SimPoller::Start(Op& op) {
  op.result = 0;
  op.error = NetError::kNone;
  op.system_code = 0;
  Away started{.op = &op, .socket = network_.Of(op.socket)};
  if (op.kind == OpKind::kClose) {
    started.due = network_.DueTime();
    for (const Away& away : std::vector<Away>(away_)) {
      if (away.socket != started.socket) continue;
      CHECK(away.op->kind != OpKind::kClose) << "two closes of one socket";
      Cancel(*away.op);
    }
    for (const Away& away : away_) {
      if (away.socket == started.socket) started.due = std::max(started.due, away.due);
    }
    network_.Close(op.socket, op.reset);
  } else {
    for (const Away& away : away_) {
      if (away.socket != started.socket || away.due != kNever) continue;
      CHECK(IsWriter(away.op->kind) != IsWriter(op.kind)) << "two readers or two writers on one socket";
    }
    if (op.kind == OpKind::kConnect) network_.StartConnect(started.socket, *op.connect_to);
    if (network_.TryFinish(op, started.socket)) started.due = network_.DueTime();
  }
  away_.push_back(std::move(started));
}

void SimPoller::Cancel(Op& op) {
  for (Away& away : away_) {
    if (away.op != &op || away.due != kNever) continue;
    op.result = -1;
    op.error = NetError::kCancelled;
    away.due = network_.DueTime();
  }
}

void SimPoller::Wait(Duration, std::vector<Op*>& done) {
  network_.Run();
  woken_ = false;
  std::vector<Op*> due;
  std::erase_if(away_, [&](const Away& away) {
    if (away.due > network_.now()) return false;
    due.push_back(away.op);
    return true;
  });
  // Any order will do, but that a close comes after the others of its socket.
  std::shuffle(due.begin(), due.end(), network_.random());
  std::stable_partition(due.begin(), due.end(), [](const Op* op) { return op->kind != OpKind::kClose; });
  done.insert(done.end(), due.begin(), due.end());
}

MonotonicTime SimPoller::NextDue() const {
  MonotonicTime next = woken_ ? network_.now() : kNever;
  for (const Away& away : away_) next = std::min(next, away.due);
  return next;
}

void SimPoller::TryWaiting() {
  for (Away& away : away_) {
    if (away.due == kNever && network_.TryFinish(*away.op, away.socket)) away.due = network_.DueTime();
  }
}

}  // namespace postern
