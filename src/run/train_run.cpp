#include "run/train_run.h"

#include <chrono>
#include <ctime>

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

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
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

void judge(Job& job, const RunFolder& folder, const Json& stages) {
  model::Recommender& recommender = *job.recommender();
  save_model(folder.model(), recommender, *job.data);
  write_file(folder.stages(), Json{{"schema", schema}, {"stages", stages}}.dump(2) + "\n");
  const Judged valid = judge_part(recommender, *job.data, validation_options(job.recipe.evaluation),
                                  data::Part::valid);
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
