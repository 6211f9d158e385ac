#pragma once
// T5's relative positions (Raffel et al. 2020, section 2.1): a learned number for each head and
// bucket of distances, added to attention's scores. Legend: B buckets, H heads, L longest
// distance + 1.

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

/// What is added to the scores of keys that stand -(L - 1) .. L - 1 after their query, from `table`
/// [B, H] -> [H, 2 L - 1] float; differentiable.
torch::Tensor relative_bias(const torch::Tensor& table, const RelativeBuckets& how, int64_t length);

}  // namespace kindred::lm
