// CopyToQuarantine keeps a damaged piece of a log, so that nothing is given up that somebody might still make sense of.
//
// A function without state, on the thread of the reader that has found the damage. A copy is there whole or not at all,
// and is made once: the name that it has says what it is a copy of.

#ifndef POSTERN_STORE_QUARANTINE_H_
#define POSTERN_STORE_QUARANTINE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "store/file.h"
#include "store/segment_format.h"

namespace postern {

// Copies `size` bytes of `segment` from `position` on into `quarantine`, as segment-NNNNNNNNNN-OFFSET, on stable
// storage. The path of the copy, also when it was there already. What cannot be read of it is left out at its end.
absl::StatusOr<std::string> CopyToQuarantine(File& segment, Position position, uint32_t size, Directory& quarantine);

}  // namespace postern

#endif  // POSTERN_STORE_QUARANTINE_H_
