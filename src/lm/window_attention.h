#pragma once
// Longformer's attention (Beltagy et al. 2020, section 3.1) over packed sequences: a token sees its
// neighbours and the global tokens of its sequence; a global token sees, by projections of its own,
// the whole sequence. Time and memory are linear in the length. Legend: T tokens, G global ones, H
// heads, d head size.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace kindred::lm {

/// What windowed attention needs beside its input.
struct WindowShape {
  std::vector<int64_t> offsets;  ///< [S + 1] ends of the packed sequences
  std::vector<int64_t> global;   ///< [G] packed tokens, ascending
  int64_t heads = 1;             ///< H
  double scale = 1;              ///< scores are multiplied by it
  int64_t window = 1;            ///< neighbours seen to each side
  double dropout = 0;            ///< of the probabilities, by ATen's generator
};

/// Second projections: queries of the global tokens [G, H d], keys and values of all tokens side by
/// side [T, 2 H d].
struct GlobalProjections {
  torch::Tensor queries, keys_values;
};

/// qkv [T, 3 H d] (fp32 or bf16; probabilities in fp32) -> [T, H d]. `global` is read where
/// `shape.global` names tokens. Differentiable.
torch::Tensor window_attention(const torch::Tensor& qkv, const WindowShape& shape,
                               const GlobalProjections& global = {});

/// The places of global tokens, ascending: where `mask` [T] bool is set, or, undefined, the first
/// token of each sequence. Throws `internal` for a mask of another length.
std::vector<int64_t> global_tokens(const std::vector<int64_t>& offsets, const torch::Tensor& mask);

}  // namespace kindred::lm
