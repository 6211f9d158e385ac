#pragma once
// Whether one recommender is better than another: paired differences per user, bootstrap over
// users.
//
// Users are resampled with replacement within each stratum (a split; seeds that share a split are
// averaged per user first, since their differences are not independent); the statistic is the mean
// over strata. With m comparisons (pairs of runs times metrics) reported together at level alpha =
// 1 - confidence:
//   - the corrected interval is the percentile interval at level alpha/m (Bonferroni) and alone
//   decides;
//   - p_holm is the bootstrap p-value after Holm's step-down correction, printed beside it.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "eval/metrics/metric.h"
#include "eval/metrics/pointwise.h"
#include "eval/metrics/user_metrics.h"

namespace kindred::eval {

struct BootstrapOptions {
  uint64_t seed = 1;
  int resamples = 10000;          ///< raised where fewer than 25 would lie beyond a corrected end
  double confidence = 0.95;       ///< before correction
  double equality_margin = 0.01;  ///< "equal quality": the corrected interval lies inside +-this
  int threads = 1;                ///< results do not depend on it
};

/// Rows of two runs ready for a pooled statistic that is no mean over users, users weighted.
class PooledPair;

/// The users of one split in two runs. For metric m the difference of the runs is
/// sum_u differences[m][u] / sum_u weights[m][u]; where `pooled[m]` is not empty, the mean over its
/// pairs of the difference of their statistics over all rows, users weighted.
struct Stratum {
  int64_t users = 0;
  std::vector<std::vector<double>> differences;  ///< [metrics][users]; 0 where the weight is 0
  std::vector<std::vector<double>>
      weights;  ///< [metrics][users]; 0 where not defined in either run
  std::vector<std::vector<std::shared_ptr<const PooledPair>>>
      pooled;  ///< [metrics]; empty for other metrics than auc and ece
};

/// One run against another.
struct PairedRuns {
  std::vector<Metric> metrics;
  std::vector<Stratum> strata;
};

/// A run and its reference.
using UserPair = std::pair<const UserMetrics*, const UserMetrics*>;
using RowPair = std::pair<const PointwiseRows*, const PointwiseRows*>;

/// A stratum from ranking or text metrics; `pairs` are (run, reference) of the seeds that share a
/// split. Metrics without per-user values get weight 0. Throws `config` naming a user that only one
/// run evaluated.
Stratum pair_users(std::span<const UserPair> pairs, std::span<const Metric> metrics);

/// A stratum from pointwise rows, whose users are the clusters. Throws `config` when the rows of
/// two runs differ in users, items, labels or order.
Stratum pair_rows(std::span<const RowPair> pairs, int64_t n_users, std::span<const Metric> metrics);

struct Interval {
  double low, high;
};

enum class Verdict { better, worse, not_shown, undefined };

/// What is known about one metric of one pair of runs. Differences are run - reference.
struct Comparison {
  Metric metric;
  int64_t users = 0;      ///< users that count, over all strata
  double difference;      ///< NaN when not defined; then the rest is NaN too
  double standard_error;  ///< of the difference, by the bootstrap
  Interval interval;      ///< before correction
  Interval corrected;     ///< after correction: what decides
  double p, p_holm;       ///< bootstrap, two-sided; before and after correction
  double p_t, p_sign;  ///< paired t test and sign test, before correction; NaN for pooled metrics
  double detectable;   ///< smallest true difference found with 80% power at the corrected level
  Verdict verdict = Verdict::undefined;  ///< respects metrics of which less is better
  bool equal = false;                    ///< equal quality
};

/// Compares each pair in every metric; the correction is over all defined comparisons together.
/// Fewer than 10 users that count show nothing. [pairs][metrics]
std::vector<std::vector<Comparison>> compare_family(std::span<const PairedRuns> pairs,
                                                    const BootstrapOptions& options);

/// Intervals of runs' own values by the same resampling, uncorrected: [runs][metrics]. A run's own
/// values are its differences from a run that scores 0 everywhere.
std::vector<std::vector<Interval>> bootstrap_intervals(std::span<const PairedRuns> runs,
                                                       const BootstrapOptions& options);

/// "Paired differences per user, ... Bonferroni-corrected over 12 comparisons; ...": what tables
/// print.
std::string describe_correction(int64_t comparisons, const BootstrapOptions& options);

}  // namespace kindred::eval
