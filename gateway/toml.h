// The TOML library, included here and nowhere else, so that a wrong file is an error in every kind of build.
//
// It owns nothing and has no thread. toml++ 3.3 asserts in parse_key() what a file may well break ("[,]"), although it
// handles that case a few lines below: a build with asserts would abort, and an optimised one is told that it cannot
// happen, and may leave the handling out. So its asserts are made to say nothing; tests/fuzz/config_fuzz.cc watches
// that it needs none.

#ifndef POSTERN_GATEWAY_TOML_H_
#define POSTERN_GATEWAY_TOML_H_

#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(expr) static_assert(true)
#include "toml++/toml.h"  // IWYU pragma: export
#pragma pop_macro("NDEBUG")

#endif  // POSTERN_GATEWAY_TOML_H_
