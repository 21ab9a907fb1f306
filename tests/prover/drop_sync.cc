#include "tests/prover/drop_sync.h"

namespace postern {
namespace {

size_t dropped = kNoSync;

}  // namespace

void DropSync(size_t site) { dropped = site; }
bool IsSyncDropped(size_t site) { return site == dropped; }

}  // namespace postern
