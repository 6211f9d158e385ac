#include <atomic>

#include "lm/kernels.h"
#include "lm/kernels_dropout.h"
#include "lm/kernels_parts.h"

namespace kindred::lm::kernels {
namespace {

using simd::F;
using simd::kLanes;

std::atomic<bool>& avx512_flag() {
  static std::atomic<bool> flag{true};
  return flag;
}

bool processor_has_avx512() {
  static const bool has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return has;
}

KINDRED_INLINE void drop_row_body(const Dropout& dropout, uint64_t row, int64_t n, float* x) {
  const RowMask mask(dropout, row);
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t lanes = n - i < kLanes ? n - i : kLanes;
    put(x + i, get(x + i, lanes) * mask_of(mask, i), lanes);
  }
}

// x [n] += added, through the dropout of row r of a call.
template <class E>
KINDRED_INLINE void add_branch(const Branch<const E>& added, int64_t r, int64_t n, float* x) {
  const E* values = added.data + r * n;
  const bool drops = added.dropout.dropout.active();
  const RowMask mask(added.dropout.dropout, drops ? added.dropout.row(r) : 0);
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t lanes = n - i < kLanes ? n - i : kLanes;
    F value = get(values + i, lanes);
    if (drops) value *= mask_of(mask, i);
    put(x + i, get(x + i, lanes) + value, lanes);
  }
}

template <class E, class Y>
KINDRED_INLINE void add_norm_body(const Norm& norm, int64_t rows, const Branch<const E>& added,
                                  float* x, E* normalised, float* rstd, Y* y) {
  const int64_t n = norm.columns;
  for (int64_t r = 0; r < rows; ++r) {
    float* row = x + r * n;
    if (added.data != nullptr) add_branch(added, r, n, row);
    const Moments at = moments(row, norm);
    if (rstd != nullptr) rstd[r] = at.rstd;
    for (int64_t i = 0; i < n; i += kLanes) {
      const int64_t lanes = n - i < kLanes ? n - i : kLanes;
      const F centred = (get(row + i, lanes) - at.mean) * at.rstd;
      if (normalised != nullptr) put(normalised + r * n + i, centred, lanes);
      F out = centred * get(norm.weight + i, lanes);
      if (norm.bias != nullptr) out += get(norm.bias + i, lanes);
      put(y + r * n + i, out, lanes);
    }
  }
}

// With g = d_y weight: d_x = rstd (g - mean(g) - normalised mean(g normalised)), mean(g) left out
// where the norm is not centred.
template <class E, class Y>
KINDRED_INLINE void norm_backward_body(const Norm& norm, int64_t rows, const Y* d_y,
                                       const E* normalised, const float* rstd, float* d_x,
                                       const Branch<E>& d_added) {
  const int64_t n = norm.columns;
  const float inverse = 1.0f / static_cast<float>(n);
  const bool drops = d_added.data != nullptr && d_added.dropout.dropout.active();
  for (int64_t r = 0; r < rows; ++r) {
    const RowMask mask(d_added.dropout.dropout, drops ? d_added.dropout.row(r) : 0);
    const Y* gradient = d_y + r * n;
    const E* unit = normalised + r * n;
    F total = {}, aligned = {};
    for (int64_t i = 0; i < n; i += kLanes) {
      const int64_t lanes = n - i < kLanes ? n - i : kLanes;
      const F g = get(gradient + i, lanes) * get(norm.weight + i, lanes);
      total += g;
      aligned += g * get(unit + i, lanes);
    }
    const float mean = norm.centred ? simd::sum(total) * inverse : 0.0f;
    const float along = simd::sum(aligned) * inverse;
    for (int64_t i = 0; i < n; i += kLanes) {
      const int64_t lanes = n - i < kLanes ? n - i : kLanes;
      const F g = get(gradient + i, lanes) * get(norm.weight + i, lanes);
      const F sum =
          get(d_x + r * n + i, lanes) + (g - mean - get(unit + i, lanes) * along) * rstd[r];
      put(d_x + r * n + i, sum, lanes);
      if (d_added.data != nullptr) {
        put(d_added.data + r * n + i, drops ? sum * mask_of(mask, i) : sum, lanes);
      }
    }
  }
}

