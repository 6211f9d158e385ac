#include <algorithm>
#include <vector>

#include "lm/kernels.h"
#include "lm/kernels_dropout.h"
#include "lm/kernels_product.h"

namespace kindred::lm::kernels {
namespace {

using simd::F;
using simd::kLanes;
using simd::round_up;

// Queries handled together: enough to reuse keys from cache, few enough that the scores of a long
// sequence stay in the second-level cache.
constexpr int64_t kQueryBlock = 32;
// Up to this many queries, rearranging keys costs more than it saves.
constexpr int64_t kFewQueries = 3;

// to [rows, round_up(columns)] float, zeros behind the columns.
template <class E>
KINDRED_INLINE void copy_rows(const E* from, int64_t stride, int64_t rows, int64_t columns,
                              float factor, float* to) {
  const int64_t width = round_up(columns);
  for (int64_t r = 0; r < rows; ++r) {
    const E* row = from + r * stride;
    float* out = to + r * width;
    int64_t c = 0;
    for (; c + kLanes <= columns; c += kLanes) simd::store(out + c, simd::load(row + c) * factor);
    if (c < columns) simd::store(out + c, simd::load_part(row + c, columns - c) * factor);
  }
}

// to [columns, round_up(rows)] = from [rows, columns] transposed, zeros behind; `from` has row
// stride `stride`.
KINDRED_INLINE void transpose(const float* from, int64_t stride, int64_t rows, int64_t columns,
                              float* to) {
  const int64_t width = round_up(rows);
  for (int64_t begin = 0; begin < width; begin += kLanes) {
    const int64_t n = std::min(kLanes, rows - begin);
    for (int64_t c = 0; c < columns; ++c) {
      float lanes[kLanes] = {};
      for (int64_t i = 0; i < n; ++i) lanes[i] = from[(begin + i) * stride + c];
      std::memcpy(to + c * width + begin, lanes, sizeof(lanes));
    }
  }
}

template <class E>
KINDRED_INLINE void write_row(const float* from, int64_t columns, float factor, E* to) {
  int64_t c = 0;
  for (; c + kLanes <= columns; c += kLanes) simd::store(to + c, simd::load(from + c) * factor);
  if (c < columns) simd::store_part(to + c, simd::load(from + c) * factor, columns - c);
}

KINDRED_INLINE void fill(float* row, int64_t begin, int64_t end, float value) {
  for (int64_t i = begin; i < end; ++i) row[i] = value;
}

// row[0, limit) = exp(row - maximum), zeros up to `end`; returns the sum and sets the maximum.
KINDRED_INLINE float exponentiate(float* row, int64_t limit, int64_t end, float& maximum) {
  const int64_t width = round_up(limit);
  fill(row, limit, width, -3.0e38f);
  F top = simd::splat(-3.0e38f);
  for (int64_t c = 0; c < width; c += kLanes) top = simd::larger(simd::load(row + c), top);
  maximum = simd::largest(top);
  F total = {};
  for (int64_t c = 0; c < width; c += kLanes) {
    const F e = simd::exp(simd::load(row + c) - maximum);
    total += e;
    simd::store(row + c, e);
  }
  fill(row, limit, std::max(width, end), 0.0f);
  return simd::sum(total);
}

template <class E>
KINDRED_INLINE F load_lanes(const E* from, int64_t lanes) {
  return lanes >= kLanes ? simd::load(from) : simd::load_part(from, lanes);
}

// row[0, limit) += bias (when there is one).
KINDRED_INLINE void add_bias(const float* bias, int64_t limit, float* row) {
  if (bias == nullptr) return;
  for (int64_t c = 0; c < limit; c += kLanes) {
    simd::store(row + c, simd::load(row + c) + load_lanes(bias + c, limit - c));
  }
}

// The mask of query i of a head.
template <class E>
KINDRED_INLINE RowMask mask_row(const AttentionHead<E>& head, int64_t i) {
  return {head.dropout, head.first_row + static_cast<uint64_t>(i) * head.row_step};
}

template <class E>
KINDRED_INLINE float row_product(const E* a, const float* b, int64_t n) {
  F total = {};
  int64_t c = 0;
  for (; c + kLanes <= n; c += kLanes) total += simd::load(a + c) * simd::load(b + c);
  if (c < n) total += simd::load_part(a + c, n - c) * simd::load(b + c);
  return simd::sum(total);
}

// A few queries against many keys: every key and value is read once as it lies, nothing is copied.
template <class E>
KINDRED_INLINE void forward_few(const AttentionHead<E>& head, E* out, int64_t out_stride,
                                float* log_sums, int64_t log_stride, float* scratch) {
  const int64_t d = head.head_dim, d_width = round_up(d);
  float* query = scratch;
  float* mixed = query + d_width;
  float* scores = mixed + d_width;
  for (int64_t i = 0; i < head.queries; ++i) {
    const int64_t limit = head.seen(i);
    copy_rows(head.q + i * head.q_stride, 0, 1, d, head.scale, query);
    for (int64_t k = 0; k < limit; ++k) {
      scores[k] = row_product(head.k + k * head.kv_stride, query, d);
    }
    add_bias(head.bias_of(i), limit, scores);
    float maximum;
    const float sum = exponentiate(scores, limit, limit, maximum);
    if (head.dropout.active()) apply(mask_row(head, i), limit, scores);
    fill(mixed, 0, d_width, 0);
    for (int64_t k = 0; k < limit; ++k) {
      const E* value = head.v + k * head.kv_stride;
      for (int64_t c = 0; c < d; c += kLanes) {
        simd::store(mixed + c, simd::load(mixed + c) +
                                   load_lanes(value + c, std::min(kLanes, d - c)) * scores[k]);
      }
    }
    write_row(mixed, d, 1.0f / sum, out + i * out_stride);
    if (log_sums != nullptr) log_sums[i * log_stride] = maximum + __builtin_logf(sum);
  }
}

template <bool Wide, class E>
KINDRED_INLINE void forward_body(const AttentionHead<E>& head, E* out, int64_t out_stride,
                                 float* log_sums, int64_t log_stride, float* scratch) {
  if (head.queries <= kFewQueries) {
    forward_few(head, out, out_stride, log_sums, log_stride, scratch);
    return;
  }
  const int64_t d = head.head_dim, d_width = round_up(d), k_width = round_up(head.keys);
  float* values = scratch;                     // [keys, d]
  float* keys = values + head.keys * d_width;  // [d, keys]
  float* queries = keys + d * k_width;         // [block, d]
  float* scores = queries + kQueryBlock * d_width;
  float* mixed = scores + kQueryBlock * k_width;
  copy_rows(head.k, head.kv_stride, head.keys, d, 1, values);
  transpose(values, d_width, head.keys, d, keys);
  copy_rows(head.v, head.kv_stride, head.keys, d, 1, values);
  for (int64_t begin = 0; begin < head.queries; begin += kQueryBlock) {
    const int64_t rows = std::min(kQueryBlock, head.queries - begin);
    const int64_t seen = head.seen(begin + rows - 1);
    copy_rows(head.q + begin * head.q_stride, head.q_stride, rows, d, head.scale, queries);
    product<Wide, false>(rows, round_up(seen), d, {queries, d_width, 1}, keys, k_width, scores,
                         k_width);
    float factors[kQueryBlock];
    for (int64_t r = 0; r < rows; ++r) {
      float maximum;
      const int64_t limit = head.seen(begin + r);
      add_bias(head.bias_of(begin + r), limit, scores + r * k_width);
      const float sum = exponentiate(scores + r * k_width, limit, seen, maximum);
      if (head.dropout.active()) apply(mask_row(head, begin + r), limit, scores + r * k_width);
      factors[r] = 1.0f / sum;
      if (log_sums != nullptr) {
        log_sums[(begin + r) * log_stride] = maximum + __builtin_logf(sum);
      }
    }
    product<Wide, false>(rows, d_width, seen, {scores, k_width, 1}, values, d_width, mixed,
                         d_width);
    for (int64_t r = 0; r < rows; ++r) {
      write_row(mixed + r * d_width, d, factors[r], out + (begin + r) * out_stride);
    }
  }
}

// Places in one buffer for everything the backward pass of a head keeps.
struct BackwardScratch {
  float *keys, *keys_t, *values_t, *d_keys, *d_values;       // whole sequence
  float *queries, *d_out, *d_queries, *weights, *d_weights;  // one block
  int64_t d_width, width;

