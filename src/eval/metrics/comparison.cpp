#include "eval/metrics/comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "core/error.h"
#include "core/strings.h"
#include "eval/metrics/comparison_tables.h"

namespace kindred::eval {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

using Runs = std::vector<const RunOutcome*>;
using Pair = std::pair<const RunOutcome*, const RunOutcome*>;

[[noreturn]] void refuse(const std::string& message) {
  throw Error(Exit::config, "compare", message);
}

// Runs by label, in the order of their first appearance.
std::vector<Runs> grouped(std::span<const RunOutcome> runs) {
  std::vector<Runs> rows;
  for (const RunOutcome& run : runs) {
    const auto found = std::ranges::find_if(
        rows, [&](const Runs& row) { return row.front()->label == run.label; });
    (found == rows.end() ? rows.emplace_back() : *found).push_back(&run);
  }
  return rows;
}

void check_protocols(std::span<const RunOutcome> runs) {
  for (const RunOutcome& run : runs) {
    if (run.protocol == runs.front().protocol) continue;
    refuse(cat(runs.front().path, " was evaluated by '", describe(runs.front().protocol), "' and ",
               run.path, " by '", describe(run.protocol), "'; evaluate both under one protocol"));
  }
}

const RunOutcome* run_outside(const Runs& row, const Runs& other) {
  for (const RunOutcome* run : row) {
    const bool shared =
        std::ranges::any_of(other, [&](const RunOutcome* o) { return o->split == run->split; });
    if (!shared) return run;
  }
  return nullptr;
}

// Of two rows, the one with fewer splits must have only splits of the other.
void check_splits(const Runs& first, const Runs& second) {
  const RunOutcome* stray = run_outside(first, second);
  const RunOutcome* other_stray = run_outside(second, first);
  if (stray == nullptr || other_stray == nullptr) return;
  refuse(cat(stray->path, " (split ", stray->split.substr(0, 12), ") and ", other_stray->path,
             " (split ", other_stray->split.substr(0, 12),
             ") do not share their splits; only runs on the same split "
             "can be compared"));
}

// Runs of two rows on one split: by equal seed where both have it; a single run stands against
// every one.
std::vector<Pair> pairs_on_split(const Runs& row, const Runs& reference, const std::string& split) {
  Runs left, right;
  for (const RunOutcome* run : row) {
    if (run->split == split) left.push_back(run);
  }
  for (const RunOutcome* run : reference) {
    if (run->split == split) right.push_back(run);
  }
  std::vector<Pair> pairs;
  for (const RunOutcome* a : left) {
    for (const RunOutcome* b : right) {
      if (a->seed == b->seed || left.size() == 1 || right.size() == 1) pairs.emplace_back(a, b);
    }
  }
  if (pairs.empty() && !left.empty() && !right.empty()) {
    refuse(cat(left.front()->path, " and ", right.front()->path,
               " share a split but no seed; train both "
               "rows with the same seeds, or one of them once"));
  }
  return pairs;
}

std::set<std::string> splits_of(const Runs& row) {
  std::set<std::string> splits;
  for (const RunOutcome* run : row) splits.insert(run->split);
  return splits;
}

bool testable(const RunOutcome& run) {
  return run.users.user_count() > 0 || run.rows.size() > 0;
}

Stratum stratum_of(const std::vector<Pair>& pairs, std::span<const Metric> metrics) {
  if (pairs.front().first->rows.size() > 0) {
    std::vector<RowPair> rows;
    int64_t n_users = 0;
    for (const auto& [a, b] : pairs) {
      rows.emplace_back(&a->rows, &b->rows);
      n_users = std::max({n_users, a->n_users, b->n_users});
    }
    return pair_rows(rows, n_users, metrics);
  }
  std::vector<UserPair> users;
  users.reserve(pairs.size());
  for (const auto& [a, b] : pairs) users.emplace_back(&a->users, &b->users);
  return pair_users(users, metrics);
}

// Whether every run can be tested; a half is a mistake, none at all is a comparison without tests.
bool check_testable(const Runs& row) {
  const auto able =
      std::ranges::count_if(row, [](const RunOutcome* run) { return testable(*run); });
  return able == static_cast<ptrdiff_t>(row.size());
}

PairedRuns paired(const Runs& row, const Runs& reference, std::span<const Metric> metrics) {
  PairedRuns result{{metrics.begin(), metrics.end()}, {}};
  if (!check_testable(row) || !check_testable(reference)) return result;
  for (const std::string& split : splits_of(row)) {
    const std::vector<Pair> pairs = pairs_on_split(row, reference, split);
    if (!pairs.empty()) result.strata.push_back(stratum_of(pairs, metrics));
  }
  return result;
}

CellSummary summarize(const Runs& row, const Metric& metric) {
  std::vector<double> values;
  for (const RunOutcome* run : row) values.push_back(value_of(run->values, metric_name(metric)));
  CellSummary cell;
  const auto n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;  // NaN where a run lacks the metric
  cell.mean = sum / n;
  cell.interval = {nan, nan};
  for (const double value : values) squares += (value - cell.mean) * (value - cell.mean);
  cell.standard_error = values.size() > 1 ? std::sqrt(squares / (n - 1) / n) : nan;
  if (values.size() == 1) {
    cell.over_runs = false;
    const int64_t column = row.front()->users.find(metric);
    if (column >= 0) cell.standard_error = row.front()->users.standard_error(column);
  }
  return cell;
}

// A row's own values: differences from a run that scores 0 everywhere. No strata without per-user
// values.
PairedRuns own_values(const Runs& row, std::span<const Metric> metrics) {
  PairedRuns values{{metrics.begin(), metrics.end()}, {}};
  if (!std::ranges::all_of(row,
                           [](const RunOutcome* run) { return run->users.user_count() > 0; })) {
    return values;
  }
  for (const std::string& split : splits_of(row)) {
    std::vector<UserMetrics> zeros;
    zeros.reserve(row.size());
    std::vector<UserPair> pairs;
    for (const RunOutcome* run : row) {
      if (run->split != split) continue;
      UserMetrics& zero = zeros.emplace_back(run->users.users(), run->users.metrics());
      for (int64_t u = 0; u < zero.user_count(); ++u) std::ranges::fill(zero.row(u), 0.0);
      pairs.emplace_back(&run->users, &zero);
    }
    values.strata.push_back(pair_users(pairs, metrics));
  }
  return values;
}

void add_intervals(const std::vector<Runs>& rows, const CompareSettings& settings,
                   ComparisonReport& report) {
  std::vector<PairedRuns> values;
  values.reserve(rows.size());
  for (const Runs& row : rows) values.push_back(own_values(row, settings.metrics));
  const auto intervals = bootstrap_intervals(values, settings.bootstrap);
  for (size_t r = 0; r < rows.size(); ++r) {
    if (values[r].strata.empty()) continue;
    for (size_t m = 0; m < intervals[r].size(); ++m)
      report.rows[r].cells[m].interval = intervals[r][m];
  }
}

RowSummary row_summary(const Runs& row, const CompareSettings& settings) {
  RowSummary summary;
  summary.label = row.front()->label;
  summary.runs = static_cast<int64_t>(row.size());
  summary.splits = static_cast<int64_t>(splits_of(row).size());
  for (const Metric& metric : settings.metrics) summary.cells.push_back(summarize(row, metric));
  return summary;
}

const Runs* find_reference(const std::vector<Runs>& rows, const std::string& reference) {
  if (reference.empty()) return nullptr;
  std::vector<std::string> known;
  for (const Runs& row : rows) {
    if (row.front()->label == reference) return &row;
    known.push_back(row.front()->label);
  }
  refuse(cat("no run is called '", reference, "'", suggestion(reference, known),
             "; expected one of ", join(known, ", ")));
}

void add_tests(const std::vector<Runs>& rows, const Runs& reference,
               const CompareSettings& settings, ComparisonReport& report) {
  std::vector<PairedRuns> family;
  std::vector<size_t> places;
  for (size_t r = 0; r < rows.size(); ++r) {
    if (rows[r].front()->label == settings.reference) continue;
    PairedRuns pair = paired(rows[r], reference, settings.metrics);
    if (pair.strata.empty()) continue;
    family.push_back(std::move(pair));
    places.push_back(r);
  }
  auto results = compare_family(family, settings.bootstrap);
  int64_t tests = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    tests +=
        std::ranges::count_if(results[i], [](const Comparison& c) { return !std::isnan(c.p); });
    report.rows[places[i]].comparisons = std::move(results[i]);
  }
  if (tests > 0) report.correction = describe_correction(tests, settings.bootstrap);
}

}  // namespace

ComparisonReport compare_runs(std::span<const RunOutcome> runs, const CompareSettings& settings) {
  if (runs.empty()) refuse("got no runs, expected at least one");
  check_protocols(runs);
  const std::vector<Runs> rows = grouped(runs);
  const Runs* reference = find_reference(rows, settings.reference);
  const Runs& anchor = reference != nullptr ? *reference : rows.front();
  for (const Runs& row : rows) check_splits(row, anchor);
  ComparisonReport report{
      settings.metrics, runs.front().protocol, settings.reference, {}, "", {}, {}};
  for (const Runs& row : rows) report.rows.push_back(row_summary(row, settings));
  add_intervals(rows, settings, report);
  if (reference != nullptr) add_tests(rows, *reference, settings, report);
  report.table = summary_table(report, settings);
  report.differences = differences_table(report, settings);
  return report;
}

}  // namespace kindred::eval
