#include "run/job.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/strings.h"
#include "data/load_all.h"
#include "lm/folder.h"
#include "model/device.h"
#include "model/given_vectors.h"
#include "model/threads.h"
#include "run/judge.h"
#include "run/run_folder.h"

namespace kindred::run {
namespace {

/// The language model's folders, found, and the fingerprint of their files.
void find_backbone(JobMethod& made, const Paths& paths) {
  model::BackboneOptions& backbone = made.context.backbone;
  if (!made.plan.entry->backbone) {
    backbone = {};
    return;
  }
  if (!backbone.path.empty()) {
    backbone.path = paths.find_model(backbone.path).string();
    made.backbone_fingerprint = lm::model_fingerprint(backbone.path);
  }
  if (!backbone.adapter.empty()) {
    backbone.adapter = paths.find_model(backbone.adapter).string();
    made.backbone_fingerprint += lm::model_fingerprint(backbone.adapter);
  }
}

/// A part that is a finished run of the same split.
void take_run(JobMethod& made, const data::Dataset& data, const std::string& device) {
  const std::string where = made.plan.path + ".from";
  const OpenedRun run = open_run(made.plan.from, {.device = device, .precision = {}});
  if (run.data.value("fingerprint", "") != data.fingerprint)
    throw Error(Exit::config, where,
                cat(made.plan.from,
                    " was trained on another split: its training items may be this run's test "
                    "items"));
  if (!std::ranges::equal(run.users->tokens(), data.users.tokens()) ||
      !std::ranges::equal(run.items->tokens(), data.items.tokens()))
    throw Error(Exit::config, where,
                cat(made.plan.from,
                    " numbers people or items otherwise than this data; train both on the same "
                    "prepared folder"));
  made.taken = run.recommender;
  // What it computes is in these files alone.
  std::set<fs::path> files;
  for (const auto& file : fs::recursive_directory_iterator(run.folder.model()))
    if (file.is_regular_file()) files.insert(file.path());
  Sha256 hash;
  for (const fs::path& file : files) hash.update(file_fingerprint(file));
  made.fingerprint = hex(hash.finish());
}

/// Makes methods from their plans, parts first.
class MethodMaker {
 public:
  MethodMaker(const TrainRequest& request, const Job& job) : request_(request), job_(job) {}

  std::unique_ptr<JobMethod> make(MethodPlan plan) const {
    auto made = std::make_unique<JobMethod>();
    auto parts = std::move(plan.parts);
    made->plan = std::move(plan);
    if (!made->plan.from.empty()) {
      take_run(*made, *job_.data, job_.recipe.device);
      return made;
    }
    if (!made->plan.entry) {
      take_vectors(*made);
      return made;
    }
    for (auto& [slot, part] : parts) {
      made->parts.push_back(make(std::move(part)));
      const JobMethod& last = *made->parts.back();
      made->context.parts[slot].push_back(
          {last.plan.entry ? last.plan.entry->name : last.taken->name(), last.recommender()});
    }
    fill(made->context, made->plan.recipe);
    find_backbone(*made, request_.paths);
    made->method = made->plan.entry->create(made->context);
    return made;
  }

 private:
  void take_vectors(JobMethod& made) const {
    const fs::path users =
        find_source(made.plan.users, job_.recipe.folder, made.plan.path + ".users");
    const fs::path items =
        find_source(made.plan.items, job_.recipe.folder, made.plan.path + ".items");
    made.taken = model::given_vectors(users, items, *job_.data);
    made.fingerprint = file_fingerprint(users) + file_fingerprint(items);
  }

  void fill(model::MethodContext& context, const Recipe& recipe) const {
    context.data = job_.data;
    context.options = recipe.method_options;
    context.stages = recipe.stages;
    context.train = recipe.train;
    context.backbone = recipe.backbone;
    context.seed = job_.recipe.seed;
    context.device = model::find_device(job_.recipe.device);
    context.stop = request_.stop;
  }

  const TrainRequest& request_;
  const Job& job_;
};

/// Stages that nothing can be validated for train to their last epoch, unless they select by the
/// training loss.
void select_what_can_be(MethodPlan& plan, const data::Dataset& data) {
  for (auto& [slot, part] : plan.parts) select_what_can_be(part, data);
  if (!plan.entry || can_judge(data, plan.recipe.evaluation, data::Part::valid)) return;
  const Json none{{"select", ""}, {"evaluate_every", 0}, {"patience", 0}};
  for (auto& [name, options] : plan.settings.stages.items())
    if (options.value("select", "") != "loss") options.update(none);
  plan.recipe.stages = plan.settings.stages;
  plan.recipe.train = Json::object();
}

Json resolved_config(const MethodPlan& plan) {
  Json config{{"schema", schema}, {"recipe", plan.recipe.name}};
  config.update(write_options(plan.resolved()));
  return config;
}

}  // namespace

Job make_job(const TrainRequest& request) {
  Job job;
  std::vector<std::string> problems;
  job.recipe = load_recipe(request.recipe, request.assignments, problems);
  Recipe& recipe = job.recipe;
  recipe.final_run = recipe.final_run || request.final_run;
  if (!request.device.empty()) recipe.device = request.device;
  if (request.threads > 0) recipe.threads = request.threads;
  if (recipe.threads > 0) model::use_threads(recipe.threads);
  MethodPlan plan = plan_methods(recipe, problems);
  if (!problems.empty()) throw_option_problems(problems);

  const fs::path folder =
      data::resolve_folder(recipe.data, request.paths.data_places(), request.stop);
  job.data = recipe.final_run ? data::load_all_train(folder) : data::load_dataset(folder);
  select_what_can_be(plan, *job.data);
  if (recipe.data.published) log::info(data::published_table(*recipe.data.published, *job.data));
  job.config = resolved_config(plan);
  job.root = MethodMaker(request, job).make(std::move(plan));
  return job;
}

}  // namespace kindred::run
