#pragma once
// Products of small fp32 matrices in registers, inlined into the kernels that use them, for either
// instruction set. Private to the kernels of this room.

#include <cstdint>

#include "lm/simd.h"

namespace kindred::lm::kernels {

// A matrix read element by element: a(row, k) = data[row * row_stride + k * k_stride].
struct Left {
  const float* data;
  int64_t row_stride, k_stride;
};

// C [R, 16 W] (+)= left [R, k] right [k, 16 W], all of C in registers.
template <int R, int W, bool Add>
KINDRED_INLINE void tile(int64_t k, const Left& a, const float* b, int64_t ldb, float* c,
                         int64_t ldc) {
  simd::F sums[R][W];
  for (int r = 0; r < R; ++r) {
    for (int w = 0; w < W; ++w)
      sums[r][w] = Add ? simd::load(c + r * ldc + w * simd::kLanes) : simd::F{};
  }
  for (int64_t i = 0; i < k; ++i) {
    simd::F right[W];
    for (int w = 0; w < W; ++w) right[w] = simd::load(b + i * ldb + w * simd::kLanes);
    for (int r = 0; r < R; ++r) {
      const simd::F left = simd::splat(a.data[r * a.row_stride + i * a.k_stride]);
      for (int w = 0; w < W; ++w) sums[r][w] += left * right[w];
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int w = 0; w < W; ++w) simd::store(c + r * ldc + w * simd::kLanes, sums[r][w]);
  }
}

template <int R, int W, bool Add>
KINDRED_INLINE void last_rows(int64_t rows, int64_t k, const Left& a, const float* b, int64_t ldb,
                              float* c, int64_t ldc) {
  if constexpr (R > 0) {
    if (rows == R) {
      tile<R, W, Add>(k, a, b, ldb, c, ldc);
    } else {
      last_rows<R - 1, W, Add>(rows, k, a, b, ldb, c, ldc);
    }
  }
}

template <int R, int W, bool Add>
KINDRED_INLINE void column_strip(int64_t m, int64_t k, Left a, const float* b, int64_t ldb,
                                 float* c, int64_t ldc) {
  int64_t row = 0;
  for (; row + R <= m; row += R) {
    tile<R, W, Add>(k, a, b, ldb, c + row * ldc, ldc);
    a.data += R * a.row_stride;
  }
  last_rows<R - 1, W, Add>(m - row, k, a, b, ldb, c + row * ldc, ldc);
}

// C [m, n] (+)= left [m, k] right [k, n]; n is a multiple of 16.
template <bool Wide, bool Add>
KINDRED_INLINE void product(int64_t m, int64_t n, int64_t k, const Left& a, const float* b,
                            int64_t ldb, float* c, int64_t ldc) {
  // 16 accumulators of 32 registers with AVX-512, 12 of 16 without.
  constexpr int R = Wide ? 8 : 6;
  int64_t column = 0;
  if constexpr (Wide) {
    for (; column + 2 * simd::kLanes <= n; column += 2 * simd::kLanes) {
      column_strip<R, 2, Add>(m, k, a, b + column, ldb, c + column, ldc);
    }
  }
  for (; column < n; column += simd::kLanes) {
    column_strip<R, 1, Add>(m, k, a, b + column, ldb, c + column, ldc);
  }
}

}  // namespace kindred::lm::kernels
