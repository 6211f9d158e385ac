#include "data/filters.h"

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "core/strings.h"
#include "data/numbers.h"

namespace kindred::data {
namespace {

using Degrees = std::vector<int64_t>;

void count_degrees(const RowStore& store, const Selection& selection, Degrees& users,
                   Degrees& items) {
  users.assign(static_cast<size_t>(store.users.size()), 0);
  items.assign(static_cast<size_t>(store.items.size()), 0);
  for (uint32_t row = 0; row < store.size(); ++row) {
    if (!selection.alive[row]) continue;
    ++users[static_cast<size_t>(store.user[row])];
    ++items[static_cast<size_t>(store.item[row])];
  }
}

/// Drops rows whose user or item has too few; returns how many were dropped.
int64_t drop_rare(const RowStore& store, Selection& selection, int64_t least_user,
                  int64_t least_item) {
  Degrees users, items;
  count_degrees(store, selection, users, items);
  int64_t dropped = 0;
  for (uint32_t row = 0; row < store.size(); ++row) {
    if (!selection.alive[row]) continue;
    if (users[static_cast<size_t>(store.user[row])] >= least_user &&
        items[static_cast<size_t>(store.item[row])] >= least_item)
      continue;
    selection.alive[row] = 0;
    ++dropped;
  }
  return dropped;
}

int64_t parse_bound(const std::string& text, const char* option, bool end_of_day) {
  const auto seconds = parse_date(text);
  if (!seconds)
    throw Error(Exit::usage, option, cat("got '", text, "', expected a date such as 2014-05-31"));
  const bool date_only = text.find(':') == std::string::npos;
  return *seconds + (end_of_day && date_only ? 86399 : 0);
}

void filter_dates(const RowStore& store, const RawOptions& options, Selection& selection) {
  if (!store.columns.time || store.time_unit == time_unit_name(TimeUnit::position))
    throw Error(Exit::bad_data, "from, to",
                "these interactions have no dates; leave the filter out");
  const int64_t low = options.from.empty() ? std::numeric_limits<int64_t>::min()
                                           : parse_bound(options.from, "from", false);
  const int64_t high = options.to.empty() ? std::numeric_limits<int64_t>::max()
                                          : parse_bound(options.to, "to", true);
  for (uint32_t row = 0; row < store.size(); ++row)
    if (store.time[row] < low || store.time[row] > high) selection.alive[row] = 0;
}

/// Of a user's rows with the same item keeps the first or the last in the user's order.
void filter_duplicates(const RowStore& store, bool keep_last, Selection& selection) {
  std::vector<uint32_t> rows;
  for (Index user = 0; user < store.users.size(); ++user) {
    rows.clear();
    for (const uint32_t row : selection.rows_of(user))
      if (selection.alive[row]) rows.push_back(row);
    if (keep_last) std::reverse(rows.begin(), rows.end());
    std::stable_sort(rows.begin(), rows.end(),
                     [&](uint32_t a, uint32_t b) { return store.item[a] < store.item[b]; });
    for (size_t i = 1; i < rows.size(); ++i)
      if (store.item[rows[i]] == store.item[rows[i - 1]]) selection.alive[rows[i]] = 0;
  }
}

std::string date_setting(const RawOptions& options) {
  return cat(options.from.empty() ? "" : "from " + options.from,
             !options.from.empty() && !options.to.empty() ? " " : "",
             options.to.empty() ? "" : "to " + options.to);
}

/// Runs filters one by one, counting around each.
class Steps {
 public:
  Steps(const RowStore& store, Selection& selection) : store_(store), selection_(selection) {}

  template <class Filter>
  void run(const std::string& name, const std::string& setting, Filter filter) {
    const Counts before = steps_.empty() ? count_alive(store_, selection_) : steps_.back().after;
    filter();
    add({name, setting, before, count_alive(store_, selection_)});
  }
  void add(FilterStep step) {
    if (step.after.interactions == 0)
      throw Error(Exit::bad_data, "filters",
                  cat("empty after filter ", step.name, " (", step.setting, "): none of ",
                      with_commas(step.before.interactions), " interactions is left"));
    steps_.push_back(std::move(step));
  }
  std::vector<FilterStep> take() { return std::move(steps_); }

