#pragma once
// Numbers and times as they stand in data files.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace kindred::data {

/// A finite or non-finite decimal number that fills the whole text (blanks around it are allowed);
/// nothing for anything else, such as "4,5", "" or "four".
std::optional<double> parse_number(std::string_view text);

/// Days from 1970-01-01 of a date of the proleptic Gregorian calendar.
int64_t days_from_civil(int64_t year, int month, int day);
/// Year and month (1-12) of a time in seconds.
struct YearMonth {
  int64_t year;
  int month;
};
YearMonth year_month(int64_t seconds);

/// A time in seconds from a date (2014-05-31, 2014/05/31, 20140531), a date and time (with `T` or a
/// blank, seconds and a fraction optional, `Z` or +hh:mm optional; UTC otherwise), or "05 31,
/// 2014".
std::optional<int64_t> parse_date(std::string_view text);

/// How the numbers of a time column are to be read.
enum class TimeUnit { seconds, milliseconds, microseconds, nanoseconds, compact_date, position };
const char* time_unit_name(TimeUnit unit);
/// The unit in which a number of this size is a time of our age: positions below 10^8, seconds
/// below 10^11, then milli-, micro- and nanoseconds.
TimeUnit time_unit_by_size(int64_t value);
/// Guesses the unit from the size of the median of the non-zero values; YYYYMMDDhhmmss where every
/// value is such a date.
TimeUnit detect_time_unit(std::span<const int64_t> values);
/// The value in seconds (positions stay as they are).
int64_t to_seconds(int64_t value, TimeUnit unit);

/// Shortest decimal text that reads back as the same float; independent of the locale.
void append_number(std::string& out, float value);
void append_number(std::string& out, int64_t value);

}  // namespace kindred::data
