#include <unistd.h>

#include "bench/load/terminal.h"

namespace postern {

bool StandardErrorIsTerminal() { return isatty(STDERR_FILENO) == 1; }

}  // namespace postern