 private:
  const RowStore& store_;
  Selection& selection_;
  std::vector<FilterStep> steps_;
};

}  // namespace

Selection select_all(const RowStore& store) {
  Selection selection;
  selection.alive.assign(store.size(), 1);
  selection.offsets.assign(static_cast<size_t>(store.users.size()) + 1, 0);
  for (const Index user : store.user) ++selection.offsets[static_cast<size_t>(user) + 1];
  for (size_t u = 1; u < selection.offsets.size(); ++u)
    selection.offsets[u] += selection.offsets[u - 1];
  selection.order.resize(store.size());
  std::vector<uint64_t> next(selection.offsets.begin(), selection.offsets.end() - 1);
  for (uint32_t row = 0; row < store.size(); ++row)
    selection.order[next[static_cast<size_t>(store.user[row])]++] = row;
  if (!store.columns.time) return selection;
  for (Index user = 0; user < store.users.size(); ++user) {
    const auto begin = selection.order.begin();
    const auto u = static_cast<size_t>(user);
    std::stable_sort(begin + static_cast<std::ptrdiff_t>(selection.offsets[u]),
                     begin + static_cast<std::ptrdiff_t>(selection.offsets[u + 1]),
                     [&](uint32_t a, uint32_t b) { return store.time[a] < store.time[b]; });
  }
  return selection;
}

Counts count_alive(const RowStore& store, const Selection& selection) {
  std::vector<uint8_t> users(static_cast<size_t>(store.users.size()), 0);
  std::vector<uint8_t> items(static_cast<size_t>(store.items.size()), 0);
  Counts counts;
  for (uint32_t row = 0; row < store.size(); ++row) {
    if (!selection.alive[row]) continue;
    ++counts.interactions;
    users[static_cast<size_t>(store.user[row])] = 1;
    items[static_cast<size_t>(store.item[row])] = 1;
  }
  counts.users = std::count(users.begin(), users.end(), 1);
  counts.items = std::count(items.begin(), items.end(), 1);
  return counts;
}

std::string duplicates_rule(const RawOptions& options) {
  if (!options.duplicates) return options.split.kind == "given" ? "keep" : "last";
  const std::vector<std::string> known{"first", "last", "keep"};
  if (std::find(known.begin(), known.end(), *options.duplicates) == known.end())
    throw Error(Exit::usage, "duplicates",
                cat("got '", *options.duplicates, "', expected first, last or keep",
                    suggestion(*options.duplicates, known)));
  return *options.duplicates;
}

std::vector<FilterStep> apply_filters(const RowStore& store, const RawOptions& options,
                                      Selection& selection) {
  Steps steps(store, selection);
  const Counts all{static_cast<int64_t>(store.rows_read), store.users_read, store.items_read};
  if (all.interactions == 0)
    throw Error(Exit::bad_data, "input", "holds no interaction that can be read");
  if (options.min_rating)
    steps.add(
        {"rating", cat(">= ", number(*options.min_rating)), all, count_alive(store, selection)});
  if (!options.from.empty() || !options.to.empty())
    steps.run("dates", date_setting(options), [&] { filter_dates(store, options, selection); });
  if (const std::string rule = duplicates_rule(options); rule != "keep")
    steps.run("duplicates", rule, [&] { filter_duplicates(store, rule == "last", selection); });
  if (options.min_user_events > 0 || options.min_item_events > 0) {
    const std::string setting =
        cat("users >= ", options.min_user_events, ", items >= ", options.min_item_events);
    steps.run("counts", setting, [&] {
      drop_rare(store, selection, options.min_user_events, options.min_item_events);
    });
  }
  if (options.k_core > 1)
    steps.run("k-core", cat(options.k_core), [&] {
      while (drop_rare(store, selection, options.k_core, options.k_core) > 0) {
      }
    });
  return steps.take();
}

}  // namespace kindred::data
