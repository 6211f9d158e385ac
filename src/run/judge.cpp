#include "run/judge.h"

#include <algorithm>

#include "core/files.h"
#include "core/strings.h"
#include "data/histories.h"
#include "eval/metrics/dump.h"
#include "eval/metrics/expression.h"

namespace kindred::run {

using eval::Metric;

bool can_judge(const data::Dataset& data, const eval::EvaluationOptions& options, data::Part part) {
  const data::InteractionTable& table = data.part(part);
  if (options.protocol == "pointwise") return table.size() > 0;
  for (int64_t row = 0; row < table.size(); ++row)
    if (data::is_positive(table, row)) return true;
  return false;
}

train::NamedNumbers validation_numbers(model::Recommender& recommender, const data::Dataset& data,
                                       const eval::EvaluationOptions& options,
                                       const std::string& select) {
  if (!can_judge(data, options, data::Part::valid)) return {};
  eval::EvaluationRequest request;
  request.part = data::Part::valid;
  request.sample_users = options.validation_users;
  request.metrics = eval::parse_metrics(options.metrics);
  if (!select.empty() && select != "loss") {
    for (const Metric& metric : eval::MetricExpression::parse(select).metrics())
      if (std::find(request.metrics.begin(), request.metrics.end(), metric) ==
          request.metrics.end())
        request.metrics.push_back(metric);
  }
  train::NamedNumbers numbers;
  for (const eval::NamedValue& value :
       eval::evaluate(recommender, data, options, request).evaluation.values)
    numbers.emplace_back(value.name, value.value);
  return numbers;
}

double expression_value(const std::string& expression, const train::NamedNumbers& numbers) {
  eval::NamedValues values;
  for (const auto& [name, value] : numbers) values.push_back({name, value});
  return eval::MetricExpression::parse(expression).value(values);
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
  write_file(path, [&](std::ostream& out) {
    if (test.protocol.name == "pointwise") {
      eval::PointwiseDumpWriter dump(out);
      for (int64_t r = 0; r < test.rows.size(); ++r)
        dump.add(data.users.token(test.rows.user[r]), data.items.token(test.rows.item[r]),
                 test.rows.label[r], test.rows.score[r]);
      return;
    }
    out << "user:token\titem:token\trank:float\tscore:float\n";
    for (const eval::RankedList& list : test.lists)
      for (size_t r = 0; r < list.items.size() && r < 20; ++r)
        out << data.users.token(list.user) << '\t' << data.items.token(list.items[r]) << '\t'
            << r + 1 << '\t' << number(list.scores[r]) << '\n';
  });
}

void write_user_values(const RunFolder& folder, const std::string& stem, const Judged& judged,
                       const data::Dataset& data) {
  eval::write_user_metrics(folder.evaluations() / (stem + ".users.tsv"), judged.evaluation.users);
  if (judged.protocol.name == "pointwise")
    eval::write_dump(folder.evaluations() / (stem + ".rows.tsv"), judged, data);
}

std::string evaluation_stem(const std::string& protocol, data::Part part) {
  return protocol + "-" + data::part_name(part);
}

}  // namespace kindred::run
