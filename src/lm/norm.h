#pragma once
// Norms over the last dimension.

#include <torch/torch.h>

namespace kindred::lm {

/// Weight and bias [D] of a norm, fp32; an undefined bias is none.
struct NormWeights {
  torch::Tensor weight, bias;
};

/// x [T, D] float normed: by mean and variance (layer norm) where `centred`, else by its root mean
/// square. Differentiable.
inline torch::Tensor norm_rows(const torch::Tensor& x, const NormWeights& weights, bool centred,
                               double epsilon) {
  if (!centred) return torch::rms_norm(x, {x.size(-1)}, weights.weight, epsilon);
  return torch::layer_norm(x, {x.size(-1)}, weights.weight, weights.bias, epsilon);
}

}  // namespace kindred::lm
