#pragma once
// The blocks of a frozen decoder as one differentiable function of their input: forward and
// backward written out, with gradients of the embeddings only. Legend: T tokens, D hidden size.

#include <torch/torch.h>

#include <memory>
#include <vector>

#include "lm/attention.h"
#include "lm/config/fields.h"
#include "lm/frozen_linear.h"
#include "lm/norm.h"
#include "lm/rotary.h"

namespace kindred::lm {

/// One block, prepared.
struct FrozenBlock {
  NormWeights norm_1, norm_2;
  std::shared_ptr<const FrozenLinear> qkv, out, up, down;
  double attention_scale;
};

/// Everything the frozen forward and backward passes read. Norms come before each half of a block.
struct FrozenStack {
  std::vector<FrozenBlock> blocks;
  NormWeights final_norm;
  bool centred_norm = true;  ///< layer norms; else root mean square
  Activation activation = Activation::gelu_tanh;
  bool gated = false;  ///< `up` gives [gate, value]
  int64_t heads = 1, key_heads = 1, head_dim = 1;
  std::shared_ptr<const Rotary> rotary;  ///< null: none
  double epsilon = 1e-5;
  torch::ScalarType compute = torch::kFloat;  ///< of products and saved activations
};

/// x [T, D] float (embeddings plus positions) -> final hidden states [T, D] float, after the last
/// norm; of the tokens `rows` [R] int64 only where defined, [R, D]. The residual stream is fp32
/// throughout; inputs of products are `stack.compute`. Drops what the ordinary graph drops under
/// the same `dropout`.
torch::Tensor frozen_hidden(const std::shared_ptr<const FrozenStack>& stack, const torch::Tensor& x,
                            const std::vector<int64_t>& offsets, const torch::Tensor& rows = {},
                            const PassDropout& dropout = {});

}  // namespace kindred::lm
