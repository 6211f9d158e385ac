#include "run/judge.h"

#include <algorithm>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/strings.h"
#include "core/yaml.h"
#include "data/histories.h"
#include "eval/metrics/dump.h"
#include "eval/metrics/expression.h"
#include "eval/metrics/kept_evaluation.h"

namespace kindred::run {

using eval::Metric;

bool can_judge(const data::Dataset& data, const eval::EvaluationOptions& options, data::Part part) {
  const data::InteractionTable& table = data.part(part);
  if (options.protocol == "pointwise") return table.size() > 0;
  for (int64_t row = 0; row < table.size(); ++row)
    if (data::is_positive(table, row)) return true;
  return false;
}

train::Validation validation(model::Recommender& recommender, const data::Dataset& data,
                             const eval::EvaluationOptions& options, const std::string& select) {
  if (!can_judge(data, options, data::Part::valid)) return {};
  eval::EvaluationRequest request;
  request.part = data::Part::valid;
  request.sample_users = options.validation_users;
  request.sample_rows = options.validation_rows;
  request.metrics = eval::parse_metrics(options.metrics);
  std::optional<eval::MetricExpression> expression;
  if (!select.empty() && select != "loss") {
    expression = eval::MetricExpression::parse(select);
    for (const Metric& metric : expression->metrics())
      if (std::find(request.metrics.begin(), request.metrics.end(), metric) ==
          request.metrics.end())
        request.metrics.push_back(metric);
  }
  const eval::NamedValues values =
      eval::evaluate(recommender, data, validation_options(options), request).evaluation.values;
  train::Validation result;
  for (const eval::NamedValue& value : values) result.numbers.emplace_back(value.name, value.value);
  if (expression) result.selected = expression->value(values);
  return result;
}

eval::EvaluationOptions validation_options(eval::EvaluationOptions options) {
  options.candidates.clear();
  return options;
}

Judged judge_part(model::Recommender& recommender, const data::Dataset& data,
                  const eval::EvaluationOptions& options, data::Part part, int64_t keep,
                  std::stop_token stop) {
  eval::EvaluationRequest request;
  request.part = part;
  request.keep = keep;
  request.stop = std::move(stop);
  return eval::evaluate(recommender, data, options, request);
}

eval::MetricsFile metrics_file(const std::optional<Judged>& valid,
                               const std::optional<Judged>& test) {
  eval::MetricsFile file;
  if (valid) {
    file.protocol = valid->protocol;
    file.valid = valid->evaluation.values;
  }
  if (test) {
    file.protocol = test->protocol;
    file.test = test->evaluation.values;
    file.groups = test->evaluation.groups;
  }
  return file;
}

void write_predictions(const fs::path& path, const Judged& test, const data::Dataset& data) {
  if (test.lists.empty()) return eval::write_dump(path, test, data);
  write_file(path, [&](std::ostream& out) {
    out << "user:token\titem:token\trank:float\tscore:float\n";
    for (const eval::RankedList& list : test.lists)
      for (size_t r = 0; r < list.items.size() && r < 20; ++r)
        out << data.users.token(list.user) << '\t' << data.items.token(list.items[r]) << '\t'
            << r + 1 << '\t' << number(list.scores[r]) << '\n';
  });
}

namespace {

/// The outcome as comparisons of later days read it, with the run that its folder tells of.
eval::KeptEvaluation kept_evaluation(const RunFolder& folder, const Judged& judged,
                                     const data::Dataset& data) {
  const Json config = parse_yaml(read_file(folder.config()), folder.config().string());
  eval::KeptEvaluation kept;
  kept.label = config.value("recipe", config.value("method", ""));
  const fs::path root = (fs::absolute(folder.root) / "").lexically_normal().parent_path();
  kept.run = (root.parent_path().filename() / root.filename()).string();
  kept.recipe = recipe_identity(config);
  kept.seed = config.value("seed", uint64_t{0});
  kept.split = data.fingerprint;
  kept.part = data::part_name(judged.part);
  kept.protocol = judged.protocol;
  kept.values = judged.evaluation.values;
  kept.groups = judged.evaluation.groups;
  kept.users = judged.evaluation.users;
  for (int64_t r = 0; r < judged.rows.size(); ++r) {
    kept.rows.rows.user.push_back(kept.rows.users.add(data.users.token(judged.rows.user[r])));
    kept.rows.rows.item.push_back(kept.rows.items.add(data.items.token(judged.rows.item[r])));
  }
  kept.rows.rows.label = judged.rows.label;
  kept.rows.rows.score = judged.rows.score;
  kept.rows.rows.probabilities = judged.rows.probabilities;
  return kept;
}

}  // namespace

void write_user_values(const RunFolder& folder, const std::string& stem, const Judged& judged,
                       const data::Dataset& data) {
  eval::write_user_metrics(folder.evaluations() / (stem + ".users.tsv"), judged.evaluation.users);
  if (judged.protocol.name == "pointwise")
    eval::write_dump(folder.evaluations() / (stem + ".rows.tsv"), judged, data);
  const fs::path kept = folder.evaluations() / (stem + ".json.gz");
  try {
    eval::write_kept_evaluation(kept, kept_evaluation(folder, judged, data));
  } catch (const Error& error) {
    if (error.code() != Exit::bad_data) throw;
    fs::remove(kept);  // an older one would speak for this
    log::warning(cat("not kept for comparisons without the run: ", error.what()));
  }
}

std::string recipe_identity(Json config) {
  for (const char* key : {"seed", "threads", "device"}) config.erase(key);
  if (config.contains("data") && config["data"].contains("split"))
    config["data"]["split"].erase("seed");
  return fingerprint(config.dump());
}

std::string evaluation_stem(const std::string& protocol, data::Part part) {
  return protocol + "-" + data::part_name(part);
}

}  // namespace kindred::run
