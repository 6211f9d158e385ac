#pragma once
// Rows of heads side by side, a head at a time: what attention by ATen multiplies.

#include <torch/torch.h>

#include <cstdint>

namespace kindred::lm {

/// rows [n, H d] -> [H, n, d], a view where the rows allow it.
inline torch::Tensor by_head(const torch::Tensor& rows, int64_t heads) {
  return rows.reshape({rows.size(0), heads, rows.size(1) / heads}).transpose(0, 1);
}

}  // namespace kindred::lm
