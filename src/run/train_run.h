#pragma once
// `kindred train`: a recipe to a finished run folder.

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/json.h"
#include "run/paths.h"

namespace kindred::run {

/// What to train and where to write it.
struct TrainRequest {
  fs::path recipe;
  std::vector<std::string> assignments;  ///< `--set a.b=c`
  fs::path run_folder;                   ///< empty: runs/<dataset>/<recipe>/<UTC time>
  bool resume = false;
  bool previous = false;   ///< on resume: damaged checkpoints are passed over for those before them
  bool final_run = false;  ///< `--final`: trains on everything, for use (the recipe's `final`)
  bool use_cache = true;   ///< finished stages are taken from and kept in the cache
  Paths paths;
  std::string device;  ///< overrides the recipe's where not empty
  int threads = 0;     ///< overrides the recipe's where positive
  bool quiet = false;
  std::stop_token stop;
};

/// Where a run is and what it reached.
struct TrainOutcome {
  fs::path run_folder;
  Json metrics;  ///< as metrics.json
  double seconds = 0;
};

/// Runs all stages, then evaluates. Throws `config` with every problem at once, `usage` when the
/// run is finished already, `busy` when another process works in the folder, `interrupted` after
/// saving.
TrainOutcome train(const TrainRequest& request);

/// Where the recipe and data of the run in `request.run_folder` are not those of the request, a
/// line each; none: it is that run.
std::vector<std::string> differences_from_run(const TrainRequest& request);

/// The test metrics with their protocol, the seconds and the folder, for people.
std::string summary(const TrainOutcome& outcome);

}  // namespace kindred::run
