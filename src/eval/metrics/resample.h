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

/// Rows of two runs sorted by score, for AUCs under user weights.
class AucPair {
 public:
  /// Both runs have the same users and labels row by row.
  AucPair(const PointwiseRows& run, const PointwiseRows& reference);

  /// AUC(run) - AUC(reference) with every user drawn once.
  double difference() const;
  /// As above for each resample: `counts` [users, resample_width] says how often a user was drawn;
  /// NaN where one label is missing.
  void differences(std::span<const float> counts, std::span<double> out) const;

 private:
  struct Sorted {
    std::vector<uint32_t> user;     ///< by place, best first
    std::vector<uint8_t> positive;  ///< by place
    std::vector<uint8_t> last;      ///< whether a run of ties ends here
  };
  static Sorted sorted(const PointwiseRows& rows);
  static void areas(const Sorted& rows, std::span<const float> counts, std::span<double> out);

  Sorted run_, reference_;
  int64_t n_users_ = 0;
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
