// Whether somebody watches standard error, so that a progress line makes sense.
//
// A plain function, on any thread.

#ifndef POSTERN_BENCH_LOAD_TERMINAL_H_
#define POSTERN_BENCH_LOAD_TERMINAL_H_

namespace postern {

bool StandardErrorIsTerminal();

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_TERMINAL_H_
