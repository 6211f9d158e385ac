#pragma once
// Attention over packed sequences on a GPU.

#include "lm/attention.h"

namespace kindred::lm {

/// Whether attention_cuda() takes heads of qkv [T, W].
bool attention_cuda_serves(const torch::Tensor& qkv, const AttentionShape& shape);

/// As attention(), by ATen's memory-efficient kernel, which takes packed sequences as they are.
/// Differentiable; dropout by ATen's generator.
torch::Tensor attention_cuda(const torch::Tensor& qkv, const AttentionShape& shape);

}  // namespace kindred::lm
