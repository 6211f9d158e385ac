#pragma once
// The registry of runs: one SQLite file in the cache folder that knows every run made with it.

#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"

namespace kindred::run {

/// One run as the registry knows it.
struct RunRecord {
  std::string folder, dataset, recipe, method, state, started, finished;
  Json test;  ///< metric name -> value
};

/// Adds or updates a run (by folder). A registry that cannot be written only warns: the run folder
/// is the truth.
void register_run(const std::filesystem::path& cache, const RunRecord& record);

/// Every run registered, newest first.
std::vector<RunRecord> registered_runs(const std::filesystem::path& cache);

}  // namespace kindred::run
