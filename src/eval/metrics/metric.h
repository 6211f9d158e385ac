#pragma once
// Metric names: what exists, what each is computed from, its definition in one line.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kindred::eval {

enum class MetricKind {
  recall,
  truncated_recall,
  hit,
  ndcg,  ///< with a cut-off: of a ranked list
  mrr,
  map,
  precision,
  coverage,
  auc,
  uauc,
  gauc,
  pointwise_ndcg,  ///< without a cut-off: of a user's labelled rows
  logloss,
  brier,
  ece,  ///< its `k` is the number of bins
  exact,
  title_contains,
  valid,
};

/// What a metric is computed from, and so which protocols give it.
enum class MetricFamily {
  ranking,    ///< a ranked list and the relevant items (protocols full and candidates)
  pointwise,  ///< labelled rows with scores (protocol pointwise)
  text,       ///< a generated answer and the relevant items' titles
};

/// A metric and its cut-off, such as recall@20 (or number of bins, as in ece@10); `k` is 0 where
/// the metric has none.
struct Metric {
  MetricKind kind;
  int k = 0;

  bool operator==(const Metric&) const = default;
};

/// What is known about a kind of metric.
struct MetricInfo {
  MetricKind kind;
  const char* name;  ///< without the cut-off
  MetricFamily family;
  bool has_cutoff;
  bool higher_is_better;
  bool per_user;  ///< the value is a mean over users (weighted for gauc), not a pooled or list-wide
                  ///< figure
  const char* definition;  ///< one line
};

/// Every metric, in the order in which `kindred list metrics` prints them.
std::span<const MetricInfo> all_metrics();
const MetricInfo& metric_info(MetricKind kind);

/// "recall@20", "auc".
std::string metric_name(const Metric& metric);

/// The metric of a name. Throws `config`: unknown name (with the nearest one), cut-off missing, not
/// wanted, below 1 or above 1,000,000, and any but 1 for metrics of generated answers.
Metric parse_metric(std::string_view name);
/// As parse_metric for each name; all problems are reported at once.
std::vector<Metric> parse_metrics(std::span<const std::string> names);

/// The largest cut-off of metrics of rankings, the depth that ranked lists must have; 0 when none
/// has one.
int largest_cutoff(std::span<const Metric> metrics);

/// The names of a list of metrics.
std::vector<std::string> metric_names(std::span<const Metric> metrics);

}  // namespace kindred::eval