constexpr float kRootTwoOverPi = 0.7978845608028654f;
constexpr float kCubic = 0.044715f;

// 0.5 (1 + tanh(u)) is the logistic function of 2u: 1 / (1 + e) with e = exp(-2u), returned here.
KINDRED_INLINE F gelu_exponential(F x) {
  return simd::exp(x * (1.0f + kCubic * x * x) * (-2.0f * kRootTwoOverPi));
}

template <class E>
KINDRED_INLINE void gelu_forward_body(int64_t n, const E* x, E* y) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t lanes = n - i < kLanes ? n - i : kLanes;
    const F value = get(x + i, lanes);
    put(y + i, value / (1.0f + gelu_exponential(value)), lanes);
  }
}

template <class E>
KINDRED_INLINE void gelu_backward_body(int64_t n, const E* x, const E* d_y, E* d_x) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t lanes = n - i < kLanes ? n - i : kLanes;
    const F value = get(x + i, lanes), e = gelu_exponential(value), gate = 1.0f / (1.0f + e);
    const F slope = (1.0f + 3.0f * kCubic * value * value) * (2.0f * kRootTwoOverPi);
    put(d_x + i, get(d_y + i, lanes) * gate * (1.0f + value * (e * gate) * slope), lanes);
  }
}

template <class E>
KINDRED_INLINE void silu_gate_forward_body(int64_t rows, int64_t n, const E* x, E* y) {
  for (int64_t r = 0; r < rows; ++r) {
    const E *gates = x + 2 * r * n, *values = gates + n;
    for (int64_t i = 0; i < n; i += kLanes) {
      const int64_t lanes = n - i < kLanes ? n - i : kLanes;
      const F gate = get(gates + i, lanes);
      put(y + r * n + i, gate / (1.0f + simd::exp(-gate)) * get(values + i, lanes), lanes);
    }
  }
}

template <class E>
KINDRED_INLINE void silu_gate_backward_body(int64_t rows, int64_t n, const E* x, const E* d_y,
                                            E* d_x) {
  for (int64_t r = 0; r < rows; ++r) {
    const E *gates = x + 2 * r * n, *values = gates + n;
    E *d_gates = d_x + 2 * r * n, *d_values = d_gates + n;
    for (int64_t i = 0; i < n; i += kLanes) {
      const int64_t lanes = n - i < kLanes ? n - i : kLanes;
      const F gate = get(gates + i, lanes), given = get(d_y + r * n + i, lanes);
      const F e = simd::exp(-gate), share = 1.0f / (1.0f + e);
      const F slope = share * (1.0f + gate * (e * share));
      put(d_gates + i, given * get(values + i, lanes) * slope, lanes);
      put(d_values + i, given * gate * share, lanes);
    }
  }
}

template <class E>
KINDRED_INLINE void rotate_body(int64_t heads, int64_t half, const float* cosines,
                                const float* sines, float direction, E* row) {
  for (int64_t h = 0; h < heads; ++h) {
    E *first = row + 2 * h * half, *second = first + half;
    for (int64_t i = 0; i < half; i += kLanes) {
      const int64_t lanes = half - i < kLanes ? half - i : kLanes;
      const F x = get(first + i, lanes), y = get(second + i, lanes);
      const F c = get(cosines + i, lanes), s = get(sines + i, lanes) * direction;
      put(first + i, x * c - y * s, lanes);
      put(second + i, y * c + x * s, lanes);
    }
  }
}

