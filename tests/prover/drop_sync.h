// A build of the store in which any one sync can be left out, to see that the prover misses it.
//
// drop_syncs.py makes it from the sources as they are: each call becomes `(IsSyncDropped(N) ? OkStatus() : call)`. The
// mutation test owns the choice, on its thread.

#ifndef POSTERN_TESTS_PROVER_DROP_SYNC_H_
#define POSTERN_TESTS_PROVER_DROP_SYNC_H_

#include <cstddef>
#include <span>
#include <string_view>

namespace postern {

// A place in the sources where something is synced.
struct SyncSite {
  std::string_view file;
  int line;
  std::string_view text;
};

// All of them; their indices are the numbers.
std::span<const SyncSite> SyncSites();

inline constexpr size_t kNoSync = SIZE_MAX;
// From now on the sync `site` does not happen, and says that it did.
void DropSync(size_t site);
bool IsSyncDropped(size_t site);

}  // namespace postern

#endif  // POSTERN_TESTS_PROVER_DROP_SYNC_H_
