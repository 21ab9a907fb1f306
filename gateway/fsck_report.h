// What `postern fsck` has found, as people read it and as programs do (--json).
//
// Plain functions without state, usable on any thread.

#ifndef POSTERN_GATEWAY_FSCK_REPORT_H_
#define POSTERN_GATEWAY_FSCK_REPORT_H_

#include <string>

#include "gateway/store_check.h"

namespace postern {

// A line for each log, one for each thing that is wrong or was mended, and the verdict.
std::string FsckText(const StoreCheck& store);
// The same as one line of JSON, with its end: docs/operations.md tells its members.
std::string FsckJson(const StoreCheck& store);

}  // namespace postern

#endif  // POSTERN_GATEWAY_FSCK_REPORT_H_
