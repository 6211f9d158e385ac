#pragma once
// Attention with a bias by distance on its scores, between any two sides: T5's. Legend: T packed
// queries, T' packed keys of as many sequences, H heads, d head size, n queries and m keys of one
// sequence, L longest distance + 1.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "lm/dropout.h"

namespace kindred::lm {

/// What attention between queries and keys needs beside them.
struct BiasedShape {
  std::vector<int64_t> queries;  ///< [S + 1] ends of the queries' sequences
  std::vector<int64_t> keys;     ///< [S + 1] ends of the keys' sequences
  int64_t heads = 1;             ///< H
  /// The last query stands at the last key, and none sees keys after its own; else the first query
  /// stands at the first key, and all are seen.
  bool causal = false;
  /// [H, 2 L - 1] float, contiguous: what is added to the score of a key that stands -(L - 1) .. L
  /// - 1 after its query; undefined: nothing.
  torch::Tensor bias = {};
  Dropout dropout = {};  ///< of the probabilities
  /// By sequence [H, n, m], as bias_matrices() makes them: what the plain form then takes for
  /// `bias`.
  std::vector<torch::Tensor> matrices = {};
  /// [S] rows of the dropout's mask, times H, that the sequences' first queries draw; empty: their
  /// packed numbers.
  std::vector<int64_t> mask_rows = {};

  int64_t mask_row(size_t sequence) const {
    return mask_rows.empty() ? queries[sequence] : mask_rows[sequence];
  }
};

/// The bias of each sequence, one tensor for all of a size: made once, several blocks may use them.
std::vector<torch::Tensor> bias_matrices(const BiasedShape& shape);

/// softmax(q k^T + bias) v in each sequence, unscaled: queries [T, H d], keys_values [T', 2 H d]
/// side by side, fp32 or bf16 and arithmetic in fp32 -> [T, H d]; zeros where a sequence has no
/// keys. On a processor by our own kernels; differentiable in queries, keys and values. The bias
/// gets no gradient.
torch::Tensor biased_attention(const torch::Tensor& queries, const torch::Tensor& keys_values,
                               const BiasedShape& shape);

/// The same by ATen, one sequence at a time; differentiable in the bias too, dropout by ATen's
/// generator.
torch::Tensor biased_attention_plain(const torch::Tensor& queries, const torch::Tensor& keys_values,
                                     const BiasedShape& shape);

/// Keys and values of one sequence, [m, H d] each; rows may lie apart.
struct KeyRows {
  torch::Tensor keys, values;
};
/// The same of sequences whose keys lie anywhere (caches); `shape.keys` is not read. No gradients.
torch::Tensor biased_attention_over(const torch::Tensor& queries, const std::vector<KeyRows>& read,
                                    const BiasedShape& shape);

}  // namespace kindred::lm
