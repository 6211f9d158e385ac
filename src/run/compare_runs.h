#pragma once
// `kindred compare`: finished runs and kept evaluations side by side.

#include <string>
#include <vector>

#include "core/files.h"
#include "eval/metrics/comparison.h"

namespace kindred::run {

/// What to compare and against what.
struct CompareRequest {
  std::vector<fs::path> runs;  ///< run folders, or kept evaluations (`evaluations/*.json.gz`)
  fs::path relative_to;        ///< a run, or its row's name, as the reference; empty: no tests
  std::vector<std::string> metrics;  ///< empty: all that the first run has
  std::string protocol;              ///< empty: each run's own evaluation
  std::string candidates;            ///< the file whose evaluation is asked for, by its content
};

/// One table over runs, seeds grouped. Throws `config` when splits or protocols differ, `missing`
/// naming the command for each run that lacks the evaluation asked for.
eval::ComparisonReport compare(const CompareRequest& request);

/// A page with the comparison's tables.
void write_comparison_page(const fs::path& path, const eval::ComparisonReport& report);

}  // namespace kindred::run