  BackwardScratch(float* at, int64_t n, int64_t d) : d_width(round_up(d)), width(round_up(n)) {
    const auto take = [&at](int64_t size) {
      float* place = at;
      at += size;
      return place;
    };
    keys = take(n * d_width);
    keys_t = take(d * width);
    values_t = take(d * width);
    d_keys = take(n * d_width);
    d_values = take(n * d_width);
    queries = take(kQueryBlock * d_width);
    d_out = take(kQueryBlock * d_width);
    d_queries = take(kQueryBlock * d_width);
    weights = take(kQueryBlock * width);
    d_weights = take(kQueryBlock * width);
  }
  static int64_t size(int64_t n, int64_t d) {
    return 3 * n * round_up(d) + 2 * d * round_up(n) +
           kQueryBlock * (3 * round_up(d) + 2 * round_up(n));
  }
};

// What the gradient of one row of scores needs beside them.
struct RowGradient {
  float scale, log_sum, delta;
  const RowMask* mask;  // null: nothing is dropped
  const float* bias;    // null: none
};

// weights = softmax from scores and the saved log sums, less what was dropped; d_weights becomes
// the scores' gradient.
KINDRED_INLINE void score_gradient(float* weights, float* d_weights, int64_t limit, int64_t end,
                                   const RowGradient& row) {
  const int64_t width = round_up(limit);
  for (int64_t c = 0; c < width; c += kLanes) {
    F score = simd::load(weights + c) * row.scale;
    if (row.bias != nullptr) score += load_lanes(row.bias + c, limit - c);
    const F p = simd::exp(score - row.log_sum);
    F kept = p, d_p = simd::load(d_weights + c);
    if (row.mask != nullptr) {
      const F mask = mask_of(*row.mask, c);
      kept = p * mask;
      d_p = d_p * mask;
    }
    simd::store(weights + c, kept);
    simd::store(d_weights + c, p * (d_p - row.delta) * row.scale);
  }
  fill(weights, limit, std::max(width, end), 0.0f);
  fill(d_weights, limit, std::max(width, end), 0.0f);
}

template <bool Wide, class E>
KINDRED_INLINE void backward_block(const AttentionHead<E>& head, const AttentionGradient<E>& to,
                                   const BackwardScratch& s, int64_t begin) {
  const int64_t d = head.head_dim, rows = std::min(kQueryBlock, head.queries - begin);
  const int64_t seen = head.seen(begin + rows - 1), first = head.first, given = begin - first;
  copy_rows(head.q + begin * head.q_stride, head.q_stride, rows, d, 1, s.queries);
  copy_rows(to.d_out + given * to.out_stride, to.out_stride, rows, d, 1, s.d_out);
  product<Wide, false>(rows, round_up(seen), d, {s.queries, s.d_width, 1}, s.keys_t, s.width,
                       s.weights, s.width);
  product<Wide, false>(rows, round_up(seen), d, {s.d_out, s.d_width, 1}, s.values_t, s.width,
                       s.d_weights, s.width);
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t row = begin + r;
    const float delta =
        row_product(to.out + (given + r) * to.out_stride, s.d_out + r * s.d_width, d);
    const RowMask mask = mask_row(head, row);
    score_gradient(s.weights + r * s.width, s.d_weights + r * s.width, head.seen(row), seen,
                   {head.scale, to.log_sums[(given + r) * to.log_stride], delta,
                    head.dropout.active() ? &mask : nullptr, head.bias_of(row)});
  }
  product<Wide, false>(rows, s.d_width, seen, {s.d_weights, s.width, 1}, s.keys, s.d_width,
                       s.d_queries, s.d_width);
  product<Wide, true>(seen - first, s.d_width, rows, {s.d_weights + first, 1, s.width}, s.queries,
                      s.d_width, s.d_keys + first * s.d_width, s.d_width);
  product<Wide, true>(seen - first, s.d_width, rows, {s.weights + first, 1, s.width}, s.d_out,
                      s.d_width, s.d_values + first * s.d_width, s.d_width);
  for (int64_t r = 0; r < rows; ++r) {
    write_row(s.d_queries + r * s.d_width, d, 1, to.d_q + (given + r) * to.d_stride);
  }
}

template <bool Wide, class E>
KINDRED_INLINE void backward_body(const AttentionHead<E>& head, const AttentionGradient<E>& to,
                                  float* scratch) {
  const int64_t n = head.keys, d = head.head_dim;
  const BackwardScratch s(scratch, n, d);
  copy_rows(head.v, head.kv_stride, n, d, 1, s.keys);
  transpose(s.keys, s.d_width, n, d, s.values_t);
  copy_rows(head.k, head.kv_stride, n, d, 1, s.keys);
  transpose(s.keys, s.d_width, n, d, s.keys_t);
  fill(s.d_keys, 0, n * s.d_width, 0);
  fill(s.d_values, 0, n * s.d_width, 0);
  AttentionHead<E> one = head;
  AttentionGradient<E> its = to;
  for (int64_t g = 0; g < head.group; ++g) {
    for (int64_t begin = head.first; begin < head.queries; begin += kQueryBlock) {
      backward_block<Wide>(one, its, s, begin);
    }
    one.q += d;
    one.first_row += 1;
    its.out += d;
    its.d_out += d;
    its.d_q += d;
    its.log_sums += 1;
  }
  for (int64_t r = head.first; r < n; ++r) {
    const int64_t to_row = (r - head.first) * to.d_kv_stride;
    write_row(s.d_keys + r * s.d_width, d, 1, to.d_k + to_row);
    write_row(s.d_values + r * s.d_width, d, 1, to.d_v + to_row);
  }
}

template <class E>
void forward_any(const AttentionHead<E>& head, E* out, int64_t out_stride, float* log_sums,
                 int64_t log_stride, float* scratch) {
  forward_body<false>(head, out, out_stride, log_sums, log_stride, scratch);
}
template <class E>
KINDRED_AVX512 void forward_avx512(const AttentionHead<E>& head, E* out, int64_t out_stride,
                                   float* log_sums, int64_t log_stride, float* scratch) {
  forward_body<true>(head, out, out_stride, log_sums, log_stride, scratch);
}
template <class E>
void backward_any(const AttentionHead<E>& head, const AttentionGradient<E>& to, float* scratch) {
  backward_body<false>(head, to, scratch);
}
template <class E>
KINDRED_AVX512 void backward_avx512(const AttentionHead<E>& head, const AttentionGradient<E>& to,
                                    float* scratch) {
  backward_body<true>(head, to, scratch);
}

// Grows and never shrinks: a thread meets sequences of all lengths.
float* thread_scratch(int64_t size) {
  thread_local std::vector<float> buffer;
  if (static_cast<int64_t>(buffer.size()) < size) buffer.resize(static_cast<size_t>(size));
  return buffer.data();
}

}  // namespace

