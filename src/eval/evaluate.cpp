#include "eval/evaluate.h"

#include <algorithm>
#include <chrono>

#include "core/error.h"
#include "core/files.h"
#include "core/strings.h"
#include "eval/metrics/dump.h"

namespace kindred::eval {
namespace {

using Runners = std::vector<std::unique_ptr<ProtocolRunner>>;

bool is_text(const Metric& metric) {
  return metric_info(metric.kind).family == MetricFamily::text;
}

/// Rankings, answers or both: as far as the metrics want them and the recommender can.
Runners candidate_runners(const Setting& setting, const model::Capabilities& can) {
  const std::vector<Metric> metrics = setting.metrics();
  const bool words = std::ranges::any_of(metrics, is_text);
  const bool more = !std::ranges::all_of(metrics, is_text);
  Runners runners;
  runners.push_back(candidate_ranking(setting));
  const bool scores = runners.front()->missing(can).empty();
  if (can.answers && (words || !scores)) runners.push_back(generated_answers(setting));
  if (runners.size() > 1 && !(scores && more)) runners.erase(runners.begin());
  return runners;
}

Runners runners_of(const Setting& setting, const model::Capabilities& can) {
  Runners runners;
  if (setting.options.protocol == "candidates") return candidate_runners(setting, can);
  runners.push_back(setting.options.protocol == "pointwise" ? pointwise_rows(setting)
                                                            : full_ranking(setting));
  return runners;
}

/// The values of both, metrics of generated answers from `words`.
void take_words(NamedValues& values, const NamedValues& words) {
  for (NamedValue& value : values)
    if (is_text(parse_metric(value.name))) value.value = value_of(words, value.name);
}

/// Adds what generated answers say to an evaluation of rankings of the same people.
void add_words(EvaluationOutcome& rankings, EvaluationOutcome words) {
  Evaluation& all = rankings.evaluation;
  take_words(all.values, words.evaluation.values);
  for (GroupValues& group : all.groups)
    for (const GroupValues& other : words.evaluation.groups)
      if (other.name == group.name) take_words(group.values, other.values);
  std::vector<Metric> metrics = all.users.metrics();
  const UserMetrics& more = words.evaluation.users;
  metrics.insert(metrics.end(), more.metrics().begin(), more.metrics().end());
  UserMetrics users(all.users.users(), metrics);
  for (int64_t u = 0; u < users.user_count(); ++u) {
    const auto rest = std::ranges::copy(all.users.row(u), users.row(u).begin()).out;
    std::ranges::copy(more.row(u), rest);
  }
  all.users = std::move(users);
  rankings.answers = std::move(words.answers);
}

}  // namespace

void check_options(const EvaluationOptions& options) {
  std::vector<std::string> problems;
  const auto attempt = [&](const auto& action) {
    try {
      action();
    } catch (const Error& error) {
      for (const std::string& line : error.lines()) problems.push_back("evaluation: " + line);
    }
  };
  attempt([&] { parse_metrics(options.metrics); });
  for (const std::string& group : options.groups) attempt([&] { parse_group(group); });
  if (options.metrics.empty())
    problems.push_back("evaluation.metrics: is empty, expected metric names");
  if (!problems.empty()) throw Error(Exit::config, problems);
}

EvaluationOutcome evaluate(model::Recommender& recommender, const data::Dataset& data,
                           const EvaluationOptions& options, const EvaluationRequest& request) {
  const auto begun = std::chrono::steady_clock::now();
  const Setting setting{data, options, request};
  const model::Capabilities can = recommender.capabilities();
  const Runners runners = runners_of(setting, can);
  for (const auto& runner : runners)
    if (const std::string missing = runner->missing(can); !missing.empty())
      throw Error(Exit::config, "evaluation.protocol",
                  cat("got '", options.protocol, "', which needs a recommender that ", missing,
                      "; ", recommender.name(), " does not"));
  const torch::NoGradGuard no_gradient;
  EvaluationOutcome outcome = runners.front()->judge(recommender);
  if (runners.size() > 1) add_words(outcome, runners.back()->judge(recommender));
  outcome.part = request.part;
  outcome.protocol.name = options.protocol;
  outcome.protocol.unseen = options.users == "unseen";
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  return outcome;
}

void write_dump(const std::filesystem::path& path, const EvaluationOutcome& outcome,
                const data::Dataset& data) {
  write_file(path, [&](std::ostream& out) {
    if (outcome.protocol.name == "pointwise") {
      PointwiseDumpWriter dump(out);
      for (int64_t r = 0; r < outcome.rows.size(); ++r)
        dump.add(data.users.token(outcome.rows.user[r]), data.items.token(outcome.rows.item[r]),
                 outcome.rows.label[r], outcome.rows.score[r]);
    } else if (outcome.lists.empty() && !outcome.answers.empty()) {
      GeneratedDumpWriter dump(out);
      for (const GeneratedAnswer& answer : outcome.answers) dump.add(answer);
    } else {
      RankingDumpWriter dump(out, data.items.tokens());
      for (const RankedList& list : outcome.lists)
        dump.add(data.users.token(list.user), list.items, list.scores, list.relevant);
    }
  });
}

}  // namespace kindred::eval
