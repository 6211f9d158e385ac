#pragma once
// The bootstrap's engine: how often each user was drawn, many resamples at a time, and what
// statistics make of these counts.

#include <cstdint>
#include <span>
#include <vector>

#include "eval/metrics/significance.h"

namespace kindred::eval {

/// Resamples handled together: the counts of a user are one cache line.
inline constexpr int resample_width = 16;

/// A statistic of two runs over all rows at once. Both have the same users and labels row by row.
class PooledPair {
 public:
  virtual ~PooledPair() = default;
  /// The statistic of the run minus the reference's with every user drawn once.
  double difference() const;
  /// As above for each resample: `counts` [users, resample_width] says how often a user was drawn;
  /// NaN where it is not defined.
  virtual void differences(std::span<const float> counts, std::span<double> out) const = 0;

 protected:
  explicit PooledPair(const PointwiseRows& rows);

 private:
  int64_t n_users_ = 0;
};

/// Areas under the ROC curve: rows sorted by score.
class AucPair : public PooledPair {
 public:
  AucPair(const PointwiseRows& run, const PointwiseRows& reference);
  void differences(std::span<const float> counts, std::span<double> out) const override;

 private:
  struct Sorted {
    std::vector<uint32_t> user;     ///< by place, best first
    std::vector<uint8_t> positive;  ///< by place
    std::vector<uint8_t> last;      ///< whether a run of ties ends here
  };
  static Sorted sorted(const PointwiseRows& rows);
  static void areas(const Sorted& rows, std::span<const float> counts, std::span<double> out);

  Sorted run_, reference_;
};

/// Expected calibration errors over bins of equal width; the scores must be probabilities.
class EcePair : public PooledPair {
 public:
  EcePair(const PointwiseRows& run, const PointwiseRows& reference, int bins);
  void differences(std::span<const float> counts, std::span<double> out) const override;

 private:
  struct Binned {
    std::vector<int32_t> bin;  ///< by row
    std::vector<double> gap;   ///< label - probability, by row
  };
  Binned binned(const PointwiseRows& rows) const;
  void errors(const Binned& rows, std::span<const float> counts, std::span<double> out) const;

  int bins_;
  std::vector<data::Index> user_;  ///< by row
  Binned run_, reference_;
};

/// The statistic of every metric on the data as they are: [metrics].
std::vector<double> observed(const PairedRuns& pair);

/// The statistic of every metric of every pair in each of `resamples` bootstrap resamples:
/// [pairs][metrics][resamples]. Draws come from the stream (seed, "bootstrap", stratum, resample),
/// so neither threads nor the number of resamples change a resample; pairs whose strata are equally
/// large share draws.
std::vector<std::vector<std::vector<double>>> resampled(std::span<const PairedRuns> pairs,
                                                        int resamples, uint64_t seed, int threads);

}  // namespace kindred::eval
