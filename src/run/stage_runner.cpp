#include "run/stage_runner.h"

#include <algorithm>

#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"
#include "core/strings.h"
#include "run/judge.h"
#include "train/checkpoint.h"
#include "train/fit.h"
#include "train/snapshot.h"

namespace kindred::run {
namespace {

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

/// The recipe's evaluation with what the stage asks otherwise.
eval::EvaluationOptions evaluation_of(const JobMethod& method, const model::Stage& stage) {
  eval::EvaluationOptions options = method.plan.recipe.evaluation;
  if (stage.evaluation.is_null()) return options;
  std::vector<std::string> problems;
  OptionReader reader(stage.evaluation, "evaluation", problems);
  options.visit(reader);
  reader.finish();
  if (!problems.empty()) throw_option_problems(problems);
  return options;
}

/// The training options and the evaluation that a stage's result depends on: how often it is
/// validated only where it selects by that.
Json training_of(const JobMethod& method, const model::Stage& stage) {
  Json train = model::without(write_options(stage.train), std::array{"checkpoint_every"});
  if (stage.train.select.empty())
    return model::without(std::move(train), std::array{"evaluate_every", "patience"});
  if (stage.train.select != "loss")
    train["evaluation"] = model::without(write_options(evaluation_of(method, stage)),
                                         std::array{"metrics", "groups"});
  return train;
}

/// Whether an entry of a run's stages.json is this stage of this recommender. Runs before entries
/// named their method had one.
bool is_entry_of(const Json& entry, const std::string& method, const std::string& stage) {
  const std::string label = entry.value("stage", "");
  return entry.value("method", method) == method &&
         (label == stage || label.ends_with("." + stage));
}

}  // namespace

struct StageRunner::Source {
  TrainRequest request;
  Job job;
  std::unique_ptr<StageRunner> runner;

  /// The first method of that name, the recipe's own before its parts.
  JobMethod* find(const std::string& name) const { return find(*job.root, name); }

