#pragma once
// Masks of dropout, sixteen columns at a time. Private to the kernels of this room.

#include "lm/dropout.h"
#include "lm/simd.h"

namespace kindred::lm::kernels {

/// What the mask of one row needs.
struct RowMask {
  uint32_t first = 0, second = 0;  ///< keys of the row
  uint32_t least = 0;              ///< hashes below it are dropped
  float scale = 1;                 ///< of kept elements

  RowMask(const Dropout& dropout, uint64_t row) {
    if (!dropout.active()) return;
    const uint64_t key = mixed(dropout.key ^ row);
    first = static_cast<uint32_t>(key);
    second = static_cast<uint32_t>(key >> 32);
    const double share = static_cast<double>(dropout.probability) * 4294967296.0;
    least = share < 4294967295.0 ? static_cast<uint32_t>(share) : 4294967295u;
    scale = dropout.probability < 1 ? 1.0f / (1.0f - dropout.probability) : 0.0f;
  }
};

/// 0 or the scale for the columns [column, column + 16) of a row.
KINDRED_INLINE simd::F mask_of(const RowMask& row, int64_t column) {
  using simd::U;
  const U lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  // Two rounds of multiplying and folding (constants of C. Wellons' lowbias32), a key before each.
  U x = (lanes + static_cast<uint32_t>(column)) * 0x9e3779b9u + row.first;
  x = (x ^ (x >> 16)) * 0x7feb352du + row.second;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  x ^= x >> 16;
  const simd::F none = {};
  return x < row.least ? none : none + row.scale;
}

/// row [0, n) times its mask; touches up to 15 floats behind.
KINDRED_INLINE void apply(const RowMask& mask, int64_t n, float* row) {
  for (int64_t c = 0; c < n; c += simd::kLanes) {
    simd::store(row + c, simd::load(row + c) * mask_of(mask, c));
  }
}

}  // namespace kindred::lm::kernels
