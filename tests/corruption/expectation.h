// What must be left of a damaged log, and whether a start leaves it.
//
// Functions of one test, on its thread. The rule is that of store/FORMAT.md, written a second time and from the other
// side: from the records that were written, and those of them that the damage has hit.

#ifndef POSTERN_TESTS_CORRUPTION_EXPECTATION_H_
#define POSTERN_TESTS_CORRUPTION_EXPECTATION_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "store/recovery_report.h"
#include "store/segment_format.h"
#include "tests/corruption/log_image.h"

namespace postern {

using Places = std::set<Position>;

// Of a log of which some records cannot be read any more.
struct Left {
  Places shown;
  Places damaged;  // of the lost ones, those that must be told: the others are the end of the log, which is cut
};
Left WhatIsLeft(const WrittenLog& log, const Places& lost);

// The records of which one of the bytes [from, to) of a file is checked.
Places Hit(const WrittenLog& log, uint32_t segment, size_t from, size_t to);

Places Shown(const Recovered& recovered);
bool Tells(const Recovered& found, DamageKind kind);
// To compare and to print.
std::string Text(const Places& places);
std::vector<uint32_t> Segments(const LogImage& image);

enum class Depth : uint8_t { kStart, kStartAndRepair };

// What holds whatever has happened to a log; the first start's findings.
Recovered ExpectSoundStart(const LogImage& image, Depth depth = Depth::kStartAndRepair);
void ExpectSameQueue(const Recovered& a, const Recovered& b);
// `image` is `log`, but for the records `lost`.
void ExpectOnlyLost(const WrittenLog& log, const LogImage& image, const Places& lost,
                    Depth depth = Depth::kStartAndRepair);

}  // namespace postern

#endif  // POSTERN_TESTS_CORRUPTION_EXPECTATION_H_
