// A crash bundle is a folder for a bug report: what the program died of, and the message that it did so with.
//
// PoisonWatch writes it at the start, on the thread that opens the gateway; plain functions, and values in words. To
// copy a message is to read it once more, so whoever calls notes that it is at it (WorkStage::kBundling).
//
//   crash-LIFE.txt   the signal and the stack, the stage, versions and times
//   message.eml      the message as it is stored
//   envelope.txt     from whom, for whom

#ifndef POSTERN_GATEWAY_CRASH_BUNDLE_H_
#define POSTERN_GATEWAY_CRASH_BUNDLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "core/clock.h"
#include "core/work_slot.h"
#include "gateway/black_box.h"
#include "gateway/crash_book.h"
#include "relay/mail_store.h"
#include "store/file.h"

namespace postern {

// What the thread did with the message, in words.
std::string_view ToText(WorkStage stage);

// The folder's name: the message's id, or where the record is.
std::string BundleName(const Suspect& who);

// How often it was in work, as "2 crashes" or "1 crash and 2 deaths that nobody saw".
std::string CountText(const Suspect& who);

// The text of crash-LIFE.txt. `death` is the last one; its stack is told when it was `who`'s.
std::string CrashReport(const Suspect& who, const std::optional<Death>& death, std::string_view version, WallTime now);

// AlreadyExists when that crash was reported before.
absl::Status WriteCrashReport(Directory& folder, uint64_t life, std::string_view report);
absl::Status WriteMessage(Directory& folder, StoredMessage& message);

}  // namespace postern

#endif  // POSTERN_GATEWAY_CRASH_BUNDLE_H_
