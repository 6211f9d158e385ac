#pragma once
// Any recommender under any protocol.

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "eval/metrics/evaluation.h"
#include "eval/metrics/pointwise.h"
#include "eval/metrics/values.h"
#include "eval/options.h"
#include "model/recommender.h"

namespace kindred::eval {

/// What is asked of an evaluation beyond its options.
struct EvaluationRequest {
  data::Part part = data::Part::test;
  std::vector<Metric> metrics;  ///< instead of the options' when not empty
  int64_t sample_users = 0;     ///< a fixed sample of that many users, 0: all
  int64_t keep = 0;             ///< lists of that depth are kept in the outcome (dump, predictions)
  std::stop_token stop;
};

/// One user's ranked list with what was held out.
struct RankedList {
  Index user;
  std::vector<Index> items;  ///< best first
  std::vector<float> scores;
  std::vector<Index> relevant;
};

/// The values, how they were obtained, and what they came from.
struct EvaluationOutcome {
  Evaluation evaluation;
  Protocol protocol;
  std::vector<RankedList> lists;  ///< full and candidates, when kept
  PointwiseRows rows;             ///< pointwise
  double seconds = 0;
};

/// Evaluates. Throws `config` when the recommender lacks what the protocol needs (by name),
/// `bad_data` when the part holds nothing to evaluate, `interrupted` when stopped.
EvaluationOutcome evaluate(model::Recommender& recommender, const data::Dataset& data,
                           const EvaluationOptions& options, const EvaluationRequest& request);

/// Finds every mistake of the options at once. Throws `config`.
void check_options(const EvaluationOptions& options);

/// Writes the dump of an outcome (kept lists or rows), tab-separated, atomically.
void write_dump(const std::filesystem::path& path, const EvaluationOutcome& outcome,
                const data::Dataset& data);

}  // namespace kindred::eval