template <class E>
KINDRED_INLINE float softmax_body(RunningSoftmax& state, int64_t n, E* scores) {
  F top = simd::splat(state.maximum);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) top = simd::larger(simd::load(scores + i), top);
  float maximum = simd::largest(top);
  if (i < n) {
    float rest[kLanes];
    simd::store(rest, simd::load_part(scores + i, n - i));
    for (int64_t j = 0; j < n - i; ++j) maximum = rest[j] > maximum ? rest[j] : maximum;
  }
  F total = {};
  for (i = 0; i + kLanes <= n; i += kLanes) {
    const F e = simd::exp(simd::load(scores + i) - maximum);
    total += e;
    simd::store(scores + i, e);
  }
  float sum = simd::sum(total);
  if (i < n) {
    float rest[kLanes];
    const F e = simd::exp(simd::load_part(scores + i, n - i) - maximum);
    simd::store(rest, e);
    for (int64_t j = 0; j < n - i; ++j) sum += rest[j];
    simd::store_part(scores + i, e, n - i);
  }
  const float factor = __builtin_expf(state.maximum - maximum);
  state = {maximum, state.sum * factor + sum};
  return factor;
}

template <class E>
KINDRED_INLINE void scale_add_body(int64_t n, float scale, const E* added, float* total) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t lanes = n - i < kLanes ? n - i : kLanes;
    put(total + i, get(total + i, lanes) * scale + get(added + i, lanes), lanes);
  }
}

// Each kernel twice: for any processor of the baseline, and with AVX-512.
#define KINDRED_TWICE(types, result, name, body, parameters, arguments) \
  template <types>                                                      \
  result name##_any parameters {                                        \
    return body arguments;                                              \
  }                                                                     \
  template <types>                                                      \
  KINDRED_AVX512 result name##_avx512 parameters {                      \
    return body arguments;                                              \
  }
#define KINDRED_COMMA ,

KINDRED_TWICE(class E KINDRED_COMMA class Y, void, add_norm, add_norm_body,
              (const Norm& norm, int64_t rows, const Branch<const E>& added, float* x,
               E* normalised, float* rstd, Y* y),
              (norm, rows, added, x, normalised, rstd, y))
KINDRED_TWICE(class E KINDRED_COMMA class Y, void, norm_back, norm_backward_body,
              (const Norm& norm, int64_t rows, const Y* d_y, const E* normalised, const float* rstd,
               float* d_x, const Branch<E>& d_added),
              (norm, rows, d_y, normalised, rstd, d_x, d_added))
KINDRED_TWICE(class E, void, gelu_forward, gelu_forward_body, (int64_t n, const E* x, E* y),
              (n, x, y))
KINDRED_TWICE(class E, void, gelu_backward, gelu_backward_body,
              (int64_t n, const E* x, const E* d_y, E* d_x), (n, x, d_y, d_x))
KINDRED_TWICE(class E, void, silu_gate, silu_gate_forward_body,
              (int64_t rows, int64_t n, const E* x, E* y), (rows, n, x, y))
KINDRED_TWICE(class E, void, silu_gate_back, silu_gate_backward_body,
              (int64_t rows, int64_t n, const E* x, const E* d_y, E* d_x), (rows, n, x, d_y, d_x))
KINDRED_TWICE(class E, void, rotated, rotate_body,
              (int64_t heads, int64_t half, const float* cosines, const float* sines,
               float direction, E* row),
              (heads, half, cosines, sines, direction, row))
KINDRED_TWICE(class E, float, softmax, softmax_body, (RunningSoftmax & state, int64_t n, E* scores),
              (state, n, scores))
KINDRED_TWICE(class E, void, scaled, scale_add_body,
              (int64_t n, float scale, const E* added, float* total), (n, scale, added, total))

}  // namespace

bool use_avx512() {
  return processor_has_avx512() && avx512_flag().load(std::memory_order_relaxed);
}
void allow_avx512(bool allowed) {
  avx512_flag().store(allowed);
}

namespace {
void drop_row_any(const Dropout& dropout, uint64_t row, int64_t n, float* x) {
  drop_row_body(dropout, row, n, x);
}
KINDRED_AVX512 void drop_row_avx512(const Dropout& dropout, uint64_t row, int64_t n, float* x) {
  drop_row_body(dropout, row, n, x);
}
}  // namespace

