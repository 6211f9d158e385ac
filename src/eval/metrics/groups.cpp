#include "eval/metrics/groups.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::eval {

namespace {

using By = GroupSpec::By;

constexpr int64_t unbounded = std::numeric_limits<int64_t>::max();

const std::array<std::pair<const char*, By>, 4> kinds{{{"user-activity", By::user_activity},
                                                       {"item-popularity", By::item_popularity},
                                                       {"cold-users", By::cold_users},
                                                       {"cold-items", By::cold_items}}};

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw Error(Exit::config, "groups", cat("got '", text, "', ", why));
}

bool parse_integer(std::string_view text, int64_t& value) {
  text = trim(text);
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  return status == std::errc() && end == text.data() + text.size() && value >= 0;
}

CountInterval parse_interval(std::string_view whole, std::string_view text) {
  const size_t comma = text.find(',');
  CountInterval interval;
  const bool shaped = text.size() > 4 && text.front() == '[' && text.back() == ')' &&
                      comma != std::string_view::npos;
  if (!shaped || !parse_integer(text.substr(1, comma - 1), interval.low)) {
    refuse(whole, cat("'", text, "' is no interval; expected one such as [5,10) or [10,inf)"));
  }
  const std::string_view high = trim(text.substr(comma + 1, text.size() - comma - 2));
  if (high != "inf" && !parse_integer(high, interval.high)) {
    refuse(whole, cat("'", text, "' is no interval; expected one such as [5,10) or [10,inf)"));
  }
  if (interval.high <= interval.low) refuse(whole, cat("the interval ", text, " is empty"));
  return interval;
}

std::vector<CountInterval> parse_intervals(std::string_view whole, std::string_view text) {
  std::vector<CountInterval> intervals;
  while (true) {
    const size_t close = text.find(')');
    const size_t end = close == std::string_view::npos ? text.size() : close + 1;
    intervals.push_back(parse_interval(whole, trim(text.substr(0, end))));
    text = trim(text.substr(end));
    if (text.empty()) break;
    if (text.front() != ',') refuse(whole, "expected a comma between intervals");
    text.remove_prefix(1);
  }
  std::ranges::sort(intervals, {}, &CountInterval::low);
  for (size_t i = 1; i < intervals.size(); ++i) {
    if (intervals[i].low < intervals[i - 1].high) {
      refuse(whole, cat(intervals[i - 1].text(), " and ", intervals[i].text(), " overlap"));
    }
  }
  return intervals;
}

void add_group(std::vector<Group>& groups, std::string name, bool of_items,
               std::span<const int64_t> counts, const CountInterval& interval) {
  Group group{std::move(name), of_items, std::vector<uint8_t>(counts.size(), 0)};
  bool any = false;
  for (size_t i = 0; i < counts.size(); ++i) {
    group.member[i] = interval.contains(counts[i]) ? 1 : 0;
    any = any || group.member[i] != 0;
  }
  if (any) groups.push_back(std::move(group));
}

}  // namespace

std::string CountInterval::text() const {
  return cat("[", low, ",", high == unbounded ? std::string("inf") : std::to_string(high), ")");
}

GroupSpec parse_group(std::string_view text) {
  const size_t colon = text.find(':');
  const std::string_view name = trim(text.substr(0, colon));
  const auto kind = std::ranges::find_if(kinds, [&](const auto& k) { return name == k.first; });
  if (kind == kinds.end()) {
    std::vector<std::string> known;
    known.reserve(kinds.size());
    for (const auto& [known_name, by] : kinds) known.emplace_back(known_name);
    throw Error(Exit::config, "groups",
                cat("unknown group '", name, "'", suggestion(name, known), "; expected one of ",
                    join(known, ", ")));
  }
  GroupSpec spec{kind->second, 4, {}};
  if (colon == std::string_view::npos) return spec;
  const std::string_view rest = trim(text.substr(colon + 1));
  if (spec.by == By::cold_users || spec.by == By::cold_items) {
    refuse(text, cat("expected '", name, "' alone"));
  }
  int64_t quantiles = 0;
  if (parse_integer(rest, quantiles)) {
    if (quantiles < 2 || quantiles > 100) refuse(text, "expected 2 to 100 quantile groups");
    spec.quantiles = static_cast<int>(quantiles);
  } else {
    spec.intervals = parse_intervals(text, rest);
  }
  return spec;
}

std::vector<CountInterval> quantile_intervals(std::span<const int64_t> counts, int quantiles) {
  std::vector<int64_t> sorted(counts.begin(), counts.end());
  std::ranges::sort(sorted);
  std::vector<CountInterval> intervals;
  if (sorted.empty()) return intervals;
  int64_t low = sorted.front();
  for (int q = 1; q < quantiles; ++q) {
    // The first count of the next group: equal counts stay together, so an edge may repeat.
    const int64_t edge =
        sorted[sorted.size() * static_cast<size_t>(q) / static_cast<size_t>(quantiles)];
    if (edge <= low) continue;
    intervals.push_back({low, edge});
    low = edge;
  }
  intervals.push_back({low, unbounded});
  return intervals;
}

std::vector<Group> make_groups(std::span<const GroupSpec> specs,
                               std::span<const int64_t> user_counts,
                               std::span<const int64_t> item_counts) {
  std::vector<Group> groups;
  for (const GroupSpec& spec : specs) {
    const bool of_items = spec.by == By::item_popularity || spec.by == By::cold_items;
    const std::span<const int64_t> counts = of_items ? item_counts : user_counts;
    if (spec.by == By::cold_users || spec.by == By::cold_items) {
      const std::string suffix = of_items ? "-items" : "-users";
      add_group(groups, "cold" + suffix, of_items, counts, {0, 1});
      add_group(groups, "warm" + suffix, of_items, counts, {1, unbounded});
      continue;
    }
    const std::vector<CountInterval> intervals =
        spec.intervals.empty() ? quantile_intervals(counts, spec.quantiles) : spec.intervals;
    const std::string prefix = of_items ? "item-popularity " : "user-activity ";
    for (const CountInterval& interval : intervals) {
      add_group(groups, prefix + interval.text(), of_items, counts, interval);
    }
  }
  return groups;
}

}  // namespace kindred::eval
