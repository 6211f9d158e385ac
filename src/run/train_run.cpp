#include "run/train_run.h"

#include <chrono>
#include <ctime>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/strings.h"
#include "core/yaml.h"
#include "methods/catalog.h"
#include "model/threads.h"
#include "run/evaluate_run.h"
#include "run/judge.h"
#include "run/recipe.h"
#include "run/registry.h"
#include "run/run_folder.h"
#include "run/run_report.h"
#include "run/stage_cache.h"
#include "train/fit.h"

namespace kindred::run {
namespace {

std::string utc_time(const char* format) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, format, &parts);
  return text;
}

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Everything a run is made of, once its configuration was found good.
struct Job {
  Recipe recipe;
  std::shared_ptr<const data::Dataset> data;
  model::MethodContext context;
  std::unique_ptr<model::Method> method;
  std::string backbone_fingerprint;
  Json config;  ///< resolved, as config.yaml
};

std::string backbone_hash(const fs::path& folder) {
  Sha256 hash;
  for (const char* name : {"config.json", "model.safetensors", "model.safetensors.index.json",
                           "pytorch_model.bin", "tokenizer.json", "vocab.json", "merges.txt"})
    if (fs::exists(folder / name)) hash.update(name).update(file_fingerprint(folder / name));
  return hex(hash.finish());
}

Json resolved_config(const Job& job) {
  Recipe recipe = job.recipe;
  recipe.method_options = job.method->resolved_options();
  recipe.stages = job.method->resolved_stages();
  recipe.train = Json::object();  // its values are in every stage now
  Json config{{"schema", schema}, {"recipe", recipe.name}};
  config.update(write_options(recipe));
  return config;
}

torch::Device device_of(const std::string& text) {
  const bool known = text == "cpu" || text == "cuda" || text.starts_with("cuda:");
  if (!known)
    throw Error(Exit::config, "device", cat("got '", text, "', expected cpu, cuda or cuda:i"));
  const torch::Device device(text);
  if (device.is_cuda() && !torch::cuda::is_available())
    throw Error(Exit::config, "device",
                cat("got '", text, "', but this machine has no usable GPU"));
  return device;
}

Job make_job(const TrainRequest& request) {
  Job job;
  std::vector<std::string> problems;
  job.recipe = load_recipe(request.recipe, request.assignments, problems);
  Recipe& recipe = job.recipe;
  if (!request.device.empty()) recipe.device = request.device;
  if (request.threads > 0) recipe.threads = request.threads;
  if (recipe.threads > 0) model::use_threads(recipe.threads);
  const model::CatalogEntry* entry = nullptr;
  try {
    if (!recipe.method.empty()) entry = &methods::find(recipe.method);
    eval::check_options(recipe.evaluation);
  } catch (const Error& error) {
    problems.insert(problems.end(), error.lines().begin(), error.lines().end());
  }
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
  context.device = device_of(recipe.device);
  context.stop = request.stop;
  context.problems = &problems;
  if (!recipe.backbone.path.empty()) {
    context.backbone.path = request.paths.find_model(recipe.backbone.path).string();
    job.backbone_fingerprint = backbone_hash(context.backbone.path);
  }
  job.method = entry->create(context);
  if (!problems.empty()) throw_option_problems(problems);
  job.config = resolved_config(job);
  return job;
}

fs::path default_folder(const Job& job) {
  return fs::path("runs") / job.data->name / job.recipe.name / utc_time("%Y%m%dT%H%M%SZ");
}

/// The newest unfinished run of this recipe, for `--resume` without `--run`.
fs::path unfinished_folder(const Job& job) {
  const fs::path parent = fs::path("runs") / job.data->name / job.recipe.name;
  fs::path newest;
  if (fs::exists(parent)) {
    for (const auto& entry : fs::directory_iterator(parent)) {
      const RunFolder folder{entry.path()};
      if (folder.exists() && !folder.finished() && entry.path() > newest) newest = entry.path();
    }
  }
  if (newest.empty())
    throw Error(Exit::missing, "--resume", cat("no unfinished run is in ", parent.string()));
  return newest;
}

/// Where two configurations differ, by dotted key.
void differences(const Json& before, const Json& now, const std::string& at,
                 std::vector<std::string>& found) {
  if (before.is_object() && now.is_object()) {
    for (const auto& [key, value] : before.items())
      differences(value, now.contains(key) ? now[key] : Json(), at.empty() ? key : at + "." + key,
                  found);
    for (const auto& [key, value] : now.items())
      if (!before.contains(key))
        differences(Json(), value, at.empty() ? key : at + "." + key, found);
  } else if (before != now) {
    found.push_back(cat(at, ": the run has ", before.dump(), ", the recipe ", now.dump()));
  }
}

