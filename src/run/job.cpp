#include "run/job.h"

#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/strings.h"
#include "methods/catalog.h"
#include "model/device.h"
#include "model/threads.h"
#include "run/check_recipe.h"
#include "run/run_folder.h"

namespace kindred::run {
namespace {

// Of every file that says what a model or an adapter computes: configurations, weights, tokenizers.
std::string model_hash(const fs::path& folder) {
  static const std::set<std::string> kinds = {".json", ".safetensors", ".bin", ".txt", ".model"};
  std::set<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file() && kinds.contains(entry.path().extension().string()))
      names.insert(entry.path().filename().string());
  Sha256 hash;
  for (const std::string& name : names) hash.update(name).update(file_fingerprint(folder / name));
  return hex(hash.finish());
}

Json resolved_config(const Job& job) {
  Recipe recipe = job.recipe;
  recipe.method_options = job.method->resolved_options();
  recipe.stages = job.method->resolved_stages();
  for (const auto& [stage, from] : job.from) recipe.stages[stage]["from"] = from;
  recipe.train = Json::object();  // its values are in every stage now
  Json config{{"schema", schema}, {"recipe", recipe.name}};
  config.update(write_options(recipe));
  return config;
}

}  // namespace

Job make_job(const TrainRequest& request) {
  Job job;
  std::vector<std::string> problems;
  job.recipe = load_recipe(request.recipe, request.assignments, problems);
  Recipe& recipe = job.recipe;
  job.from = take_sources(recipe.stages, problems);
  if (!request.device.empty()) recipe.device = request.device;
  if (request.threads > 0) recipe.threads = request.threads;
  if (recipe.threads > 0) model::use_threads(recipe.threads);
  for (std::string& problem : method_problems(recipe)) problems.push_back(std::move(problem));
  if (!problems.empty()) throw_option_problems(problems);

  job.data = data::resolve(recipe.data, request.paths.data_places(), request.stop);
  if (recipe.data.published) log::info(data::published_table(*recipe.data.published, *job.data));
  model::MethodContext& context = job.context;
  context.data = job.data;
  context.options = recipe.method_options;
  context.stages = recipe.stages;
  context.train = recipe.train;
  context.backbone = recipe.backbone;
  context.seed = recipe.seed;
  context.device = model::find_device(recipe.device);
  context.stop = request.stop;
  context.problems = &problems;
  if (!recipe.backbone.path.empty()) {
    context.backbone.path = request.paths.find_model(recipe.backbone.path).string();
    job.backbone_fingerprint = model_hash(context.backbone.path);
  }
  if (!recipe.backbone.adapter.empty()) {
    context.backbone.adapter = request.paths.find_model(recipe.backbone.adapter).string();
    job.backbone_fingerprint += model_hash(context.backbone.adapter);
  }
  job.method = methods::find(recipe.method).create(context);
  if (!problems.empty()) throw_option_problems(problems);
  job.config = resolved_config(job);
  return job;
}

}  // namespace kindred::run
