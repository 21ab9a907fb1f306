// CivilTime is a moment as a calendar and a clock on the wall show it, in UTC: what every date that we write is made
// of.
//
// A plain value. It knows no locale and no time zone, and allocates nothing: every message carries one in its trace.

#ifndef POSTERN_CORE_CIVIL_TIME_H_
#define POSTERN_CORE_CIVIL_TIME_H_

#include <chrono>
#include <cstdint>

#include "core/clock.h"

namespace postern {

struct CivilTime {
  int year;
  unsigned month;    // 1 to 12
  unsigned day;      // 1 to 31
  unsigned weekday;  // 0 is Sunday
  unsigned hour;
  unsigned minute;
  unsigned second;
  unsigned microsecond;
};

inline CivilTime ToCivil(WallTime time) {
  const std::chrono::sys_time<std::chrono::microseconds> moment{std::chrono::microseconds(time.us)};
  const auto midnight = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date(midnight);
  const std::chrono::hh_mm_ss<std::chrono::microseconds> clock(moment - midnight);
  return {.year = static_cast<int>(date.year()),
          .month = static_cast<unsigned>(date.month()),
          .day = static_cast<unsigned>(date.day()),
          .weekday = std::chrono::weekday(midnight).c_encoding(),
          .hour = static_cast<unsigned>(clock.hours().count()),
          .minute = static_cast<unsigned>(clock.minutes().count()),
          .second = static_cast<unsigned>(clock.seconds().count()),
          .microsecond = static_cast<unsigned>(clock.subseconds().count())};
}

}  // namespace postern

#endif  // POSTERN_CORE_CIVIL_TIME_H_
