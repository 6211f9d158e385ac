#pragma once
// A way of judging recommenders: what it asks of them, and what it makes of their answers.

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "eval/metrics/evaluation.h"
#include "eval/metrics/pointwise.h"
#include "eval/metrics/values.h"
#include "eval/options.h"
#include "eval/queries.h"
#include "model/recommender.h"

namespace kindred::eval {

using data::Index;

/// What is asked of an evaluation beyond its options.
struct EvaluationRequest {
  data::Part part = data::Part::test;
  std::vector<Metric> metrics;  ///< instead of the options' when not empty
  int64_t sample_users = 0;     ///< a fixed sample of that many users, 0: all
  int64_t sample_rows = 0;      ///< a fixed sample of that many labelled rows, 0: all
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
  data::Part part = data::Part::test;
  std::vector<RankedList> lists;         ///< full and candidates, when kept
  PointwiseRows rows;                    ///< pointwise
  std::vector<GeneratedAnswer> answers;  ///< generated, when kept
  double seconds = 0;
};

/// What is judged: a part of the data under the options of an evaluation. Outlived by all it names.
struct Setting {
  const data::Dataset& data;
  const EvaluationOptions& options;
  const EvaluationRequest& request;

  /// The metrics asked for.
  std::vector<Metric> metrics() const;
  /// The groups asked for, flags by the places of these users and by item.
  std::vector<Group> groups(const std::vector<Index>& users) const;
  /// The people asked for. Throws `bad_data` where nobody has anything held out in the part.
  People people() const;
  /// Throws `interrupted` when asked to stop.
  void check_stop() const;
};

/// One protocol. An object judges one recommender once.
class ProtocolRunner {
 public:
  virtual ~ProtocolRunner() = default;

  /// The capability it needs and a recommender of these lacks, as the end of a sentence ("scores
  /// every item (scores_all)"); empty: it lacks nothing.
  virtual std::string missing(const model::Capabilities& can) const = 0;
  /// Judges. The outcome's `protocol` says what was not asked for by its name alone. Throws
  /// `bad_data` when the part holds nothing to judge, `interrupted` when stopped.
  virtual EvaluationOutcome judge(model::Recommender& recommender) = 0;
};

/// Every item is ranked, what was seen left out.
std::unique_ptr<ProtocolRunner> full_ranking(const Setting& setting);
/// The relevant items are ranked among drawn or given candidates.
std::unique_ptr<ProtocolRunner> candidate_ranking(const Setting& setting);
/// Labelled rows are scored.
std::unique_ptr<ProtocolRunner> pointwise_rows(const Setting& setting);
/// An item is named in words, given the candidates.
std::unique_ptr<ProtocolRunner> generated_answers(const Setting& setting);

}  // namespace kindred::eval
