// The crash handler notes of what the program dies: the signal, the stack and the thread, in the black box and on
// standard error, before the system ends it as it would have.
//
// `postern serve` installs it; there is one, as there is one set of signals. It runs on the thread that crashes, in the
// state in which that is: it allocates nothing and takes no lock. Who may overflow a stack has another for it
// (RunWithSignalStack in net/host.h).

#ifndef POSTERN_GATEWAY_CRASH_HANDLER_H_
#define POSTERN_GATEWAY_CRASH_HANDLER_H_

#include "core/work_slot.h"
#include "gateway/black_box.h"

namespace postern {

// Before any thread is started.
void InstallCrashHandler();

// Where crashes are noted from now on, and what this thread works on; null: nowhere.
void WatchCrashes(BlackBox* box, WorkSlot* slot);

// Where the calling thread notes its work.
void SetThreadSlot(WorkSlot* slot);

}  // namespace postern

#endif  // POSTERN_GATEWAY_CRASH_HANDLER_H_
