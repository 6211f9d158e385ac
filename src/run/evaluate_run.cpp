#include "run/evaluate_run.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/strings.h"
#include "core/yaml.h"
#include "eval/metrics/dump.h"
#include "eval/metrics/report.h"
#include "model/ensemble.h"
#include "run/align.h"
#include "run/recipe.h"

namespace kindred::run {
namespace {

const std::vector<std::string> pointwise_metrics{"auc", "uauc", "gauc", "ndcg", "logloss"};

eval::EvaluationOptions options_of(const EvaluateRequest& request,
                                   eval::EvaluationOptions options) {
  const std::string before = options.protocol;
  if (!request.candidates.empty() || request.negatives) {
    if (!request.protocol.empty() && request.protocol != "candidates")
      throw Error(Exit::usage, request.candidates.empty() ? "--negatives" : "--candidates",
                  cat("is of protocol candidates, and --protocol is ", request.protocol));
    options.protocol = "candidates";
    if (request.negatives) options.candidates.clear();
  }
  if (!request.protocol.empty()) options.protocol = request.protocol;
  if (!request.candidates.empty()) options.candidates = request.candidates;
  if (request.negatives) options.negatives = *request.negatives;
  if (!request.users.empty()) options.users = request.users;
  if (!request.groups.empty()) options.groups = request.groups;
  if (!request.metrics.empty()) {
    options.metrics = request.metrics;
  } else if (before != options.protocol && options.protocol == "pointwise") {
    options.metrics = pointwise_metrics;
  } else if (before == "pointwise" && options.protocol != "pointwise") {
    options.metrics = eval::EvaluationOptions().metrics;
  }
  return options;
}

}  // namespace

namespace {

/// The mean of the run and the others of the request.
std::shared_ptr<model::Recommender> ensemble_of(const EvaluateRequest& request,
                                                const OpenedRun& first) {
  std::vector<std::shared_ptr<model::Recommender>> members{first.recommender};
  for (const fs::path& path : request.ensemble) {
    const OpenedRun other = open_run(path, request.open);
    if (other.data.value("fingerprint", "") != first.data.value("fingerprint", ""))
      throw Error(Exit::config, path.string(),
                  cat("was trained on another split than ", request.run.string(),
                      ": its test items may be the other's training items"));
    if (!std::ranges::equal(other.users->tokens(), first.users->tokens()) ||
        !std::ranges::equal(other.items->tokens(), first.items->tokens()))
      throw Error(Exit::config, path.string(),
                  cat("numbers people or items otherwise than ", request.run.string(),
                      "; train both on the same prepared folder"));
    members.push_back(other.recommender);
  }
  return std::make_shared<model::Ensemble>(std::move(members));
}

/// What was asked otherwise than the run itself is judged: such an evaluation gets a name of its
/// own, since the per-user values that training left are what comparisons read.
Json asked_otherwise(const EvaluateRequest& request, const eval::EvaluationOptions& own,
                     const eval::EvaluationOptions& options) {
  Json asked = Json::object();
  if (!request.data.empty()) asked["data"] = request.data;
  if (!request.candidates.empty()) asked["candidates"] = request.candidates;
  if (request.negatives) asked["negatives"] = *request.negatives;
  if (options.users != own.users) asked["users"] = options.users;
  if (!request.open.precision.empty()) asked["precision"] = request.open.precision;
  if (!request.metrics.empty() && options.metrics != own.metrics)
    asked["metrics"] = options.metrics;
  return asked;
}

/// Keeps an evaluation in the run folder; where that cannot be written it only warns.
void keep(const OpenedRun& run, const std::string& stem, const Json& json, const Judged& judged,
          const data::Dataset& data) {
  try {
    write_file(run.folder.evaluations() / (stem + ".json"), json.dump(2) + "\n");
    write_user_values(run.folder, stem, judged, data);
  } catch (const Error& error) {
    log::warning(cat("the evaluation is not kept in the run folder: ", error.what()));
  }
}

}  // namespace

Json evaluate_run(const EvaluateRequest& request) {
  OpenedRun run = open_run(request.run, request.open);
  if (!request.ensemble.empty()) run.recommender = ensemble_of(request, run);
  Recipe recipe = load_resolved(run.folder.config());
  if (recipe.final_run && request.data.empty())
    throw Error(Exit::config, request.run.string(),
                "was trained on everything (--final): its data holds nothing to judge it by; give "
                "--data with other interactions");
  if (!request.data.empty()) {
    recipe.data = data::DataOptions();
    recipe.data.path = request.data;
  }
  const auto data =
      aligned(data::resolve(recipe.data, request.paths.data_places(), request.stop), run);
  if (request.data.empty() && data->fingerprint != run.data.value("fingerprint", ""))
    throw Error(Exit::bad_data, recipe.data.path,
                "is not the split this run was trained on; to judge it on another one give --data");
  const eval::EvaluationOptions options = options_of(request, recipe.evaluation);
  eval::check_options(options);
  const data::Part part = data::parse_part(request.split);
  const Judged judged =
      judge_part(*run.recommender, *data, options, part, request.top, request.stop);
  eval::MetricsFile file;
  file.protocol = judged.protocol;
  (part == data::Part::valid ? file.valid : file.test) = judged.evaluation.values;
  file.groups = judged.evaluation.groups;
  Json json = eval::to_json(file);
  std::string stem = evaluation_stem(options.protocol, part);
  const Json asked = asked_otherwise(request, recipe.evaluation, options);
  if (!asked.empty()) {
    json["asked"] = asked;
    stem += "-" + fingerprint(asked.dump()).substr(0, 8);
  }
  if (!request.dump.empty()) eval::write_dump(request.dump, judged, *data);
  if (request.ensemble.empty()) keep(run, stem, json, judged, *data);
  return json;
}

std::string evaluation_text(const Json& evaluation, const std::string& title) {
  const eval::MetricsFile file = eval::metrics_from_json(evaluation, title);
  eval::Table table;
  table.title = title;
  const bool both = !file.valid.empty() && !file.test.empty();
  table.columns = {{"metric", false}};
  if (!file.valid.empty()) table.columns.push_back({"valid", true});
  if (!file.test.empty()) table.columns.push_back({both ? "test" : "value", true});
  for (const eval::NamedValue& value : file.test.empty() ? file.valid : file.test) {
    std::vector<eval::Cell> row{value.name};
    if (!file.valid.empty())
      row.push_back(eval::display_value(eval::value_of(file.valid, value.name)));
    if (!file.test.empty()) row.push_back(eval::display_value(value.value));
    table.rows.push_back(std::move(row));
  }
  table.caption = eval::describe(file.protocol);
  std::string text = eval::to_text(table);
  const eval::Table groups = eval::groups_table(file);
  if (!groups.rows.empty()) text += "\n" + eval::to_text(groups);
  return text;
}

namespace {

/// A configuration without what seeds and places change: runs that differ only in those are one
/// row.
std::string recipe_identity(Json config) {
  for (const char* key : {"seed", "threads", "device"}) config.erase(key);
  if (config.contains("data") && config["data"].contains("split"))
    config["data"]["split"].erase("seed");
  return config.dump();
}

/// One finished run as the comparison wants it.
struct Finished {
  eval::RunOutcome outcome;
  std::string identity;
};

Finished read_finished(const fs::path& root) {
  const RunFolder folder{root};
  if (!folder.finished())
    throw Error(Exit::missing, root.string(),
                folder.exists()
                    ? "this run is not finished; `kindred train … --resume` goes on with it"
                    : "is no run folder: it holds no config.yaml");
  const Json config = parse_yaml(read_file(folder.config()), folder.config().string());
  const eval::MetricsFile metrics = eval::read_metrics(folder.metrics());
  if (metrics.test.empty())
    throw Error(Exit::config, root.string(),
                metrics.final_run
                    ? "was trained on everything (--final), so nothing of it was judged; compare "
                      "runs of the recipe without --final"
                    : "has no test part that was judged, so there is nothing to compare");
  Finished finished;
  eval::RunOutcome& outcome = finished.outcome;
  outcome.label = config.value("recipe", config.value("method", ""));
  outcome.path = root.string();
  outcome.seed = config.value("seed", uint64_t{0});
  outcome.split = read_own_json(folder.data()).value("fingerprint", "");
  outcome.protocol = metrics.protocol;
  outcome.values = metrics.test;
  const std::string stem = evaluation_stem(metrics.protocol.name, data::Part::test);
  const fs::path users = folder.evaluations() / (stem + ".users.tsv");
  if (fs::exists(users)) outcome.users = eval::read_user_metrics(users);
  const fs::path rows = folder.evaluations() / (stem + ".rows.tsv");
  if (fs::exists(rows)) {
    eval::PointwiseDump dump = eval::read_pointwise_dump(rows);
    outcome.n_users = dump.users.size();
    outcome.rows = std::move(dump.rows);
  }
  finished.identity = recipe_identity(config);
  return finished;
}

/// What a row of these runs of one configuration is called by: the folder of its only run, or the
/// folder that holds them all (the run folder of a sweep), as the path's last name.
std::string folder_name(const std::vector<fs::path>& runs) {
  if (runs.size() == 1) return runs.front().filename().string();
  for (const fs::path& run : runs)
    if (run.parent_path() != runs.front().parent_path()) return runs.front().filename().string();
  return runs.front().parent_path().filename().string();
}

/// Runs of one recipe with different options are different rows, named by their folders too, and by
/// a number where these have one name.
void tell_apart(std::vector<Finished>& all) {
  std::map<std::string, std::map<std::string, std::vector<fs::path>>> runs_of;  // label, identity
  for (const Finished& one : all)
    runs_of[one.outcome.label][one.identity].push_back(
        (fs::absolute(one.outcome.path) / "").lexically_normal().parent_path());
  std::map<std::pair<std::string, std::string>, std::string> name_of;
  for (const auto& [label, identities] : runs_of) {
    std::map<std::string, int> seen;
    for (const auto& [identity, runs] : identities) {
      const std::string folder = folder_name(runs);
      const int number = ++seen[folder];
      const std::string counted = number > 1 ? cat(folder, " ", number) : folder;
      name_of[{label, identity}] = identities.size() > 1 ? cat(label, " (", counted, ")") : label;
    }
  }
  for (Finished& one : all) one.outcome.label = name_of[{one.outcome.label, one.identity}];
}

/// The row that `asked` stands for: that of the run in this folder, else the one of this name.
std::string reference_row(const std::vector<Finished>& all, const fs::path& asked) {
  if (asked.empty()) return "";
  std::vector<std::string> labels;
  for (const Finished& one : all) {
    if (fs::exists(asked) && fs::equivalent(one.outcome.path, asked)) return one.outcome.label;
    if (std::ranges::find(labels, one.outcome.label) == labels.end())
      labels.push_back(one.outcome.label);
  }
  if (std::ranges::find(labels, asked.string()) != labels.end()) return asked.string();
  throw Error(
      Exit::usage, "--relative-to",
      cat("got ", quote(asked.string()),
          ", expected the folder of one of the runs or the name of a row: ", join(labels, ", ")));
}

}  // namespace

eval::ComparisonReport compare(const CompareRequest& request) {
  std::vector<Finished> all;
  for (const fs::path& run : request.runs) all.push_back(read_finished(run));
  if (all.empty()) throw Error(Exit::usage, "kindred compare", "got no run, expected at least one");
  tell_apart(all);
  eval::CompareSettings settings;
  settings.reference = reference_row(all, request.relative_to);
  std::vector<eval::RunOutcome> outcomes;
  for (Finished& one : all) outcomes.push_back(std::move(one.outcome));
  std::vector<std::string> names = request.metrics;
  if (names.empty())
    for (const eval::NamedValue& value : outcomes.front().values) names.push_back(value.name);
  settings.metrics = eval::parse_metrics(names);
  settings.bootstrap.threads = at::get_num_threads();
  return eval::compare_runs(outcomes, settings);
}

void write_comparison_page(const fs::path& path, const eval::ComparisonReport& report) {
  eval::ReportData page;
  page.title = "Comparison";
  page.subtitle = eval::describe(report.protocol);
  eval::ReportSection section{"Results", "", {}, {report.table}};
  if (!report.differences.rows.empty()) section.tables.push_back(report.differences);
  page.sections.push_back(std::move(section));
  eval::write_report(path, page);
}

}  // namespace kindred::run
