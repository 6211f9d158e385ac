#pragma once
// Rows of heads side by side, a head at a time: what attention by ATen multiplies.

#include <torch/torch.h>

#include <cstdint>

namespace kindred::lm {

/// rows [n, H d] -> [H, n, d], a view where the rows allow it; with `repeats`, each head as often
/// one after another, [H repeats, n, d].
inline torch::Tensor by_head(const torch::Tensor& rows, int64_t heads, int64_t repeats = 1) {
  const auto split = rows.reshape({rows.size(0), heads, rows.size(1) / heads}).transpose(0, 1);
  return repeats == 1 ? split : split.repeat_interleave(repeats, 0);
}

}  // namespace kindred::lm