 private:
  static JobMethod* find(JobMethod& method, const std::string& name) {
    if (method.plan.entry && method.plan.entry->name == name) return &method;
    for (const auto& part : method.parts)
      if (JobMethod* found = find(*part, name)) return found;
    return nullptr;
  }
};

StageRunner::StageRunner(const TrainRequest& request, Job& job, RunFolder folder)
    : request_(request),
      job_(job),
      folder_(std::move(folder)),
      log_(folder_.log(), folder_.events()),
      cache_(request.paths.cache_root()) {}

Json StageRunner::run() {
  Json results = Json::array();
  run(*job_.root, "", results);
  return results;
}

std::string StageRunner::run(JobMethod& method, const std::string& until, Json& results) {
  if (!method.method) return method.fingerprint;
  if (!progress_.contains(&method)) progress_.emplace(&method, begin(method, results));
  Progress& progress = progress_.at(&method);
  const auto found = std::ranges::find(progress.stages, until, &model::Stage::name);
  if (!until.empty() && found == progress.stages.end()) {
    std::vector<std::string> names;
    for (const model::Stage& stage : progress.stages) names.push_back(stage.name);
    throw Error(Exit::config, method.plan.recipe.name,
                cat(method.plan.entry->name, " has no stage '", until,
                    "', expected one of: ", join(names, ", ")));
  }
  const size_t end = until.empty() ? progress.stages.size()
                                   : static_cast<size_t>(found - progress.stages.begin()) + 1;
  while (progress.done < end) {
    Json result = run(method, progress);
    method.fingerprint = result.value("fingerprint", "");
    results.push_back(std::move(result));
    ++progress.done;
  }
  return method.fingerprint;
}

StageRunner::Progress StageRunner::begin(JobMethod& method, Json& results) {
  for (const auto& part : method.parts) run(*part, "", results);
  Progress progress;
  progress.stages = method.method->stages();
  progress.sources = sources_of(progress.stages, method.plan.stage_sources);
  progress.chain = {{"schema", schema},
                    {"split", job_.data->fingerprint},
                    {"content", job_.data->content_fingerprint},
                    {"method", method.plan.entry->name},
                    {"seed", job_.recipe.seed},
                    {"device", c10::DeviceTypeName(method.context.device.type(), true)},
                    {"stages", Json::array()}};
  if (!method.backbone_fingerprint.empty()) {
    progress.chain["backbone"] = method.backbone_fingerprint;
    progress.chain["precision"] = method.context.backbone.precision;
  }
  return progress;
}

std::string StageRunner::depend(const JobMethod& method, Progress& progress,
                                const model::Stage& stage) const {
  Json entry{{"name", stage.name},
             {"options", stage.options.is_null() ? method.plan.settings.options : stage.options}};
  if (!stage.closed_form) entry["train"] = training_of(method, stage);
  Json parts = Json::object();
  for (const auto& part : method.parts) {
    const std::string name =
        part->plan.path.substr(method.plan.path.empty() ? 0 : method.plan.path.size() + 1);
    const std::string slot = name.substr(0, name.find('.'));
    if (!stage.parts || std::ranges::find(*stage.parts, slot) != stage.parts->end())
      parts[name] = part->fingerprint;
  }
  if (!parts.empty()) entry["parts"] = std::move(parts);
  progress.chain["stages"].push_back(std::move(entry));
  return stage_fingerprint(progress.chain);
}

Json StageRunner::run(JobMethod& method, Progress& progress) {
  model::Stage& stage = progress.stages[progress.done];
  const std::string& from = progress.sources[progress.done];
  const std::string label = method.plan.label(stage.name);
  Json result{{"stage", label}, {"method", method.plan.entry->name}};
  if (!from.empty()) {
    const std::string fingerprint = taken(method, stage, from);
    progress.chain["stages"].push_back({{"name", stage.name}, {"from", fingerprint}});
    if (stage.refresh) stage.refresh();
    log::info(cat("stage ", label, ": taken from ", from));
    result.update({{"from", from}, {"fingerprint", fingerprint}});
    return result;
  }
  const std::string fingerprint = depend(method, progress, stage);
  if (request_.use_cache && cache_.restore(fingerprint, stage)) {
    if (stage.refresh) stage.refresh();
    log::info(cat("stage ", label, ": taken from the cache (", fingerprint.substr(0, 12), ")"));
    result.update({{"cached", true}, {"fingerprint", fingerprint}});
    return result;
  }
  result.update(fitted(method, stage, progress.chain, fingerprint));
  result["fingerprint"] = fingerprint;
  if (request_.use_cache) cache_.store(fingerprint, stage, result);
  return result;
}

Json StageRunner::fitted(JobMethod& method, model::Stage& stage, const Json& chain,
                         const std::string& fingerprint) {
  if (stage.closed_form) {
    const double begun = seconds_now();
    stage.closed_form->solve();
    if (stage.refresh) stage.refresh();
    return {{"seconds", seconds_now() - begun}};
  }
  train::FitContext context = fit_context(method, stage);
  context.fingerprint = fingerprint;
  context.description = chain;
  const train::FitResult fitted = train::fit(stage, context);
  return {{"epochs", fitted.epochs},         {"steps", fitted.steps},
          {"best_epoch", fitted.best_epoch}, {"best", fitted.best},
          {"seconds", fitted.seconds},       {"final_loss", fitted.final_loss}};
}

std::string StageRunner::taken(JobMethod& method, model::Stage& stage, const std::string& from) {
  const fs::path path = find_source(from, request_.recipe.parent_path(),
                                    method.plan.label(cat("stages.", stage.name, ".from")));
  const RunFolder run{path};
  return run.exists() ? taken_from_run(method, stage, run) : taken_from_recipe(method, stage, path);
}

std::string StageRunner::taken_from_run(const JobMethod& method, model::Stage& stage,
                                        const RunFolder& run) {
  const std::string where = method.plan.label(cat("stages.", stage.name, ".from"));
  const std::string& name = method.plan.entry->name;
  if (read_own_json(run.data()).value("fingerprint", "") != job_.data->fingerprint)
    throw Error(Exit::config, where,
                cat(run.root.string(),
                    " was trained on another split: its training items may be "
                    "this run's test items"));
  Json entries = Json::array();
  if (fs::exists(run.stages())) {
    entries = read_own_json(run.stages()).value("stages", Json::array());
  }
  const std::string own = load_resolved(run.config()).method;
  // A stage that a run has finished, where others are still to come.
  if (entries.empty()) entries.push_back({{"stage", stage.name}, {"method", own}});
  for (Json& entry : entries) {
    if (!entry.contains("method")) entry["method"] = own;
    if (!is_entry_of(entry, name, stage.name)) continue;
    const fs::path final = run.checkpoints() / entry.value("stage", "") / "final.safetensors";
    if (fs::exists(final)) {
      const train::Checkpoint checkpoint = train::read_checkpoint(final);
      train::put_back(stage, checkpoint.tensors, final.string());
      return checkpoint.identity.value("fingerprint", "");
    }
    // The run took the stage from the cache itself, or from somewhere else.
    const std::string fingerprint = entry.value("fingerprint", "");
    if (cache_.restore(fingerprint, stage)) return fingerprint;
  }
  throw Error(Exit::missing, where,
              cat(run.root.string(), " holds no finished stage '", stage.name, "' of ", name));
}

std::string StageRunner::taken_from_recipe(const JobMethod& method, model::Stage& stage,
                                           const fs::path& recipe) {
  const std::string where = method.plan.label(cat("stages.", stage.name, ".from"));
  if (fs::equivalent(recipe, request_.recipe))
    throw Error(Exit::config, where, "is the recipe itself");
  std::shared_ptr<Source>& source = sources_[recipe];
  if (!source) {
    auto made = std::make_shared<Source>();
    made->request = request_;
    made->request.recipe = recipe;
    made->request.assignments.clear();
    made->job = make_job(made->request);
    if (made->job.data->fingerprint != job_.data->fingerprint)
      throw Error(Exit::config, where,
                  cat(recipe.string(), " is of another split than this recipe"));
    const RunFolder inner{folder_.checkpoints() / ("from-" + recipe.stem().string())};
    make_folders(inner.root);
    made->runner = std::make_unique<StageRunner>(made->request, made->job, inner);
    source = std::move(made);
  }
  JobMethod* theirs = source->find(method.plan.entry->name);
  if (!theirs)
    throw Error(
        Exit::config, where,
        cat(recipe.string(), " has no ", method.plan.entry->name, " whose stage could be taken"));
  Json results = Json::array();
  const std::string fingerprint = source->runner->run(*theirs, stage.name, results);
  const auto& stages = source->runner->progress_.at(theirs).stages;
  const auto found = std::ranges::find(stages, stage.name, &model::Stage::name);
  train::put_back(stage, train::stage_tensors(*found), recipe.string());
  return fingerprint;
}

train::FitContext StageRunner::fit_context(JobMethod& method, const model::Stage& stage) {
  const std::string label = method.plan.label(stage.name);
  train::FitContext context;
  context.folder = folder_.checkpoints() / label;
  context.seed = job_.recipe.seed;
  context.device = method.context.device;
  context.resume = request_.resume;
  context.previous = request_.previous;
  context.stop = request_.stop;
  context.quiet = request_.quiet;
  const std::shared_ptr<model::Recommender> judged =
      stage.judged ? stage.judged : method.recommender();
  context.validate = [this, judged, options = evaluation_of(method, stage),
                      select = stage.train.select] {
    return validation(*judged, *job_.data, options, select);
  };
  context.record = [this, label](const Json& record) {
    Json labelled = record;
    labelled["stage"] = label;
    log_.append(labelled);
  };
  context.cut_back = [this, label](int64_t records) { log_.cut_back(label, records); };
  return context;
}

}  // namespace kindred::run
