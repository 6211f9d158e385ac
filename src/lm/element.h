#pragma once
// From a tensor's type to the kernels' element type.

#include <torch/torch.h>

#include "core/error.h"
#include "lm/simd.h"

namespace kindred::lm {

inline float* data_of(const torch::Tensor& t, float) {
  return t.defined() ? t.data_ptr<float>() : nullptr;
}
inline simd::Brain* data_of(const torch::Tensor& t, simd::Brain) {
  return t.defined() ? reinterpret_cast<simd::Brain*>(t.data_ptr<at::BFloat16>()) : nullptr;
}

/// Calls body(E{}) with E = float or simd::Brain by the type; throws `internal` for others.
template <class Body>
void with_element(torch::ScalarType type, const Body& body) {
  check(type == torch::kFloat || type == torch::kBFloat16, "kernels take fp32 or bf16");
  if (type == torch::kFloat) {
    body(float{});
  } else {
    body(simd::Brain{});
  }
}

/// Rows of `columns` elements that are worth a thread's while.
inline int64_t row_grain(int64_t columns) {
  return std::max<int64_t>(1, 32768 / columns);
}

}  // namespace kindred::lm
