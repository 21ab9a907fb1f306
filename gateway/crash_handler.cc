#include "gateway/crash_handler.h"

#include <atomic>

#include "absl/debugging/failure_signal_handler.h"

namespace postern {
namespace {

std::atomic<BlackBox*> black_box = nullptr;
constinit thread_local WorkSlot* thread_slot = nullptr;

// Called for each piece of the text, and with null at its end.
void Note(const char* text) {
  BlackBox* const box = black_box.load(std::memory_order_acquire);
  if (box != nullptr && text != nullptr) box->NoteCrash(thread_slot, text);
}

}  // namespace

void InstallCrashHandler() {
  absl::FailureSignalHandlerOptions options;
  options.writerfn = Note;
  absl::InstallFailureSignalHandler(options);
}

void WatchCrashes(BlackBox* box, WorkSlot* slot) {
  black_box.store(box, std::memory_order_release);
  SetThreadSlot(slot);
}

void SetThreadSlot(WorkSlot* slot) { thread_slot = slot; }

}  // namespace postern
