#pragma once
// Sixteen floats at a time, by the compiler's vector types: one source that becomes AVX2 or AVX-512
// code according to the function it is inlined into. Private to the kernels of this room.

#include <cstdint>
#include <cstring>

#define KINDRED_INLINE static inline __attribute__((always_inline))
// A function of the faster kind; called only where use_avx512() holds.
#define KINDRED_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")))

// Vectors are passed between inlined functions only: no calling convention is involved.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace kindred::lm::simd {

constexpr int64_t kLanes = 16;

using F = float __attribute__((vector_size(64)));
using I = int32_t __attribute__((vector_size(64)));
using U = uint32_t __attribute__((vector_size(64)));
using H = uint16_t __attribute__((vector_size(32)));

/// The bits of a bfloat16.
struct Brain {
  uint16_t bits;
};

constexpr int64_t round_up(int64_t n) {
  return (n + kLanes - 1) / kLanes * kLanes;
}

KINDRED_INLINE F load(const float* from) {
  F value;
  std::memcpy(&value, from, sizeof(F));
  return value;
}

KINDRED_INLINE F load(const Brain* from) {
  H half;
  std::memcpy(&half, from, sizeof(H));
  const U wide = __builtin_convertvector(half, U) << 16;
  F value;
  std::memcpy(&value, &wide, sizeof(F));
  return value;
}

KINDRED_INLINE void store(float* to, F value) {
  std::memcpy(to, &value, sizeof(F));
}

KINDRED_INLINE void store(Brain* to, F value) {
  U bits;
  std::memcpy(&bits, &value, sizeof(U));
  // To nearest, ties to even; a NaN must not round into an infinity.
  const U rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const U chosen = value == value ? rounded : (bits * 0u + 0x7fc0u);
  const H half = __builtin_convertvector(chosen, H);
  std::memcpy(to, &half, sizeof(H));
}

template <class E>
KINDRED_INLINE F load_part(const E* from, int64_t n) {
  E buffer[kLanes] = {};
  std::memcpy(buffer, from, static_cast<size_t>(n) * sizeof(E));
  return load(buffer);
}

template <class E>
KINDRED_INLINE void store_part(E* to, F value, int64_t n) {
  E buffer[kLanes];
  store(buffer, value);
  std::memcpy(to, buffer, static_cast<size_t>(n) * sizeof(E));
}

KINDRED_INLINE F splat(float value) {
  return F{} + value;
}
KINDRED_INLINE F larger(F a, F b) {
  return a > b ? a : b;
}

KINDRED_INLINE float sum(F value) {
  float lanes[kLanes];
  store(lanes, value);
  for (int64_t step = 8; step > 0; step /= 2) {
    for (int64_t i = 0; i < step; ++i) lanes[i] += lanes[i + step];
  }
  return lanes[0];
}

KINDRED_INLINE float largest(F value) {
  float lanes[kLanes];
  store(lanes, value);
  for (int64_t step = 8; step > 0; step /= 2) {
    for (int64_t i = 0; i < step; ++i)
      lanes[i] = lanes[i] > lanes[i + step] ? lanes[i] : lanes[i + step];
  }
  return lanes[0];
}

/// e^x, within 2 units in the last place; below -87 the smallest normal number, above 88 a large
/// finite one; NaN stays NaN.
KINDRED_INLINE F exp(F x) {
  const F low = splat(-87.0f), high = splat(88.0f);
  x = x < low ? low : x;
  x = x > high ? high : x;
  // x = n ln 2 + r with |r| <= ln 2 / 2; adding 1.5 * 2^23 rounds to an integer.
  const F magic = splat(12582912.0f);
  const F n = (x * 1.44269504088896341f + magic) - magic;
  const F r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  F p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const I exponent = (__builtin_convertvector(n, I) + 127) << 23;
  F scale;
  std::memcpy(&scale, &exponent, sizeof(F));
  return p * scale;
}

}  // namespace kindred::lm::simd
