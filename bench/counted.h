// Counted gives a benchmark a fixed count of iterations when its instructions are counted instead of its time.
//
// Benchmarks with a budget in bench/budgets.toml apply it when they are registered; bench/instructions sets the
// variable and runs them under callgrind.

#ifndef POSTERN_BENCH_COUNTED_H_
#define POSTERN_BENCH_COUNTED_H_

#include <cstdlib>

#include "benchmark/benchmark.h"

namespace postern {

inline void Counted(benchmark::internal::Benchmark* benchmark) {
  if (const char* count = std::getenv("POSTERN_BENCH_ITERATIONS"); count != nullptr) {
    benchmark->Iterations(std::atoll(count));
  }
}

}  // namespace postern

#endif  // POSTERN_BENCH_COUNTED_H_
