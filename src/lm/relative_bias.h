#pragma once
// T5's relative positions (Raffel et al. 2020, section 2.1): a learned number for each head and
// bucket of distances, added to attention's scores. Legend: B buckets, H heads, n queries, m keys.

#include <torch/torch.h>

#include <cstdint>

namespace kindred::lm {

/// How distances fall into buckets: half of them hold one distance each, the others grow
/// logarithmically up to `max_distance`, beyond which all are one.
struct RelativeBuckets {
  int64_t buckets = 32;
  int64_t max_distance = 128;
  bool both_ways = true;  ///< half of the buckets for keys after the query; else those count as 0

  /// The buckets of distances (key's position less the query's), any shape int64.
  torch::Tensor of(const torch::Tensor& distances) const;
};

/// What is added to the scores of queries at positions first .. first + n - 1 and keys at 0 .. m -
/// 1, from `table` [B, H] -> [H, n, m] float; differentiable. Where not `both_ways`, keys after
/// their query get minus infinity.
torch::Tensor relative_bias(const torch::Tensor& table, const RelativeBuckets& how, int64_t first,
                            int64_t n, int64_t m);

}  // namespace kindred::lm
