#include "data/split.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/random.h"
#include "core/strings.h"
#include "data/numbers.h"

namespace kindred::data {
namespace {

constexpr auto train = static_cast<uint8_t>(Part::train);
constexpr auto valid = static_cast<uint8_t>(Part::valid);
constexpr auto test = static_cast<uint8_t>(Part::test);

void check_ratios(const std::vector<double>& ratios) {
  double sum = 0;
  for (const double ratio : ratios) sum += ratio;
  if (ratios.size() != 3 || std::abs(sum - 1) > 1e-6 || ratios[0] <= 0 ||
      *std::min_element(ratios.begin(), ratios.end()) < 0)
    throw Error(Exit::usage, "split.ratios",
                "expected three shares (train, valid, test) that sum to 1, such as 0.8,0.1,0.1");
}

/// floor(ratio n), where ratio is a decimal fraction: 0.29 of 100 is 29.
size_t share(double ratio, size_t n) {
  return static_cast<size_t>(std::floor(ratio * static_cast<double>(n) + 1e-9));
}

void split_user_randomly(const std::vector<uint32_t>& rows, const std::string& token,
                         const SplitOptions& options, std::vector<uint8_t>& parts) {
  const size_t n = rows.size();
  const auto held_out = [&](double ratio) {
    return ratio > 0 ? std::max<size_t>(1, share(ratio, n)) : 0;
  };
  size_t valid_count = held_out(options.ratios[1]), test_count = held_out(options.ratios[2]);
  while (valid_count + test_count >= n)  // one at least stays in train
    --(valid_count > test_count ? valid_count : test_count);
  std::vector<uint32_t> shuffled = rows;
  Random(options.seed, "data.split." + token).shuffle(shuffled);
  for (size_t i = 0; i < valid_count + test_count; ++i)
    parts[shuffled[i]] = i < valid_count ? valid : test;
}

/// Random and leave-one-out: user by user.
void split_by_user(const RowStore& store, const Selection& selection, const SplitOptions& options,
                   std::vector<uint8_t>& parts, SplitReport& report) {
  if (options.resolved_kind(false) == "random") check_ratios(options.ratios);
  std::vector<uint32_t> rows;
  for (Index user = 0; user < store.users.size(); ++user) {
    rows.clear();
    for (const uint32_t row : selection.rows_of(user))
      if (selection.alive[row]) rows.push_back(row);
    for (const uint32_t row : rows) parts[row] = train;
    if (rows.size() < 3) {
      report.train_only_users += !rows.empty();
    } else if (options.resolved_kind(false) == "random") {
      split_user_randomly(rows, store.users.token(user), options, parts);
    } else {
      parts[rows[rows.size() - 2]] = valid;
      parts[rows.back()] = test;
    }
  }
}

/// The times at which train, valid and test begin.
struct Borders {
  int64_t train = std::numeric_limits<int64_t>::min();
  int64_t valid = 0, test = 0;
};

int64_t month_start(int64_t seconds, int64_t months_back) {
  const YearMonth at = year_month(seconds);
  const int64_t month = at.year * 12 + at.month - 1 - months_back;
  const int64_t year = month >= 0 ? month / 12 : (month - 11) / 12;
  return days_from_civil(year, static_cast<int>(month - year * 12) + 1, 1) * 86400;
}

Borders month_borders(const std::vector<int64_t>& times, const std::vector<int>& months) {
  if (months.size() != 3 || *std::min_element(months.begin(), months.end()) < 0 || months[1] < 1 ||
      months[2] < 1)
    throw Error(
        Exit::usage, "split.months",
        "expected three numbers of months (train, valid, test), such as 10,5,5; 0 for train "
        "keeps everything before");
  Borders borders;
  borders.test = month_start(times.back(), months[2] - 1);
  borders.valid = month_start(times.back(), months[2] + months[1] - 1);
  if (months[0] > 0)
    borders.train = month_start(times.back(), months[2] + months[1] + months[0] - 1);
  return borders;
}

int64_t date_border(const std::string& text, const char* option) {
  const auto seconds = parse_date(text);
  if (!seconds)
    throw Error(Exit::usage, option, cat("got '", text, "', expected a date such as 2014-05-31"));
  return *seconds;
}

Borders find_borders(std::vector<int64_t> times, const SplitOptions& options) {
  std::sort(times.begin(), times.end());
  if (!options.months.empty()) return month_borders(times, options.months);
  Borders borders;
  if (!options.valid_from.empty() || !options.test_from.empty()) {
    borders.valid = date_border(options.valid_from, "split.valid_from");
    borders.test = date_border(options.test_from, "split.test_from");
    if (borders.valid > borders.test)
      throw Error(Exit::usage, "split.valid_from", "is after split.test_from");
    return borders;
  }
  check_ratios(options.ratios);
  const size_t n = times.size();
  const auto after = [&](double ratio) {  // a share of everything leaves nothing after it
    const size_t place = share(ratio, n);
    return place < n ? times[place] : std::numeric_limits<int64_t>::max();
  };
  borders.valid = after(options.ratios[0]);
  borders.test = after(options.ratios[0] + options.ratios[1]);
  return borders;
}

void split_by_time(const RowStore& store, const Selection& selection, const SplitOptions& options,
                   std::vector<uint8_t>& parts, SplitReport& report) {
  if (!store.columns.time)
    throw Error(Exit::bad_data, "split", "temporal needs times, and these interactions have none");
  std::vector<int64_t> times;
  for (uint32_t row = 0; row < store.size(); ++row)
    if (selection.alive[row]) times.push_back(store.time[row]);
  const Borders borders = find_borders(std::move(times), options);
  for (uint32_t row = 0; row < store.size(); ++row) {
    if (!selection.alive[row]) continue;
    const int64_t time = store.time[row];
    if (time < borders.train)
      ++report.dropped;
    else
      parts[row] = time >= borders.test ? test : time >= borders.valid ? valid : train;
  }
}

void split_as_given(const RowStore& store, const Selection& selection,
                    std::vector<uint8_t>& parts) {
  if (store.part.size() != store.size())
    throw Error(
        Exit::bad_data, "split",
        "'given' needs files that are split already (train.inter, valid.inter, test.inter)");
  for (uint32_t row = 0; row < store.size(); ++row)
    if (selection.alive[row]) parts[row] = store.part[row];
}

}  // namespace

std::vector<uint8_t> split_rows(const RowStore& store, const Selection& selection,
                                const SplitOptions& options, SplitReport& report) {
  std::vector<uint8_t> parts(store.size(), no_part);
  const std::string kind = options.resolved_kind(store.part.size() == store.size());
  if (kind == "random" || kind == "leave-one-out") {
    split_by_user(store, selection, options, parts, report);
  } else if (kind == "temporal") {
    split_by_time(store, selection, options, parts, report);
  } else if (kind == "given") {
    split_as_given(store, selection, parts);
  } else {
    const std::vector<std::string> known{"random", "leave-one-out", "temporal", "given"};
    throw Error(Exit::usage, "split.kind",
                cat("got '", kind, "', expected random, leave-one-out, temporal or given",
                    suggestion(kind, known)));
  }
  if (std::find(parts.begin(), parts.end(), train) == parts.end())
    throw Error(Exit::bad_data, "split",
                cat("train is empty after the split ", kind, "; choose other borders"));
  return parts;
}

}  // namespace kindred::data
