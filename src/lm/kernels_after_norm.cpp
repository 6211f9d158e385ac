// Norms that stand behind what they norm, as encoders have them.

#include "lm/kernels.h"
#include "lm/kernels_parts.h"

namespace kindred::lm::kernels {
namespace {

template <class E>
KINDRED_INLINE void add_norm_into_body(const Norm& norm, int64_t rows, const E* added, float* x,
                                       E* copy) {
  const int64_t n = norm.columns;
  for (int64_t r = 0; r < rows; ++r) {
    float* row = x + r * n;
    for (int64_t i = 0; i < n; i += kLanes) {
      const int64_t lanes = n - i < kLanes ? n - i : kLanes;
      put(row + i, get(row + i, lanes) + get(added + r * n + i, lanes), lanes);
    }
    const Moments at = moments(row, norm);
    for (int64_t i = 0; i < n; i += kLanes) {
      const int64_t lanes = n - i < kLanes ? n - i : kLanes;
      F out = (get(row + i, lanes) - at.mean) * at.rstd * get(norm.weight + i, lanes);
      if (norm.bias != nullptr) out += get(norm.bias + i, lanes);
      put(row + i, out, lanes);
      if (copy != nullptr) put(copy + r * n + i, out, lanes);
    }
  }
}

template <class E>
void add_norm_into_any(const Norm& norm, int64_t rows, const E* added, float* x, E* copy) {
  add_norm_into_body(norm, rows, added, x, copy);
}
template <class E>
KINDRED_AVX512 void add_norm_into_avx512(const Norm& norm, int64_t rows, const E* added, float* x,
                                         E* copy) {
  add_norm_into_body(norm, rows, added, x, copy);
}

}  // namespace

template <class E>
void add_norm_into(const Norm& norm, int64_t rows, const E* added, float* x, E* copy) {
  (use_avx512() ? add_norm_into_avx512<E> : add_norm_into_any<E>)(norm, rows, added, x, copy);
}

template void add_norm_into(const Norm&, int64_t, const float*, float*, float*);
template void add_norm_into(const Norm&, int64_t, const simd::Brain*, float*, simd::Brain*);

}  // namespace kindred::lm::kernels
