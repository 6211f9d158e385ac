#include "eval/metrics/groups.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::eval {

namespace {

using By = GroupSpec::By;

constexpr int64_t unbounded = std::numeric_limits<int64_t>::max();

const std::array<std::pair<const char*, By>, 8> kinds{{{"user-activity", By::user_activity},
                                                       {"item-popularity", By::item_popularity},
                                                       {"cold-users", By::cold_users},
                                                       {"cold-items", By::cold_items},
                                                       {"pairs", By::pairs},
                                                       {"pairs-code", By::pairs_code},
                                                       {"items-top", By::items_top},
                                                       {"items-bottom", By::items_bottom}}};

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

/// "35%" -> 0.35.
double parse_share(std::string_view whole, std::string_view text) {
  double percent = 0;
  const bool shaped = text.ends_with('%');
  if (shaped) text.remove_suffix(1);
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), percent);
  if (!shaped || status != std::errc() || end != text.data() + text.size() ||
      !(percent > 0 && percent < 100))
    refuse(whole, "expected a share of the items above 0% and below 100%, such as items-top:35%");
  return percent / 100;
}

/// A number of quantile groups, or intervals.
void parse_parts(std::string_view whole, std::string_view text, GroupSpec& spec) {
  int64_t quantiles = 0;
  if (!parse_integer(text, quantiles)) {
    spec.intervals = parse_intervals(whole, text);
    return;
  }
  if (quantiles < 2 || quantiles > 100) refuse(whole, "expected 2 to 100 quantile groups");
  spec.quantiles = static_cast<int>(quantiles);
}

std::vector<uint8_t> flags_of(std::span<const int64_t> counts, const CountInterval& interval) {
  std::vector<uint8_t> flags(counts.size());
  for (size_t i = 0; i < counts.size(); ++i) flags[i] = interval.contains(counts[i]) ? 1 : 0;
  return flags;
}

void add_group(std::vector<Group>& groups, std::string name, bool of_items,
               std::span<const int64_t> counts, const CountInterval& interval) {
  Group group{std::move(name), of_items, flags_of(counts, interval)};
  if (std::ranges::find(group.member, 1) != group.member.end()) groups.push_back(std::move(group));
}

/// Warm and cold pairs: `warm` holds of both counts, `cold` of one of them at least.
void add_pairs(std::vector<Group>& groups, const std::string& name, const GroupCounts& counts,
               const CountInterval& warm, const CountInterval& cold) {
  const auto users = counts.user_rows.empty() ? counts.users : counts.user_rows;
  const auto items = counts.item_rows.empty() ? counts.items : counts.item_rows;
  if (items.empty()) return;
  groups.push_back({"warm-" + name, false, flags_of(users, warm), flags_of(items, warm), false});
  groups.push_back({"cold-" + name, false, flags_of(users, cold), flags_of(items, cold), true});
}

/// The most or the least popular share of the items.
void add_share(std::vector<Group>& groups, const GroupSpec& spec, const GroupCounts& counts) {
  if (counts.items.empty()) return;
  std::vector<uint32_t> order(counts.items.size());  // most popular first
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::sort(order, [&](uint32_t a, uint32_t b) {
    if (counts.items[a] != counts.items[b]) return counts.items[a] > counts.items[b];
    return counts.item_ties.empty() ? a < b : counts.item_ties[a] < counts.item_ties[b];
  });
  const bool top = spec.by == By::items_top;
  const auto size = std::max<size_t>(
      1, static_cast<size_t>(std::llround(spec.share * static_cast<double>(order.size()))));
  Group group{cat(top ? "items-top:" : "items-bottom:", number(spec.share * 100), "%"), true,
              std::vector<uint8_t>(order.size(), 0)};
  for (size_t i = 0; i < size; ++i) group.member[order[top ? i : order.size() - 1 - i]] = 1;
  groups.push_back(std::move(group));
}

/// Cold against warm, or intervals of counts.
void add_parts(std::vector<Group>& groups, const GroupSpec& spec, const GroupCounts& all) {
  const bool of_items = spec.by == By::item_popularity || spec.by == By::cold_items;
  const std::span<const int64_t> counts = of_items ? all.items : all.users;
  if (spec.by == By::cold_users || spec.by == By::cold_items) {
    const std::string suffix = of_items ? "-items" : "-users";
    add_group(groups, "cold" + suffix, of_items, counts, {0, 1});
    add_group(groups, "warm" + suffix, of_items, counts, {1, unbounded});
    return;
  }
  const std::vector<CountInterval> intervals =
      spec.intervals.empty() ? quantile_intervals(counts, spec.quantiles) : spec.intervals;
  const std::string prefix = of_items ? "item-popularity " : "user-activity ";
  for (const CountInterval& interval : intervals)
    add_group(groups, prefix + interval.text(), of_items, counts, interval);
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
  const bool alone = colon == std::string_view::npos;
  const std::string_view rest = alone ? std::string_view() : trim(text.substr(colon + 1));
  switch (spec.by) {
    case By::cold_users:
    case By::cold_items:
    case By::pairs_code:
      if (!alone) refuse(text, cat("expected '", name, "' alone"));
      break;
    case By::pairs:
      if (!parse_integer(rest, spec.least) || spec.least < 1)
        refuse(text, "expected a least number of training rows, such as pairs:3");
      break;
    case By::items_top:
    case By::items_bottom:
      spec.share = parse_share(text, rest);
      break;
    case By::user_activity:
    case By::item_popularity:
      if (!alone) parse_parts(text, rest, spec);
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

bool need_item_ties(std::span<const GroupSpec> specs) {
  return std::ranges::any_of(specs, [](const GroupSpec& spec) {
    return spec.by == By::items_top || spec.by == By::items_bottom;
  });
}

std::vector<Group> make_groups(std::span<const GroupSpec> specs, const GroupCounts& counts) {
  constexpr int64_t well_known = 3;  // of CoLLM's code: warm is more than that
  std::vector<Group> groups;
  for (const GroupSpec& spec : specs) {
    if (spec.by == By::pairs) {
      add_pairs(groups, cat("pairs:", spec.least), counts, {spec.least, unbounded},
                {0, spec.least});
    } else if (spec.by == By::pairs_code) {
      add_pairs(groups, "pairs-code", counts, {well_known + 1, unbounded}, {0, 1});
    } else if (spec.by == By::items_top || spec.by == By::items_bottom) {
      add_share(groups, spec, counts);
    } else {
      add_parts(groups, spec, counts);
    }
  }
  return groups;
}

}  // namespace kindred::eval
