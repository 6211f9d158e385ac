#include "run/train_run.h"

#include <ctime>
#include <optional>

#include "core/clock.h"
#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/strings.h"
#include "core/yaml.h"
#include "run/evaluate_run.h"
#include "run/job.h"
#include "run/judge.h"
#include "run/registry.h"
#include "run/run_folder.h"
#include "run/run_report.h"
#include "run/stage_runner.h"

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

/// Where a run's recipe and this job's differ, a line each; threads may.
std::vector<std::string> other_recipe(const Job& job, const RunFolder& folder) {
  std::vector<std::string> found;
  differences(parse_yaml(read_file(folder.config()), folder.config().string()),
              parse_yaml(to_yaml(job.config), "recipe"), "", found);
  std::erase_if(found, [](const std::string& line) { return line.starts_with("threads"); });
  return found;
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
    std::vector<std::string> found = other_recipe(job, folder);
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

/// The settings of all stages of a method and its parts, by label.
void stages_of(const JobMethod& method, Json& stages) {
  for (const auto& part : method.parts) stages_of(*part, stages);
  for (const auto& [name, options] : method.plan.settings.stages.items())
    stages[method.plan.label(name)] = options;
}

/// Says, before anything is trained, what will not be judged and what that means for the stages.
void say_what_is_judged(const Job& job) {
  const std::string& name = job.data->name;
  Json stages = Json::object();
  stages_of(*job.root, stages);
  if (job.recipe.final_run) {
    log::info(cat("final: trains on all ", with_commas(job.data->part(data::Part::train).size()),
                  " interactions of ", name, "; nothing is held out, judged or selected by"));
    for (const auto& [stage, options] : stages.items())
      log::info(cat("final: stage ", stage, " trains all of its ",
                    options.value("epochs", int64_t{0}), " epochs; set stages.", stage,
                    ".epochs to those that an earlier run chose (best_epoch in its stages.json)"));
    return;
  }
  if (!can_judge(*job.data, job.recipe.evaluation, data::Part::valid)) {
    std::vector<std::string> keys;
    for (const auto& [stage, options] : stages.items())
      keys.push_back(cat("stages.", stage, ".select"));
    log::warning(cat(name, ": the valid part holds nothing to judge: nothing is validated",
                     keys.empty() ? ""
                                  : cat(", so no epoch can be selected (", join(keys, ", "),
                                        ") and every stage keeps its last")));
  }
  if (!can_judge(*job.data, job.recipe.evaluation, data::Part::test))
    log::warning(cat(name, ": the test part holds nothing to judge: nothing is tested"));
}

void judge(Job& job, const RunFolder& folder, const Json& stages) {
  model::Recommender& recommender = *job.recommender();
  save_model(folder.model(), recommender, *job.data);
  write_file(folder.stages(), Json{{"schema", schema}, {"stages", stages}}.dump(2) + "\n");
  const eval::EvaluationOptions& options = job.recipe.evaluation;
  const auto judged = [&](data::Part part) -> std::optional<Judged> {
    const auto asked = part == data::Part::valid ? validation_options(options) : options;
    if (!can_judge(*job.data, asked, part)) return {};
    return judge_part(recommender, *job.data, asked, part);
  };
  const std::optional<Judged> valid = judged(data::Part::valid), test = judged(data::Part::test);
  if (test) {
    write_predictions(folder.predictions(), *test, *job.data);
    const std::string stem = evaluation_stem(test->protocol.name, data::Part::test);
    write_user_values(folder, stem, *test, *job.data);
  }
  eval::MetricsFile metrics = metrics_file(valid, test);
  metrics.final_run = job.recipe.final_run;
  write_run_report(folder, job.config, *job.data, test, metrics);
  // Last: its presence is what makes a run finished.
  eval::write_metrics(folder.metrics(), metrics);
}

}  // namespace

std::string summary(const TrainOutcome& outcome) {
  const std::string folder = outcome.run_folder.string();
  const bool valid = !outcome.metrics["valid"].empty(), test = !outcome.metrics["test"].empty();
  const std::string text =
      outcome.metrics.value("final", false)
          ? cat(folder,
                "\ntrained on everything, for use: nothing is held out, nothing was judged\n")
      : !valid && !test ? cat(folder, "\nno part holds anything to judge: nothing was judged\n")
                        : evaluation_text(outcome.metrics, folder);
  return cat(text, test && !valid ? "nothing was validated\n" : "",
             valid && !test ? "nothing was tested\n" : "", "\n", number(outcome.seconds, 3),
             " s; report: ", (outcome.run_folder / "report.html").string(), "\n");
}

std::vector<std::string> differences_from_run(const TrainRequest& request) {
  const Job job = make_job(request);
  const RunFolder folder{request.run_folder};
  std::vector<std::string> found = other_recipe(job, folder);
  const std::string before = read_own_json(folder.data()).value("content_fingerprint", "");
  if (!before.empty() && before != job.data->content_fingerprint)
    found.push_back(cat("data: the run saw ", before.substr(0, 12), ", it is now ",
                        job.data->content_fingerprint.substr(0, 12)));
  return found;
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
  say_what_is_judged(job);
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
