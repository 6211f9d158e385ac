#pragma once
// Causal self-attention over packed sequences. Legend: T tokens, D hidden size, H heads.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace kindred::lm {

/// What attention needs beside its input.
struct AttentionShape {
  std::vector<int64_t> offsets;  ///< [S + 1] ends of the packed sequences
  int64_t heads = 1;             ///< D is split evenly over them
  double scale = 1;              ///< scores are multiplied by it
};

/// The plain form: per sequence softmax(scale q k^T + causal mask) v, differentiable by ATen.
/// qkv [T, 3 D] (queries, keys, values side by side) -> [T, D]. `dropout` acts on the
/// probabilities.
torch::Tensor attention_plain(const torch::Tensor& qkv, const AttentionShape& shape,
                              double dropout = 0);

}  // namespace kindred::lm
