// The protocol of generated answers: a recommender names an item in words.
#include <algorithm>

#include "core/error.h"
#include "eval/protocols/candidates.h"
#include "eval/protocols/protocol.h"
#include "eval/queries.h"

namespace kindred::eval {
namespace {

/// The metrics asked for; where none is of answers, all that are.
std::vector<Metric> metrics_with_answers(const Setting& setting) {
  std::vector<Metric> metrics = setting.metrics();
  const auto is_text = [](const Metric& metric) {
    return metric_info(metric.kind).family == MetricFamily::text;
  };
  if (std::ranges::none_of(metrics, is_text))
    for (const MetricKind kind : {MetricKind::exact, MetricKind::title_contains, MetricKind::valid})
      metrics.push_back({kind, 1});
  return metrics;
}

class Generated : public ProtocolRunner {
 public:
  explicit Generated(const Setting& setting) : setting_(setting) {}

  std::string missing(const model::Capabilities& can) const override {
    return can.answers ? "" : "answers (answers)";
  }

  EvaluationOutcome judge(model::Recommender& recommender) override {
    const People people = setting_.people();
    const CandidateLists candidates(setting_, people);
    for (const Index user : candidates.users()) {
      Asked& asked = asked_.emplace_back();
      asked.query = people.query(user);
      asked.candidates = candidates.of(user);
      asked.relevant = people.relevant(user);
      asked.answer.user = setting_.data.users.token(user);
      asked.answer.titles = titles(asked.relevant);
      asked.answer.candidates = titles(asked.candidates);
    }
    ask(recommender);
    EvaluationOutcome outcome;
    const std::vector<Metric> metrics = metrics_with_answers(setting_);
    outcome.evaluation = evaluate_generated(answers(), metrics);
    for (const Group& group : setting_.groups(candidates.users()))
      outcome.evaluation.groups.push_back(values_in(group, metrics));
    if (setting_.request.keep > 0) outcome.answers = answers();
    candidates.describe_to(outcome.protocol);
    return outcome;
  }

 private:
  struct Asked {
    model::Query query;
    std::vector<Index> candidates, relevant;
    GeneratedAnswer answer;
  };

  std::vector<std::string> titles(const std::vector<Index>& items) const {
    std::vector<std::string> all;
    for (const Index item : items) all.push_back(setting_.data.title(item));
    return all;
  }

  std::vector<GeneratedAnswer> answers() const {
    std::vector<GeneratedAnswer> all;
    for (const Asked& asked : asked_) all.push_back(asked.answer);
    return all;
  }

  /// Asks everybody, as many at a time as the recommender likes; lists of one length go together.
  void ask(model::Recommender& recommender) {
    const auto most = static_cast<size_t>(std::max<int64_t>(1, recommender.preferred_queries()));
    for (size_t begin = 0; begin < asked_.size();) {
      setting_.check_stop();
      const size_t width = asked_[begin].candidates.size();
      size_t end = begin + 1;
      while (end < asked_.size() && end - begin < most && asked_[end].candidates.size() == width)
        ++end;
      ask(recommender, std::span(asked_).subspan(begin, end - begin), width);
      begin = end;
    }
  }

  static void ask(model::Recommender& recommender, std::span<Asked> some, size_t width) {
    std::vector<model::Query> queries;
    std::vector<int64_t> items;
    for (const Asked& asked : some) {
      queries.push_back(asked.query);
      items.insert(items.end(), asked.candidates.begin(), asked.candidates.end());
    }
    const std::vector<int64_t> shape{static_cast<int64_t>(some.size()),
                                     static_cast<int64_t>(width)};
    const std::vector<std::string> texts =
        recommender.answer({.queries = queries,
                            .candidates = torch::tensor(items, torch::kLong).view(shape),  // [B, C]
                            .question = ""});
    check(texts.size() == some.size(), "every query has an answer");
    for (size_t i = 0; i < some.size(); ++i) some[i].answer.answer = texts[i];
  }

  /// The metrics over those who have a relevant item in the group, of these items alone.
  GroupValues values_in(const Group& group, const std::vector<Metric>& metrics) const {
    std::vector<GeneratedAnswer> inside;
    for (size_t place = 0; place < asked_.size(); ++place) {
      std::vector<Index> relevant = asked_[place].relevant;
      std::erase_if(relevant,
                    [&](Index item) { return !group.holds(static_cast<int64_t>(place), item); });
      if (relevant.empty()) continue;
      inside.push_back(asked_[place].answer);
      inside.back().titles = titles(relevant);
    }
    return {group.name, static_cast<int64_t>(inside.size()),
            evaluate_generated(inside, metrics).values};
  }

  const Setting setting_;
  std::vector<Asked> asked_;
};

}  // namespace

std::unique_ptr<ProtocolRunner> generated_answers(const Setting& setting) {
  return std::make_unique<Generated>(setting);
}

}  // namespace kindred::eval
