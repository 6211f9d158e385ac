#pragma once
// Self-attention over packed sequences. Legend: T tokens, H heads of queries, K heads of
// keys and of values (each shared by H / K heads of queries), d head size; W = (H + 2 K) d.

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <vector>

#include "lm/dropout.h"

namespace kindred::lm {

/// What attention needs beside its input.
struct AttentionShape {
  std::vector<int64_t> offsets;  ///< [S + 1] ends of the packed sequences
  int64_t heads = 1;             ///< H
  int64_t key_heads = 1;         ///< K
  double scale = 1;              ///< scores are multiplied by it
  Dropout dropout = {};          ///< of the probabilities
  bool causal = true;            ///< a token sees those before it and itself; else its sequence
  /// [S] leading tokens of each sequence that take no gradient; empty: none. Only
  /// attention_backward reads it.
  std::vector<int64_t> fixed = {};
  /// [S] rows of the dropout's mask, times H, that the sequences' first tokens draw; empty: their
  /// packed numbers.
  std::vector<int64_t> mask_rows = {};

  int64_t mask_row(size_t sequence) const {
    return mask_rows.empty() ? offsets[sequence] : mask_rows[sequence];
  }
  /// d, given the width of qkv.
  int64_t head_dim(int64_t width) const { return width / (heads + 2 * key_heads); }
};

/// softmax(scale q k^T + mask) v in each sequence, nothing padded: qkv [T, W] (queries,
/// keys, values side by side; fp32 or bf16, arithmetic in fp32) -> [T, H d]. Differentiable. On a
/// processor by our own kernels, on a GPU by ATen's where it takes the heads' size, elsewhere as
/// attention_plain.
torch::Tensor attention(const torch::Tensor& qkv, const AttentionShape& shape);

/// The plain form, by ATen one sequence at a time. On a processor it drops what attention() drops,
/// elsewhere by ATen's generator.
torch::Tensor attention_plain(const torch::Tensor& qkv, const AttentionShape& shape);

/// x [R, columns…] through a dropout: on a processor by the mask's rows `rows` [R] (empty: 0 .. R -
/// 1), elsewhere by ATen's generator. Differentiable.
torch::Tensor dropped(const torch::Tensor& x, const Dropout& dropout,
                      std::span<const int64_t> rows = {});

/// Forward without a graph: out [T, H d]; log_sums [T, H] float when defined.
void attention_forward(const torch::Tensor& qkv, const AttentionShape& shape, torch::Tensor& out,
                       const torch::Tensor& log_sums);
/// The gradient of qkv [T, W] from what the forward pass left. With `shape.fixed`, `out`,
/// `log_sums`, `d_out` and the result have rows for the other tokens only, `qkv` for all.
torch::Tensor attention_backward(const torch::Tensor& qkv, const AttentionShape& shape,
                                 const torch::Tensor& out, const torch::Tensor& log_sums,
                                 const torch::Tensor& d_out);

/// Keys and values [capacity, K d] of one sequence, of which the first `length` rows are filled.
struct KeysValues {
  torch::Tensor keys, values;
  int64_t length = 0;

  /// Adds rows [n, K d] of both, growing to twice what is held so that appending stays linear.
  void append(const torch::Tensor& more_keys, const torch::Tensor& more_values);
  /// A copy that shares nothing.
  KeysValues copy() const;
};
/// New tokens of several sequences (qkv [T, W], one part of `shape.offsets` each), each behind keys
/// and values that stay as they are: [T, H d]. Sequences side by side that are behind the same ones
/// read them together. No gradients.
torch::Tensor attention_behind(const torch::Tensor& qkv, const AttentionShape& shape,
                               std::span<const KeysValues* const> prefixes);

/// New tokens of several sequences (qkv [T, W], one part of `shape.offsets` each) after the cached
/// ones: appends their keys and values, growing the caches, and returns [T, H d]. No gradients.
torch::Tensor attention_cached(const torch::Tensor& qkv, const AttentionShape& shape,
                               std::span<KeysValues* const> caches);

}  // namespace kindred::lm
