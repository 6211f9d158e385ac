#pragma once
// Metric expressions: one number from several metrics, by which a stage selects its best state.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "eval/metrics/metric.h"
#include "eval/metrics/values.h"

namespace kindred::eval {

/// A weighted sum of metrics: "truncated-recall@20+truncated-recall@40+ndcg@100", "0.5*ndcg@10 +
/// auc",
/// "-logloss". Higher is better: a metric of which less is better wants a minus.
class MetricExpression {
 public:
  struct Term {
    double weight;
    Metric metric;
  };

  /// Throws `config` with the text and the place of the mistake; unknown metrics with the nearest
  /// name, a metric of which less is better with a plus sign, and an empty text.
  static MetricExpression parse(std::string_view text);

  const std::vector<Term>& terms() const { return terms_; }
  /// The distinct metrics, in the order of their first use: what an evaluation must compute.
  std::vector<Metric> metrics() const;
  /// The canonical text.
  std::string text() const;

  /// The sum; NaN when a metric is missing or not defined.
  double value(const NamedValues& values) const;
  double value(const std::function<double(const Metric&)>& lookup) const;

 private:
  std::vector<Term> terms_;
};

}  // namespace kindred::eval
