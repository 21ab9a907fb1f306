// RepairLog sets the damaged pieces of a log aside, so that the next start finds none.
//
// A function without state; whoever calls it holds the store's lock. What it overwrites is in the quarantine, on stable
// storage, before it is overwritten; a crash in between leaves damage as it was, or less.
//
//   broken      its place becomes fragments of no message, which everybody passes over; their bodies are what was there
//   cut off     gets its seal
//   a gap       the seal before it gets the number that leads to the other side
//   misplaced   gets its name back; a copy of another segment is in the quarantine, and its file is empty
//   unreadable  stays: it may be whole

#ifndef POSTERN_STORE_LOG_REPAIR_H_
#define POSTERN_STORE_LOG_REPAIR_H_

#include "absl/status/statusor.h"
#include "store/file.h"
#include "store/recovery_report.h"

namespace postern {

// What was mended. What could not be is found again by CheckLog().
absl::StatusOr<RecoveryReport> RepairLog(Directory& directory, Directory& quarantine);

}  // namespace postern

#endif  // POSTERN_STORE_LOG_REPAIR_H_
