#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "bench/store/allocations.h"

namespace {

std::atomic<uint64_t> g_count{0};
std::atomic<uint64_t> g_size{0};

constexpr size_t kOverhead = 8;  // glibc's, before every piece

void* Counted(void* memory) {
  if (memory == nullptr) std::abort();
  g_count.fetch_add(1, std::memory_order_relaxed);
  g_size.fetch_add(malloc_usable_size(memory) + kOverhead, std::memory_order_relaxed);
  return memory;
}

void Free(void* memory) {
  if (memory == nullptr) return;
  g_size.fetch_sub(malloc_usable_size(memory) + kOverhead, std::memory_order_relaxed);
  std::free(memory);
}

}  // namespace

void* operator new(size_t size) { return Counted(std::malloc(size)); }
void* operator new[](size_t size) { return Counted(std::malloc(size)); }
void* operator new(size_t size, std::align_val_t alignment) {
  return Counted(aligned_alloc(static_cast<size_t>(alignment), (size + 63) & ~size_t{63}));
}
void operator delete(void* memory) noexcept { Free(memory); }
void operator delete[](void* memory) noexcept { Free(memory); }
void operator delete(void* memory, size_t) noexcept { Free(memory); }
void operator delete[](void* memory, size_t) noexcept { Free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { Free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { Free(memory); }

namespace postern {

uint64_t AllocationCount() { return g_count.load(std::memory_order_relaxed); }
uint64_t AllocatedSize() { return g_size.load(std::memory_order_relaxed); }

}  // namespace postern