template <class E>
void attention_forward(const AttentionHead<E>& head, E* out, int64_t out_stride, float* log_sums,
                       int64_t log_stride) {
  const int64_t d_width = round_up(head.head_dim), width = round_up(head.keys);
  float* scratch = thread_scratch(head.keys * d_width + head.head_dim * width +
                                  kQueryBlock * (2 * d_width + width));
  const auto run = use_avx512() ? forward_avx512<E> : forward_any<E>;
  run(head, out, out_stride, log_sums, log_stride, scratch);
}

template <class E>
void attention_backward(const AttentionHead<E>& head, const AttentionGradient<E>& gradient) {
  float* scratch = thread_scratch(BackwardScratch::size(head.keys, head.head_dim));
  const auto run = use_avx512() ? backward_avx512<E> : backward_any<E>;
  run(head, gradient, scratch);
}

template void attention_forward(const AttentionHead<float>&, float*, int64_t, float*, int64_t);
template void attention_forward(const AttentionHead<simd::Brain>&, simd::Brain*, int64_t, float*,
                                int64_t);
template void attention_backward(const AttentionHead<float>&, const AttentionGradient<float>&);
template void attention_backward(const AttentionHead<simd::Brain>&,
                                 const AttentionGradient<simd::Brain>&);

}  // namespace kindred::lm::kernels
