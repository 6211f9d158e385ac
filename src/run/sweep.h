#pragma once
// `kindred sweep`: many runs of one recipe, resumable, with a table and a curve.

#include <string>
#include <vector>

#include "run/train_run.h"

namespace kindred::run {

/// The values to go through, and with how many seeds.
struct SweepRequest {
  TrainRequest train;  ///< run_folder is the sweep's folder; empty: runs/<dataset>/<recipe>-sweep
  std::vector<std::string> over;  ///< "key=v1,v2,…"; several keys make a grid
  int seeds = 1;                  ///< seed = 1..seeds for every value
  bool split_seeds = false;       ///< the split's seed moves along with the seed
};

/// One run of a sweep.
struct SweepRun {
  std::vector<std::string> values;  ///< of each key, in the order of `over`
  int seed = 1;
  fs::path folder;
  Json metrics;
};

/// What a sweep found.
struct SweepOutcome {
  fs::path folder;
  std::vector<std::string> keys;
  std::vector<SweepRun> runs;
};

/// Trains what is not finished yet, in order, and writes sweep.json, sweep.md and sweep.html into
/// the sweep's folder after every run. Stopped and started again, it goes on where it was.
SweepOutcome sweep(const SweepRequest& request);

/// Mean and standard error over seeds of every metric, a row a value.
std::string sweep_table(const SweepOutcome& outcome, bool markdown);

}  // namespace kindred::run
