// What the gateway makes of the storage that it finds: a line at the start, a refusal when the configuration is strict,
// and an operator's answer.
//
// Plain functions over a StorageReport (store/storage_check.h), on the main thread. They own nothing.

#ifndef POSTERN_GATEWAY_STORAGE_JUDGEMENT_H_
#define POSTERN_GATEWAY_STORAGE_JUDGEMENT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gateway/config.h"
#include "gateway/events.h"
#include "store/storage_check.h"

namespace postern {

// One event for what it is, all is well or not, and one for each doubt.
void TellStorage(const StorageReport& report, EventLog& events);

// InvalidArgument when it is doubted and the configuration is strict: the doubts, a line each, and what to do.
absl::Status JudgeStorage(const StorageReport& report, Durability durability);

// Of the store as it is configured, or, before the first start, of the closest folder above it that is there. Nothing
// is made; with a `clock` a small file is written and removed, if it is the store.
absl::StatusOr<StorageReport> FindStorage(const Config& config, const Clock* clock);

// For people: the report and its doubts, a line each, the first one without an indent.
std::string DescribeToOperator(const StorageReport& report);

}  // namespace postern

#endif  // POSTERN_GATEWAY_STORAGE_JUDGEMENT_H_
