#include "run/stage_runner.h"

#include <chrono>

#include "core/error.h"
#include "core/log.h"
#include "core/strings.h"
#include "run/judge.h"
#include "train/checkpoint.h"
#include "train/fit.h"
#include "train/snapshot.h"

namespace kindred::run {
namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Where each stage is taken from, empty where it is trained here. The stages before one that is
/// taken are taken from the same place: what they would train is replaced.
std::vector<std::string> sources_of(const std::vector<model::Stage>& stages,
                                    const std::map<std::string, std::string>& from) {
  std::vector<std::string> sources(stages.size());
  std::string current;
  for (size_t i = stages.size(); i-- > 0;) {
    if (const auto found = from.find(stages[i].name); found != from.end()) current = found->second;
    sources[i] = current;
  }
  return sources;
}

}  // namespace

struct StageRunner::Source {
  TrainRequest request;
  Job job;
  std::vector<model::Stage> stages;
  std::unique_ptr<StageRunner> runner;
  std::vector<std::string> sources;
  size_t done = 0;
};

StageRunner::StageRunner(const TrainRequest& request, Job& job, RunFolder folder)
    : request_(request),
      job_(job),
      folder_(std::move(folder)),
      log_(folder_.log(), folder_.events()),
      cache_(request.paths.cache_root()) {
  chain_ = {{"schema", schema},
            {"split", job.data->fingerprint},
            {"content", job.data->content_fingerprint},
            {"method", job.recipe.method},
            {"options", job.config[job.recipe.method]},
            {"backbone", job.backbone_fingerprint},
            {"precision", job.recipe.backbone.precision},
            {"seed", job.recipe.seed},
            {"evaluation", job.config["evaluation"]},
            {"device", c10::DeviceTypeName(job.context.device.type(), true)}};
}

Json StageRunner::run() {
  Json results = Json::array();
  std::vector<model::Stage> stages = job_.method->stages();
  const std::vector<std::string> sources = sources_of(stages, job_.from);
  for (size_t i = 0; i < stages.size(); ++i) results.push_back(run(stages[i], sources[i]));
  return results;
}

Json StageRunner::run(model::Stage& stage, const std::string& from) {
  if (stage.solve) {
    const double begun = seconds_now();
    stage.solve();
    if (stage.refresh) stage.refresh();
    return {{"stage", stage.name}, {"seconds", seconds_now() - begun}};
  }
  if (!from.empty()) {
    const std::string fingerprint = taken(stage, from);
    chain_["stages"].push_back({{"name", stage.name}, {"from", fingerprint}});
    if (stage.refresh) stage.refresh();
    log::info(cat("stage ", stage.name, ": taken from ", from));
    return {{"stage", stage.name}, {"from", from}, {"fingerprint", fingerprint}};
  }
  chain_["stages"].push_back(
      {{"name", stage.name}, {"options", job_.config["stages"][stage.name]}});
  const std::string fingerprint = stage_fingerprint(chain_);
  if (request_.use_cache && cache_.restore(fingerprint, stage)) {
    if (stage.refresh) stage.refresh();
    log::info(
        cat("stage ", stage.name, ": taken from the cache (", fingerprint.substr(0, 12), ")"));
    return {{"stage", stage.name}, {"cached", true}, {"fingerprint", fingerprint}};
  }
  return fitted(stage, fingerprint);
}

Json StageRunner::fitted(model::Stage& stage, const std::string& fingerprint) {
  const train::FitResult fitted = train::fit(stage, fit_context(stage, fingerprint));
  Json result{{"stage", stage.name},
              {"epochs", fitted.epochs},
              {"steps", fitted.steps},
              {"best_epoch", fitted.best_epoch},
              {"best", fitted.best},
              {"seconds", fitted.seconds},
              {"final_loss", fitted.final_loss},
              {"fingerprint", fingerprint}};
  if (request_.use_cache) cache_.store(fingerprint, stage, result);
  return result;
}