void open_folder(const Job& job, const RunFolder& folder, bool resume) {
  if (folder.finished())
    throw Error(Exit::usage, folder.root.string(),
                "this run is finished; give another --run folder");
  // A run that failed before its first step left nothing worth keeping.
  const bool begun = fs::exists(folder.log()) || fs::exists(folder.checkpoints());
  if (folder.exists() && begun) {
    if (!resume)
      throw Error(
          Exit::usage, folder.root.string(),
          "holds an unfinished run; add --resume to go on with it, or give another --run folder");
    std::vector<std::string> found;
    differences(parse_yaml(read_file(folder.config()), folder.config().string()),
                parse_yaml(to_yaml(job.config), "recipe"), "", found);
    std::erase_if(found, [](const std::string& line) { return line.starts_with("threads"); });
    if (!found.empty()) {
      found.insert(found.begin(), folder.root.string() + ": cannot be resumed with another recipe");
      throw Error(Exit::bad_data, found);
    }
    return;
  }
  write_file(folder.config(), "# The resolved recipe of this run: every option with its value.\n" +
                                  to_yaml(job.config));
  const Json about{{"schema", schema},
                   {"name", job.data->name},
                   {"path", job.recipe.data.path},
                   {"fingerprint", job.data->fingerprint},
                   {"content_fingerprint", job.data->content_fingerprint},
                   {"users", job.data->user_count()},
                   {"items", job.data->item_count()}};
  write_file(folder.data(), about.dump(2) + "\n");
}

/// Runs the stages one after another, each from the cache where it was trained before.
class StageRunner {
 public:
  StageRunner(const TrainRequest& request, Job& job, RunFolder folder)
      : request_(request),
        job_(job),
        folder_(std::move(folder)),
        log_(folder_.log()),
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

  Json run() {
    Json results = Json::array();
    std::vector<model::Stage> stages = job_.method->stages();
    for (model::Stage& stage : stages) results.push_back(run(stage));
    return results;
  }

 private:
  Json run(model::Stage& stage) {
    if (stage.solve) {
      const double begun = seconds_now();
      stage.solve();
      if (stage.refresh) stage.refresh();
      return {{"stage", stage.name}, {"seconds", seconds_now() - begun}};
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

  train::FitContext fit_context(model::Stage& stage, const std::string& fingerprint) {
    train::FitContext context;
    context.folder = folder_.checkpoints() / stage.name;
    context.seed = job_.recipe.seed;
    context.device = job_.context.device;
    context.resume = request_.resume;
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

  const TrainRequest& request_;
  Job& job_;
  RunFolder folder_;
  RunLog log_;
  StageCache cache_;
  Json chain_;
};

void judge(Job& job, const RunFolder& folder, const Json& stages) {
  model::Recommender& recommender = *job.method->recommender();
  save_model(folder.model(), recommender, *job.data);
  write_file(folder.stages(), Json{{"schema", schema}, {"stages", stages}}.dump(2) + "\n");
  const Judged valid = judge_part(recommender, *job.data, job.recipe.evaluation, data::Part::valid);
  const Judged test = judge_part(recommender, *job.data, job.recipe.evaluation, data::Part::test);
  write_predictions(folder.predictions(), test, *job.data);
  write_user_values(folder, evaluation_stem(test.protocol.name, data::Part::test), test, *job.data);
  const eval::MetricsFile metrics = metrics_file(valid, test);
  write_run_report(folder, job.config, *job.data, test, metrics);
  // Last: its presence is what makes a run finished.
  eval::write_metrics(folder.metrics(), metrics);
}

}  // namespace

std::string summary(const TrainOutcome& outcome) {
  return evaluation_text(outcome.metrics, outcome.run_folder.string()) +
         cat("\n", number(outcome.seconds, 3),
             " s; report: ", (outcome.run_folder / "report.html").string(), "\n");
}

TrainOutcome train(const TrainRequest& request) {
  const double begun = seconds_now();
  Job job = make_job(request);
  RunFolder folder{request.run_folder};
  if (folder.root.empty())
    folder.root = request.resume ? unfinished_folder(job) : default_folder(job);
  fs::create_directories(folder.root);
  const FolderLock lock(folder.root);
  open_folder(job, folder, request.resume);
  RunRecord record{fs::absolute(folder.root).lexically_normal().string(),
                   job.data->name,
                   job.recipe.name,
                   job.recipe.method,
                   "running",
                   utc_time("%FT%TZ"),
                   "",
                   Json()};
  register_run(request.paths.cache_root(), record);
  log::info(cat("run folder: ", folder.root.string()));
  const Json stages = StageRunner(request, job, folder).run();
  judge(job, folder, stages);
  TrainOutcome outcome{folder.root, read_own_json(folder.metrics()), seconds_now() - begun};
  record.state = "finished";
  record.finished = utc_time("%FT%TZ");
  record.test = outcome.metrics["test"];
  register_run(request.paths.cache_root(), record);
  return outcome;
}

}  // namespace kindred::run
