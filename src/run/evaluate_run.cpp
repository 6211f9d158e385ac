#include "run/evaluate_run.h"

#include <algorithm>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/strings.h"
#include "eval/metrics/dump.h"
#include "eval/metrics/report.h"
#include "eval/protocols/candidates.h"
#include "model/ensemble.h"
#include "run/align.h"
#include "run/recipe.h"

namespace kindred::run {
namespace {

const std::vector<std::string> pointwise_metrics{"auc", "uauc", "gauc", "ndcg", "logloss"};

/// The option of the request that speaks of candidates; empty where none does.
std::string candidates_flag(const EvaluateRequest& request) {
  if (!request.candidates.empty()) return "--candidates";
  if (!request.write_candidates.empty()) return "--write-candidates";
  return request.negatives ? "--negatives" : "";
}

eval::EvaluationOptions options_of(const EvaluateRequest& request,
                                   eval::EvaluationOptions options) {
  const std::string before = options.protocol;
  if (const std::string flag = candidates_flag(request); !flag.empty()) {
    if (!request.protocol.empty() && request.protocol != "candidates")
      throw Error(Exit::usage, flag,
                  cat("is of protocol candidates, and --protocol is ", request.protocol));
    if (!request.candidates.empty() && !request.write_candidates.empty())
      throw Error(Exit::usage, "--write-candidates",
                  "writes candidates that are drawn, and --candidates gives others");
    options.protocol = "candidates";
    if (request.candidates.empty()) options.candidates.clear();
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
                     const eval::EvaluationOptions& options, const eval::Protocol& protocol) {
  Json asked = Json::object();
  if (!request.data.empty()) asked["data"] = request.data;
  // What the candidates are, wherever their file lies.
  if (protocol.sha256 && protocol.file != own.candidates) asked["candidates"] = *protocol.sha256;
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

/// Judges; the candidates drawn are written first where that is asked, and read from there.
Judged judged_as_asked(const EvaluateRequest& request, model::Recommender& recommender,
                       const data::Dataset& data, eval::EvaluationOptions options) {
  const data::Part part = data::parse_part(request.split);
  if (part != data::Part::test && request.candidates.empty())
    options = validation_options(std::move(options));
  if (request.write_candidates.empty())
    return judge_part(recommender, data, options, part, request.top, request.stop);
  eval::write_candidates(request.write_candidates, data, options, part);
  options.candidates = request.write_candidates;
  Judged judged = judge_part(recommender, data, options, part, request.top, request.stop);
  judged.protocol.negatives = options.negatives;
  judged.protocol.seed = options.seed;
  return judged;
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
  const Judged judged = judged_as_asked(request, *run.recommender, *data, options);
  eval::MetricsFile file;
  file.protocol = judged.protocol;
  (part == data::Part::valid ? file.valid : file.test) = judged.evaluation.values;
  file.groups = judged.evaluation.groups;
  Json json = eval::to_json(file);
  std::string stem = evaluation_stem(options.protocol, part);
  const Json asked = asked_otherwise(request, recipe.evaluation, options, judged.protocol);
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

}  // namespace kindred::run
