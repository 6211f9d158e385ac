#pragma once
// Attention with a bias on its scores, between any two sides, by ATen one sequence at a time.
// Legend: H heads, d head size, n queries and m keys of one sequence.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace kindred::lm {

/// What attention between packed queries and packed keys needs beside them.
struct BiasedShape {
  const std::vector<int64_t>& queries;       ///< [S + 1] ends of the queries' sequences
  const std::vector<int64_t>& keys;          ///< [S + 1] ends of the keys' sequences
  int64_t heads = 1;                         ///< H
  const std::vector<torch::Tensor>& biases;  ///< by sequence, as `bias` below; empty: none
  double dropout = 0;                        ///< of the probabilities, by ATen's generator
};

/// Of one sequence: softmax(q k^T + bias) v of queries [n, H d], keys and values [m, H d], bias
/// [H, n, m] or undefined -> [n, H d]. Scores are not scaled. Differentiable; softmax in fp32.
torch::Tensor biased_attention(const torch::Tensor& queries, const torch::Tensor& keys,
                               const torch::Tensor& values, const torch::Tensor& bias,
                               const BiasedShape& shape);

/// Of all sequences: queries [T, H d], keys and values side by side [T', 2 H d] -> [T, H d].
torch::Tensor biased_attention_packed(const torch::Tensor& queries,
                                      const torch::Tensor& keys_values, const BiasedShape& shape);

}  // namespace kindred::lm