void drop_row(const Dropout& dropout, uint64_t row, int64_t columns, float* x) {
  if (dropout.active()) (use_avx512() ? drop_row_avx512 : drop_row_any)(dropout, row, columns, x);
}

template <class E, class Y>
void add_norm_forward(const Norm& norm, int64_t rows, const Branch<const E>& added, float* x,
                      E* normalised, float* rstd, Y* y) {
  (use_avx512() ? add_norm_avx512<E, Y> : add_norm_any<E, Y>)(norm, rows, added, x, normalised,
                                                              rstd, y);
}

template <class E, class Y>
void norm_backward(const Norm& norm, int64_t rows, const Y* d_y, const E* normalised,
                   const float* rstd, float* d_x, const Branch<E>& d_added) {
  (use_avx512() ? norm_back_avx512<E, Y> : norm_back_any<E, Y>)(norm, rows, d_y, normalised, rstd,
                                                                d_x, d_added);
}

template <class E>
void gelu_tanh_forward(int64_t n, const E* x, E* y) {
  (use_avx512() ? gelu_forward_avx512<E> : gelu_forward_any<E>)(n, x, y);
}

template <class E>
void gelu_tanh_backward(int64_t n, const E* x, const E* d_y, E* d_x) {
  (use_avx512() ? gelu_backward_avx512<E> : gelu_backward_any<E>)(n, x, d_y, d_x);
}

template <class E>
void silu_gate_forward(int64_t rows, int64_t n, const E* x, E* y) {
  (use_avx512() ? silu_gate_avx512<E> : silu_gate_any<E>)(rows, n, x, y);
}

template <class E>
void silu_gate_backward(int64_t rows, int64_t n, const E* x, const E* d_y, E* d_x) {
  (use_avx512() ? silu_gate_back_avx512<E> : silu_gate_back_any<E>)(rows, n, x, d_y, d_x);
}

template <class E>
void rotate(int64_t heads, int64_t half, const float* cosines, const float* sines, float direction,
            E* row) {
  (use_avx512() ? rotated_avx512<E> : rotated_any<E>)(heads, half, cosines, sines, direction, row);
}

template <class E>
float extend_softmax(RunningSoftmax& state, int64_t n, E* scores) {
  return (use_avx512() ? softmax_avx512<E> : softmax_any<E>)(state, n, scores);
}

template <class E>
void scale_add(int64_t n, float scale, const E* added, float* total) {
  (use_avx512() ? scaled_avx512<E> : scaled_any<E>)(n, scale, added, total);
}

using simd::Brain;
#define KINDRED_INSTANTIATE(E)                                                                     \
  template void gelu_tanh_forward(int64_t, const E*, E*);                                          \
  template void gelu_tanh_backward(int64_t, const E*, const E*, E*);                               \
  template void silu_gate_forward(int64_t, int64_t, const E*, E*);                                 \
  template void silu_gate_backward(int64_t, int64_t, const E*, const E*, E*);                      \
  template void rotate(int64_t, int64_t, const float*, const float*, float, E*);                   \
  template float extend_softmax(RunningSoftmax&, int64_t, E*);                                     \
  template void scale_add(int64_t, float, const E*, float*);                                       \
  template void add_norm_forward(const Norm&, int64_t, const Branch<const E>&, float*, E*, float*, \
                                 E*);                                                              \
  template void norm_backward(const Norm&, int64_t, const E*, const E*, const float*, float*,      \
                              const Branch<E>&)
KINDRED_INSTANTIATE(float);
KINDRED_INSTANTIATE(Brain);
template void add_norm_forward(const Norm&, int64_t, const Branch<const Brain>&, float*, Brain*,
                               float*, float*);
template void norm_backward(const Norm&, int64_t, const float*, const Brain*, const float*, float*,
                            const Branch<Brain>&);

}  // namespace kindred::lm::kernels
