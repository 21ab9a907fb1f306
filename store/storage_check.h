// CheckStorage looks whether a directory is a place where mail survives.
//
// It is called once at the start, on the main thread, and owns nothing.

#ifndef POSTERN_STORE_STORAGE_CHECK_H_
#define POSTERN_STORE_STORAGE_CHECK_H_

#include <string>
#include <vector>

#include "core/clock.h"
#include "store/file.h"

namespace postern {

// Warnings in words, none when all is well: the directory lies in memory, in a container's layer or on a network, or
// its syncs come back sooner than any disk could have written something. Writes and removes a small file.
std::vector<std::string> CheckStorage(Directory& directory, const Clock& clock);

}  // namespace postern

#endif  // POSTERN_STORE_STORAGE_CHECK_H_
