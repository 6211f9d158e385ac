#pragma once
// Metrics of labelled rows (user, item, label 0 or 1, score).
//
// A user counts for uauc, gauc and ndcg when it has two rows or more and both labels among them.
// NaN scores rank below every number, tied among themselves.

#include <cstdint>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "eval/metrics/groups.h"
#include "eval/metrics/metric.h"
#include "eval/metrics/user_metrics.h"
#include "eval/metrics/values.h"

namespace kindred::eval {

/// Rows in the order of their file; the columns have equal length.
struct PointwiseRows {
  std::vector<data::Index> user;
  std::vector<data::Index> item;
  std::vector<float> label;  ///< 0 or 1
  std::vector<float> score;
  /// Whether the scores are probabilities of label 1 (a score outside [0, 1] is none all the same);
  /// logloss, brier and ece are not defined without.
  bool probabilities = true;

  int64_t size() const { return static_cast<int64_t>(user.size()); }
};

/// Throws `bad_data` naming the row when columns differ in length, a label is neither 0 nor 1, or a
/// user is not in [0, n_users).
void check_rows(const PointwiseRows& rows, int64_t n_users);

/// Area under the ROC curve with average ranks for ties:
/// (sum of positives' ranks - P(P+1)/2) / (P N); NaN without both labels.
double auc(std::span<const float> labels, std::span<const float> scores);

/// sum over positives of 1/log2(rank+1) over the whole list, in expectation over the orders of tied
/// scores, divided by its largest possible value; NaN without a positive.
double pointwise_ndcg(std::span<const float> labels, std::span<const float> scores);

/// Mean of -log(probability given to the true label) with scores clipped to [1e-15, 1 - 1e-15]; NaN
/// when there is no row or a score is NaN or outside [0, 1].
double logloss(std::span<const float> labels, std::span<const float> scores);

/// Mean of (score - label)^2; NaN when there is no row or a score is NaN or outside [0, 1].
double brier(std::span<const float> labels, std::span<const float> scores);

/// Expected calibration error over `bins` bins of equal width, each closed below, the last one also
/// above: sum over bins of |sum of labels - sum of scores| / rows. NaN as for brier.
double ece(std::span<const float> labels, std::span<const float> scores, int bins);

/// The bin of a probability among `bins` of equal width.
int probability_bin(float score, int bins);

/// Whether every score is a probability.
bool all_probabilities(const PointwiseRows& rows);

/// What each user contributes: `uauc`, `gauc`, `ndcg` are means of these columns over users that
/// count (gauc weighted by positives), `logloss` and `brier` are the sum of losses and of squares
/// over the sum of rows.
struct PointwiseUser {
  int64_t rows = 0;
  int64_t positives = 0;
  double auc = 0;      ///< NaN where the user does not count
  double ndcg = 0;     ///< NaN where the user does not count
  double loss = 0;     ///< sum over its rows; NaN where a score is no probability
  double squares = 0;  ///< of the errors, summed over its rows; NaN where a score is no probability
  bool counts() const { return rows >= 2 && positives > 0 && positives < rows; }
};

/// Per-user parts, indexed by user number; users without rows have rows = 0.
std::vector<PointwiseUser> pointwise_users(const PointwiseRows& rows, int64_t n_users);

/// The values of pointwise metrics over all rows; NaN for metrics of other families.
NamedValues pointwise_metrics(const PointwiseRows& rows, int64_t n_users,
                              std::span<const Metric> metrics);

/// The rows that lie in a group.
PointwiseRows select_rows(const PointwiseRows& rows, const Group& group);

}  // namespace kindred::eval
