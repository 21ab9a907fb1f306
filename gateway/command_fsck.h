// RunFsck is `postern fsck`: says what is damaged in the store of a gateway that does not run, and sets it aside.
//
// It is called once, on the main thread.

#ifndef POSTERN_GATEWAY_COMMAND_FSCK_H_
#define POSTERN_GATEWAY_COMMAND_FSCK_H_

#include "gateway/config.h"

namespace postern {

struct FsckCommand {
  bool repair = false;
  bool json = false;
};

// The exit code of the process (exit_code.h): kExitOk when all is well, kExitDataError when something is wrong (and
// could not be mended), kExitTemporary when a gateway has the store.
int RunFsck(const Config& config, const FsckCommand& command);

}  // namespace postern

#endif  // POSTERN_GATEWAY_COMMAND_FSCK_H_
