#include "data/numbers.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "core/strings.h"

namespace kindred::data {
namespace {

/// Takes `digits` digits off the front of `text`.
std::optional<int> take_digits(std::string_view& text, size_t digits) {
  if (text.size() < digits) return {};
  int value = 0;
  for (size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return {};
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

bool valid_date(int64_t year, int month, int day) {
  static constexpr int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month < 1 || month > 12 || day < 1 || day > days[month - 1]) return false;
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month != 2 || day < 29 || leap;
}

/// "hh:mm[:ss[.fraction]]" and an optional zone, as seconds to add to the date.
std::optional<int64_t> parse_clock(std::string_view text) {
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 24 || !take(text, ':')) return {};
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) return {};
  int second = 0;
  if (take(text, ':')) {
    const auto read = take_digits(text, 2);
    if (!read || *read > 60) return {};
    second = *read;
    if (take(text, '.'))
      while (!text.empty() && text.front() >= '0' && text.front() <= '9') text.remove_prefix(1);
  }
  int64_t zone = 0;
  take(text, ' ');
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    const int sign = text.front() == '+' ? 1 : -1;
    text.remove_prefix(1);
    const auto hours = take_digits(text, 2);
    take(text, ':');
    const auto minutes = text.empty() ? std::optional<int>(0) : take_digits(text, 2);
    if (!hours || !minutes) return {};
    zone = sign * (int64_t{*hours} * 3600 + int64_t{*minutes} * 60);
  } else if (text == "Z" || text == "UTC") {
    text = {};
  }
  if (!text.empty()) return {};
  return *hour * 3600 + *minute * 60 + second - zone;
}

/// "05 31, 2014", as Amazon's reviewTime; the day may have one digit.
std::optional<int64_t> parse_amazon_date(std::string_view text) {
  const auto month = take_digits(text, 2);
  if (!month || !take(text, ' ')) return {};
  auto day = take_digits(text, text.size() > 1 && text[1] != ',' ? 2 : 1);
  if (!day || !take(text, ',') || !take(text, ' ')) return {};
  const auto year = take_digits(text, 4);
  if (!year || !text.empty() || !valid_date(*year, *month, *day)) return {};
  return days_from_civil(*year, *month, *day) * 86400;
}

bool is_compact_date(int64_t value) {
  if (value < 19000101000000 || value > 21001231235959) return false;
  const int64_t date = value / 1000000, clock = value % 1000000;
  return valid_date(date / 10000, static_cast<int>(date / 100 % 100),
                    static_cast<int>(date % 100)) &&
         clock / 10000 < 24 && clock / 100 % 100 < 60 && clock % 100 <= 60;
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  text = trim(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || result.ec != std::errc() || result.ptr != text.data() + text.size())
    return {};
  return value;
}

int64_t days_from_civil(int64_t year, int month, int day) {
  // Years counted from March, so that the leap day is the last of its year.
  year -= month <= 2;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719468;
}

YearMonth year_month(int64_t seconds) {
  const int64_t days = (seconds >= 0 ? seconds : seconds - 86399) / 86400 + 719468;
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month = (5 * day_of_year + 2) / 153;
  const int civil = static_cast<int>(month < 10 ? month + 3 : month - 9);
  return {year_of_era + era * 400 + (civil <= 2), civil};
}

std::optional<int64_t> parse_date(std::string_view text) {
  text = trim(text);
  if (text.size() > 2 && text[2] == ' ') return parse_amazon_date(text);
  const auto year = take_digits(text, 4);
  if (!year) return {};
  const char separator = text.empty() ? '\0' : text.front();
  const bool separated = separator == '-' || separator == '/';
  if (separated) text.remove_prefix(1);
  const auto month = take_digits(text, 2);
  if (!month || (separated && !take(text, separator))) return {};
  const auto day = take_digits(text, 2);
  if (!day || !valid_date(*year, *month, *day)) return {};
  const int64_t date = days_from_civil(*year, *month, *day) * 86400;
  if (text.empty()) return date;
  if (!take(text, 'T') && !take(text, ' ')) return {};
  const auto clock = parse_clock(text);
  return clock ? std::optional<int64_t>(date + *clock) : std::nullopt;
}

const char* time_unit_name(TimeUnit unit) {
  static constexpr const char* names[] = {"seconds",     "milliseconds", "microseconds",
                                          "nanoseconds", "compact date", "position"};
  return names[static_cast<int>(unit)];
}

TimeUnit time_unit_by_size(int64_t value) {
  const uint64_t size = value < 0 ? -static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  if (size < 100000000) return TimeUnit::position;
  if (size < 100000000000) return TimeUnit::seconds;
  if (size < 100000000000000) return TimeUnit::milliseconds;
  if (size < 100000000000000000) return TimeUnit::microseconds;
  return TimeUnit::nanoseconds;
}

TimeUnit detect_time_unit(std::span<const int64_t> values) {
  std::vector<int64_t> sample;
  const size_t stride = values.size() / 100000 + 1;
  for (size_t i = 0; i < values.size(); i += stride)
    if (values[i] != 0) sample.push_back(values[i] < 0 ? -values[i] : values[i]);
  if (sample.empty()) return TimeUnit::position;
  if (std::all_of(sample.begin(), sample.end(), is_compact_date)) return TimeUnit::compact_date;
  const auto middle = sample.begin() + static_cast<std::ptrdiff_t>(sample.size() / 2);
  std::nth_element(sample.begin(), middle, sample.end());
  return time_unit_by_size(*middle);
}

int64_t to_seconds(int64_t value, TimeUnit unit) {
  switch (unit) {
    case TimeUnit::milliseconds:
      return value / 1000;
    case TimeUnit::microseconds:
      return value / 1000000;
    case TimeUnit::nanoseconds:
      return value / 1000000000;
    case TimeUnit::compact_date: {
      if (!is_compact_date(value)) return 0;
      const int64_t date = value / 1000000, clock = value % 1000000;
      return days_from_civil(date / 10000, static_cast<int>(date / 100 % 100),
                             static_cast<int>(date % 100)) *
                 86400 +
             clock / 10000 * 3600 + clock / 100 % 100 * 60 + clock % 100;
    }
    case TimeUnit::seconds:
    case TimeUnit::position:
      break;
  }
  return value;
}

void append_number(std::string& out, float value) {
  char buffer[64];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

void append_number(std::string& out, int64_t value) {
  char buffer[32];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

}  // namespace kindred::data
