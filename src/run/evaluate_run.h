#pragma once
// `kindred evaluate` and `kindred compare`: finished runs judged again, and side by side.

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "eval/metrics/comparison.h"
#include "run/judge.h"
#include "run/paths.h"

namespace kindred::run {

/// How a finished run is to be judged.
struct EvaluateRequest {
  fs::path run;
  std::vector<fs::path> ensemble;  ///< further runs, judged together with `run` as their mean
  std::string protocol;            ///< empty: the run's own
  std::string split = "test";
  std::vector<std::string> metrics;  ///< empty: the run's own, or the protocol's usual ones
  std::vector<std::string> groups;
  std::string data;        ///< a dataset instead of the run's own
  std::string candidates;  ///< file of given candidates
  std::string users;       ///< known or unseen; empty: the run's own
  std::optional<int64_t> negatives;
  fs::path dump;      ///< per-user lists or rows, tab-separated
  int64_t top = 100;  ///< depth of the dump
  Paths paths;
  OpenOptions open;
  std::stop_token stop;
};

/// Evaluates and writes `evaluations/<protocol>-<split>.json` into the run folder (where it can be
/// written; `…-<8 digits>.json` where metrics, data, candidates or precision are not the run's
/// own); returns what was written, of the schema of metrics.json with `part` filled alone. An
/// ensemble belongs to no run folder: nothing of it is written but the dump. Throws `config` when
/// its runs are of different splits.
Json evaluate_run(const EvaluateRequest& request);

/// The evaluation as text for people: a table with its protocol.
std::string evaluation_text(const Json& evaluation, const std::string& title);

/// What to compare and against what.
struct CompareRequest {
  std::vector<fs::path> runs;
  fs::path relative_to;  ///< a run, or its row's name, as the reference; empty: no tests
  std::vector<std::string> metrics;  ///< empty: all that the first run has
};

/// One table over runs, seeds grouped. Throws `config` when splits or protocols differ.
eval::ComparisonReport compare(const CompareRequest& request);

/// A page with the comparison's tables.
void write_comparison_page(const fs::path& path, const eval::ComparisonReport& report);

}  // namespace kindred::run
