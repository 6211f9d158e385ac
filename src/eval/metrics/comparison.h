#pragma once
// The comparison of runs: rows are recommenders with their seeds grouped, columns are metrics,
// marks say what paired tests show against a reference.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/json.h"
#include "eval/metrics/pointwise.h"
#include "eval/metrics/significance.h"
#include "eval/metrics/table.h"
#include "eval/metrics/user_metrics.h"
#include "eval/metrics/values.h"

namespace kindred::eval {

/// One evaluated run. Ranking and text protocols give `users`, the pointwise protocol gives `rows`.
struct RunOutcome {
  std::string label;  ///< the row it belongs to: runs of one label are its seeds
  std::string path;   ///< for error sentences
  uint64_t seed = 0;
  std::string split;  ///< fingerprint of the dataset's split
  Protocol protocol;
  NamedValues values;   ///< of the evaluated part
  UserMetrics users;    ///< per-user values; may be empty, then nothing is tested
  PointwiseRows rows;   ///< pointwise rows; users numbered alike in all runs of a split
  int64_t n_users = 0;  ///< users those numbers run over
};

struct CompareSettings {
  std::vector<Metric> metrics;  ///< columns
  std::string reference;        ///< label of the row others are tested against; empty: no tests
  std::string title;
  BootstrapOptions bootstrap;
};

/// One metric of one row.
struct CellSummary {
  double mean = 0;            ///< over the row's runs
  double standard_error = 0;  ///< over runs, or over users where there is one run
  bool over_runs = true;      ///< which of the two
  Interval interval{};  ///< bootstrap over users within splits, uncorrected; NaN when not known
};

struct RowSummary {
  std::string label;
  int64_t runs = 0, splits = 0;
  std::vector<CellSummary> cells;       ///< [metrics]
  std::vector<Comparison> comparisons;  ///< [metrics]; empty for the reference and without tests
};

/// A comparison and its printed forms.
struct ComparisonReport {
  std::vector<Metric> metrics;
  Protocol protocol;
  std::string reference;
  std::vector<RowSummary> rows;
  std::string correction;  ///< how tests were corrected; empty without tests

  Table table;        ///< rows x metrics: mean +- standard error, marks
  Table differences;  ///< a line a test: difference, intervals, p-values, detectable difference,
                      ///< verdict
};

/// Compares runs. Rows stand in the order of their first run. Throws `config` naming both runs when
/// protocols differ, when splits differ (of two rows the one with fewer splits must have only
/// splits of the other), when evaluated users differ, for an unknown reference, and for no runs.
ComparisonReport compare_runs(std::span<const RunOutcome> runs, const CompareSettings& settings);

/// {"schema": 1, "protocol", "reference", "rows": [...]} for --json.
Json to_json(const ComparisonReport& report);

/// "better", "worse", "equal within 0.01", "not shown", "n/a".
std::string verdict_text(const Comparison& comparison, const BootstrapOptions& options);

}  // namespace kindred::eval