std::string StageRunner::taken(model::Stage& stage, const std::string& from) {
  fs::path path = from;
  if (!fs::exists(path)) path = request_.recipe.parent_path() / from;
  if (!fs::exists(path))
    throw Error(Exit::missing, cat("stages.", stage.name, ".from"),
                cat("'", from, "' is neither a run folder nor a recipe"));
  const RunFolder run{path};
  return run.exists() ? taken_from_run(stage, run) : taken_from_recipe(stage, path);
}

std::string StageRunner::taken_from_run(model::Stage& stage, const RunFolder& run) {
  const std::string where = cat("stages.", stage.name, ".from");
  if (read_own_json(run.data()).value("fingerprint", "") != job_.data->fingerprint)
    throw Error(Exit::config, where,
                cat(run.root.string(),
                    " was trained on another split: its training items may be "
                    "this run's test items"));
  const fs::path final = run.checkpoints() / stage.name / "final.safetensors";
  if (fs::exists(final)) {
    const train::Checkpoint checkpoint = train::read_checkpoint(final);
    train::put_back(stage, checkpoint.tensors, final.string());
    return checkpoint.identity.value("fingerprint", "");
  }
  // The run took the stage from the cache itself, or from somewhere else.
  const Json about = fs::exists(run.stages()) ? read_own_json(run.stages()) : Json::object();
  for (const Json& entry : about.value("stages", Json::array())) {
    const std::string fingerprint = entry.value("fingerprint", "");
    if (entry.value("stage", "") == stage.name && cache_.restore(fingerprint, stage))
      return fingerprint;
  }
  throw Error(Exit::missing, where,
              cat(run.root.string(), " holds no finished stage '", stage.name, "'"));
}

std::string StageRunner::taken_from_recipe(model::Stage& stage, const fs::path& recipe) {
  const std::string where = cat("stages.", stage.name, ".from");
  if (fs::equivalent(recipe, request_.recipe))
    throw Error(Exit::config, where, "is the recipe itself");
  std::shared_ptr<Source>& source = sources_[recipe];
  if (!source) {
    source = std::make_shared<Source>();
    source->request = request_;
    source->request.recipe = recipe;
    source->request.assignments.clear();
    source->job = make_job(source->request);
    if (source->job.data->fingerprint != job_.data->fingerprint)
      throw Error(Exit::config, where,
                  cat(recipe.string(), " is of another split than this recipe"));
    const RunFolder inner{folder_.checkpoints() / ("from-" + recipe.stem().string())};
    make_folders(inner.root);
    source->runner = std::make_unique<StageRunner>(source->request, source->job, inner);
    source->stages = source->job.method->stages();
    source->sources = sources_of(source->stages, source->job.from);
  }
  while (source->done < source->stages.size()) {
    model::Stage& theirs = source->stages[source->done];
    const Json result = source->runner->run(theirs, source->sources[source->done]);
    ++source->done;
    if (theirs.name != stage.name) continue;
    train::put_back(stage, train::stage_tensors(theirs), recipe.string());
    return result.value("fingerprint", "");
  }
  throw Error(
      Exit::config, where,
      cat(recipe.string(), " has no stage '", stage.name, "' (or has it in another order)"));
}

train::FitContext StageRunner::fit_context(model::Stage& stage, const std::string& fingerprint) {
  train::FitContext context;
  context.folder = folder_.checkpoints() / stage.name;
  context.seed = job_.recipe.seed;
  context.device = job_.context.device;
  context.resume = request_.resume;
  context.previous = request_.previous;
  context.fingerprint = fingerprint;
  context.description = chain_;
  context.stop = request_.stop;
  context.quiet = request_.quiet;
  context.validate = [this, select = stage.train.select] {
    return validation_numbers(*job_.method->recommender(), *job_.data, job_.recipe.evaluation,
                              select);
  };
  context.select = [](const std::string& expression, const train::NamedNumbers& numbers) {
    return expression_value(expression, numbers);
  };
  context.record = [this](const Json& record) { log_.append(record); };
  context.cut_back = [this, name = stage.name](int64_t records) { log_.cut_back(name, records); };
  return context;
}

}  // namespace kindred::run
