// allocations counts what the program takes from the heap, for benchmarks that have a budget.
//
// Linking it replaces operator new for the whole program; the counters may be read on any thread.

#ifndef POSTERN_BENCH_STORE_ALLOCATIONS_H_
#define POSTERN_BENCH_STORE_ALLOCATIONS_H_

#include <cstdint>

namespace postern {

uint64_t AllocationCount();  // since the start
uint64_t AllocatedSize();    // bytes in use now, with what the allocator adds to each piece

}  // namespace postern

#endif  // POSTERN_BENCH_STORE_ALLOCATIONS_H_
