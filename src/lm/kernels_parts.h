#pragma once
// What the kernels over rows share, inlined into each for either instruction set. Private to the
// kernels of this room.

#include <cstdint>

#include "lm/kernels.h"
#include "lm/simd.h"

namespace kindred::lm::kernels {

using simd::F;
using simd::kLanes;

template <class E>
KINDRED_INLINE F get(const E* from, int64_t lanes) {
  return lanes == kLanes ? simd::load(from) : simd::load_part(from, lanes);
}
template <class E>
KINDRED_INLINE void put(E* to, F value, int64_t lanes) {
  if (lanes == kLanes) {
    simd::store(to, value);
  } else {
    simd::store_part(to, value, lanes);
  }
}

struct Moments {
  float mean, rstd;
};

KINDRED_INLINE float mean_of(const float* x, int64_t n) {
  F total = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) total += simd::load(x + i);
  float sum = simd::sum(total);
  for (; i < n; ++i) sum += x[i];
  return sum / static_cast<float>(n);
}

KINDRED_INLINE Moments moments(const float* x, const Norm& norm) {
  const int64_t n = norm.columns;
  const float mean = norm.centred ? mean_of(x, n) : 0.0f;
  F squares = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const F centred = simd::load(x + i) - mean;
    squares += centred * centred;
  }
  float variance = simd::sum(squares);
  for (; i < n; ++i) variance += (x[i] - mean) * (x[i] - mean);
  variance /= static_cast<float>(n);
  return {mean, 1.0f / __builtin_sqrtf(variance + norm.epsilon)};
}

}  // namespace kindred::lm::kernels
