#pragma once
// The blocks of a frozen decoder as one differentiable function of their input and of the adapters
// on them: forward and backward written out. Legend: T tokens, D hidden size, R rows asked for.

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <vector>

#include "lm/attention.h"
#include "lm/config/fields.h"
#include "lm/linear.h"
#include "lm/norm.h"
#include "lm/rotary.h"

namespace kindred::lm {

/// One block, prepared.
struct FrozenBlock {
  NormWeights norm_1, norm_2;
  std::shared_ptr<const Linear> qkv, out, up, down;  ///< frozen
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

/// What one pass reads beside its input.
struct FrozenPass {
  std::vector<int64_t> offsets;  ///< [S + 1] ends of the packed sequences
  torch::Tensor rows;            ///< [R] int64: only these tokens are asked for; undefined: all
  PassDropout dropout;
  /// [S] how many leading tokens of each sequence nothing trainable feeds: their gradient is not
  /// computed (that of the input is zero there). Empty: none.
  std::vector<int64_t> fixed;
  /// Keeps a block's input only and computes the rest again on the way back: memory for time.
  bool checkpoint = false;
  /// First position of each sequence, and what mixes its tokens in place of causal attention among
  /// themselves (qkv [T, W], layer -> [T, H d]). Only without gradients.
  std::vector<int64_t> starts;
  std::function<torch::Tensor(const torch::Tensor& qkv, size_t layer)> attend;
};

/// x [T, D] float (embeddings plus positions) -> final hidden states [T, D] float, after the last
/// norm; of `rows` only where defined, [R, D]. The residual stream is fp32 throughout; inputs of
/// products are `stack.compute`. Drops what the ordinary graph drops under the same dropout.
torch::Tensor frozen_hidden(const std::shared_ptr<const FrozenStack>& stack, const torch::Tensor& x,
                            FrozenPass pass);

}  // namespace kindred::lm
