// FindMisplaced and PutBack heal a log whose files have each other's names, as careless copying leaves them.
//
// Functions without state, on the thread that opens the log, before anything else is done with it. Every record says
// where it belongs, so a file whose first record is whole, and that has none of its own, can be given the right name;
// under a wrong one it would be nothing but damage, or, at the end of the log, be taken for a file to use again.

#ifndef POSTERN_STORE_MISPLACED_H_
#define POSTERN_STORE_MISPLACED_H_

#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/file.h"
#include "store/recovery_report.h"

namespace postern {

// The segments under a wrong name, by that name. A file that is used again, and in which nothing new was written yet,
// is not one of them: what it held has been freed, so it is older than every segment that is there.
absl::StatusOr<std::vector<MisplacedSegment>> FindMisplaced(Directory& directory);

// Renames those that are no copies. A crash in between leaves what the next call finds and finishes: while one is not
// at home, there is a name below its own.
absl::Status PutBack(Directory& directory, std::span<const MisplacedSegment> misplaced);

}  // namespace postern

#endif  // POSTERN_STORE_MISPLACED_H_
