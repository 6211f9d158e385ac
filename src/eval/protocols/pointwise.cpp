// The protocol of labelled rows.
#include <algorithm>

#include "core/error.h"
#include "core/random.h"
#include "eval/protocols/protocol.h"
#include "eval/queries.h"

namespace kindred::eval {
namespace {

/// Row numbers of a part: all, or a fixed seeded sample, ascending.
std::vector<size_t> judged_rows(int64_t size, int64_t sample, uint64_t seed) {
  std::vector<size_t> rows;
  if (sample <= 0 || sample >= size) {
    for (int64_t r = 0; r < size; ++r) rows.push_back(static_cast<size_t>(r));
    return rows;
  }
  Random random(seed, "evaluation.rows");
  for (const uint64_t row :
       random.sample(static_cast<uint64_t>(size), static_cast<uint64_t>(sample)))
    rows.push_back(row);
  std::ranges::sort(rows);
  return rows;
}

class Pointwise : public ProtocolRunner {
 public:
  explicit Pointwise(const Setting& setting) : setting_(setting) {}

  std::string missing(const model::Capabilities& can) const override {
    return can.scores || can.scores_all ? "" : "scores given candidates (scores)";
  }

  EvaluationOutcome judge(model::Recommender& recommender) override {
    const data::Dataset& data = setting_.data;
    const data::InteractionTable& table = data.part(setting_.request.part);
    if (table.label.empty())
      throw Error(Exit::bad_data, data.name,
                  "protocol pointwise needs a label:float column, and this dataset has none");
    EvaluationOutcome outcome;
    const std::vector<model::Query> queries = take_rows(table, outcome.rows);
    score(recommender, queries, outcome.rows);
    std::vector<Index> users(static_cast<size_t>(data.user_count()));
    for (size_t u = 0; u < users.size(); ++u) users[u] = static_cast<Index>(u);
    const auto tokens = data.users.tokens();
    outcome.evaluation = evaluate_pointwise(outcome.rows, {tokens.begin(), tokens.end()},
                                            setting_.metrics(), setting_.groups(users));
    outcome.protocol.mask = "none";
    return outcome;
  }

 private:
  /// The judged rows without scores, and their queries.
  std::vector<model::Query> take_rows(const data::InteractionTable& table,
                                      PointwiseRows& rows) const {
    std::vector<model::Query> all =
        row_queries(setting_.data, setting_.request.part, setting_.options.users == "unseen");
    std::vector<model::Query> queries;
    for (const size_t r :
         judged_rows(table.size(), setting_.request.sample_rows, setting_.options.seed)) {
      queries.push_back(std::move(all[r]));
      rows.user.push_back(table.user[r]);
      rows.item.push_back(table.item[r]);
      rows.label.push_back(table.label[r]);
    }
    return queries;
  }

  void score(model::Recommender& recommender, std::span<const model::Query> queries,
             PointwiseRows& rows) const {
    rows.probabilities = recommender.capabilities().probabilities;
    const auto most = static_cast<size_t>(std::max<int64_t>(1, recommender.preferred_queries()));
    for (size_t begin = 0; begin < queries.size(); begin += most) {
      setting_.check_stop();
      const size_t count = std::min(most, queries.size() - begin);
      const std::vector<int64_t> items(rows.item.begin() + begin,
                                       rows.item.begin() + begin + count);
      const torch::Tensor asked = torch::tensor(items, torch::kLong).unsqueeze(1);  // [B, 1]
      torch::Tensor scores = recommender.score(queries.subspan(begin, count), asked);
      if (rows.probabilities) scores = recommender.probabilities(scores);
      scores = scores.to(torch::kCPU, torch::kFloat).contiguous();
      rows.score.insert(rows.score.end(), scores.const_data_ptr<float>(),
                        scores.const_data_ptr<float>() + count);
    }
  }

  const Setting setting_;
};

}  // namespace

std::unique_ptr<ProtocolRunner> pointwise_rows(const Setting& setting) {
  return std::make_unique<Pointwise>(setting);
}

}  // namespace kindred::eval
