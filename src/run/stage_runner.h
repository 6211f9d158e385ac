#pragma once
// Runs the stages of a job one after another, parts before the methods that have them; each is
// trained once, ever.

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/json.h"
#include "model/objective.h"
#include "run/job.h"
#include "run/run_folder.h"
#include "run/stage_cache.h"
#include "run/train_run.h"

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
  /// How far a method's stages have come.
  struct Progress {
    std::vector<model::Stage> stages;
    std::vector<std::string> sources;  // where each is taken from; empty: trained here
    Json chain;                        // what the next stage depends on
    size_t done = 0;
  };

  /// Runs the parts of a method, then its stages up to the one of that name (empty: all); returns
  /// the fingerprint of the last. Throws `config` where there is no such stage.
  std::string run(JobMethod& method, const std::string& until, Json& results);
  Progress begin(JobMethod& method, Json& results);
  Json run(JobMethod& method, Progress& progress);
  /// Adds a stage to what the next ones depend on; returns its fingerprint.
  std::string depend(const JobMethod& method, Progress& progress, const model::Stage& stage) const;
  Json fitted(JobMethod& method, model::Stage& stage, const Json& chain,
              const std::string& fingerprint);
  /// Fills a stage from a finished run or another recipe; returns the fingerprint it has there.
  std::string taken(JobMethod& method, model::Stage& stage, const std::string& from);
  std::string taken_from_run(const JobMethod& method, model::Stage& stage, const RunFolder& run);
  std::string taken_from_recipe(const JobMethod& method, model::Stage& stage,
                                const std::filesystem::path& recipe);
  train::FitContext fit_context(JobMethod& method, const model::Stage& stage);

  const TrainRequest& request_;
  Job& job_;
  RunFolder folder_;
  RunLog log_;
  StageCache cache_;
  std::map<JobMethod*, Progress> progress_;
  std::map<std::filesystem::path, std::shared_ptr<Source>> sources_;
};

}  // namespace kindred::run
