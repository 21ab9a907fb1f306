// DescribeVolume tells what a folder lies on, as far as Windows says it to who is no administrator.
//
// A plain function, called on the main thread at the start. It asks the volume, and the disk below it for its cache.

#ifndef POSTERN_STORE_VOLUME_WIN_H_
#define POSTERN_STORE_VOLUME_WIN_H_

#include <string>

#include "absl/status/statusor.h"
#include "store/file.h"

namespace postern {

// What is not told is left at its default.
absl::StatusOr<FileSystemInfo> DescribeVolume(const std::string& path);

}  // namespace postern

#endif  // POSTERN_STORE_VOLUME_WIN_H_
