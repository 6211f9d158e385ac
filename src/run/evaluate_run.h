#pragma once
// `kindred evaluate`: finished runs judged again.

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

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
  std::string data;              ///< a dataset instead of the run's own
  std::string candidates;        ///< file of given candidates
  std::string write_candidates;  ///< the drawn candidates are written here and judged from there
  std::string users;             ///< known or unseen; empty: the run's own
  std::optional<int64_t> negatives;
  fs::path dump;      ///< per-user lists or rows, tab-separated
  int64_t top = 100;  ///< depth of the dump
  Paths paths;
  OpenOptions open;
  std::stop_token stop;
};

/// Evaluates and writes `evaluations/<protocol>-<split>.json` into the run folder (where it can be
/// written; `…-<8 digits>.json` where metrics, data, candidates or precision are not the run's
/// own) with its values per person and a `.json.gz` that `compare` takes without the run; returns
/// what was written, of the schema of metrics.json with `part` filled alone. An ensemble belongs to
/// no run folder: nothing of it is written but the dump. Throws `config` when its runs are of
/// different splits.
Json evaluate_run(const EvaluateRequest& request);

/// The evaluation as text for people: a table with its protocol.
std::string evaluation_text(const Json& evaluation, const std::string& title);

}  // namespace kindred::run
