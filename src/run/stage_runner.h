#pragma once
// Runs the stages of a job one after another; each is trained once, ever.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "run/job.h"
#include "run/run_folder.h"
#include "run/stage_cache.h"

namespace kindred::train {
struct FitContext;
}

namespace kindred::run {

/// A stage comes from where its recipe says (`stages.NAME.from`), else from the cache, else it is
/// trained. `request` and `job` must outlive the runner.
class StageRunner {
 public:
  StageRunner(const TrainRequest& request, Job& job, RunFolder folder);

  /// All stages; what became of each, as in stages.json.
  Json run();

 private:
  /// A recipe that stages are taken from, run as far as was needed.
  struct Source;

  Json run(model::Stage& stage, const std::string& from);
  Json fitted(model::Stage& stage, const std::string& fingerprint);
  /// Fills a stage from a finished run or another recipe; returns the fingerprint it has there.
  std::string taken(model::Stage& stage, const std::string& from);
  std::string taken_from_run(model::Stage& stage, const RunFolder& run);
  std::string taken_from_recipe(model::Stage& stage, const fs::path& recipe);
  train::FitContext fit_context(model::Stage& stage, const std::string& fingerprint);

  const TrainRequest& request_;
  Job& job_;
  RunFolder folder_;
  RunLog log_;
  StageCache cache_;
  Json chain_;  // what the next stage depends on
  std::map<fs::path, std::shared_ptr<Source>> sources_;
};

}  // namespace kindred::run
