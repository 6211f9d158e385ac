#pragma once
// The blocks of a frozen encoder, forward only: no graph, nothing saved, a stretch of sequences at
// a time so that what lies between two products stays in cache. Legend: T tokens, D hidden size.

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "lm/config/fields.h"
#include "lm/linear.h"
#include "lm/norm.h"

namespace kindred::lm {

/// One block, prepared; a norm stands behind each half.
struct FrozenEncoderBlock {
  std::shared_ptr<const Linear> qkv, out, up, down;  ///< frozen, without adapters
  NormWeights norm_1, norm_2;
};

/// Everything the pass reads.
struct FrozenEncoder {
  std::vector<FrozenEncoderBlock> blocks;
  int64_t heads = 1;
  double attention_scale = 1, epsilon = 1e-12;
  Activation activation = Activation::gelu_erf;
  torch::ScalarType compute = torch::kFloat;  ///< of products
};

/// x [T, D] float, states before the first block, of packed sequences -> last hidden states [T, D]
/// float; x is overwritten and returned. The residual stream is fp32 throughout.
torch::Tensor frozen_states(const FrozenEncoder& encoder, torch::Tensor x,
                            const std::vector<int64_t>& offsets);

}  // namespace kindred::lm
