#pragma once
// The loops of this room that are written by hand, on plain pointers. Each has a form for every
// x86-64-v3 processor and one for AVX-512, chosen at run time. Element type E is float or
// simd::Brain (bfloat16); arithmetic is fp32. Legend: T rows, D columns, L sequence, d head size.

#include <cstdint>

#include "lm/dropout.h"
#include "lm/simd.h"

namespace kindred::lm::kernels {

/// Whether the AVX-512 forms run: the processor has them and nobody switched them off.
bool use_avx512();
/// Switches the AVX-512 forms off (or on again where the processor has them), for tests.
void allow_avx512(bool allowed);

/// Queries of one sequence and head against its keys: query i sees keys 0 .. keys - queries + i, or
/// all of them where not `causal`. With `group` > 1 the heads after it, head_dim further on, share
/// these keys; only attention_backward reads it.
template <class E>
struct AttentionHead {
  const E *q, *k, *v;               ///< first rows
  int64_t q_stride, kv_stride;      ///< elements between rows
  int64_t queries, keys, head_dim;  ///< keys >= queries where causal
  float scale;
  Dropout dropout = {};  ///< of the probabilities of its rows first_row + i row_step
  uint64_t first_row = 0, row_step = 1;
  int64_t group = 1;
  bool causal = true;
  int64_t first = 0;  ///< queries and keys before it take no gradient; only attention_backward
  const float* bias = nullptr;  ///< bias[j - i + queries - 1] is added to the score of (i, j)

  /// How many keys query i sees.
  int64_t seen(int64_t i) const { return causal ? keys - queries + i + 1 : keys; }
  /// Bias of query i, from key 0 on.
  const float* bias_of(int64_t i) const {
    return bias == nullptr ? nullptr : bias + queries - 1 - i;
  }
};

/// out [queries, d] (row stride `out_stride`) and, when not null, log_sums[i * log_stride] = the
/// log of the sum of exponentials of row i.
template <class E>
void attention_forward(const AttentionHead<E>& head, E* out, int64_t out_stride, float* log_sums,
                       int64_t log_stride);

/// What attention_backward reads beside the head (queries == keys where causal) and writes. Further
/// heads of a group lie head_dim further on in `out`, `d_out` and `d_q`, 1 further on in
/// `log_sums`; d_k and d_v are the sums over the group. Rows are those of the tokens from `first`
/// on.
template <class E>
struct AttentionGradient {
  const E *out, *d_out;  ///< [L - first, d], row stride out_stride
  int64_t out_stride;
  const float* log_sums;
  int64_t log_stride;
  E *d_q, *d_k, *d_v;  ///< row strides d_stride and d_kv_stride
  int64_t d_stride, d_kv_stride;
};
template <class E>
void attention_backward(const AttentionHead<E>& head, const AttentionGradient<E>& gradient);

/// x [columns] times the mask of its row.
void drop_row(const Dropout& dropout, uint64_t row, int64_t columns, float* x);

/// The dropout of consecutive rows: row r of a call is row tokens[r] of the mask, or first + r.
struct RowsDropout {
  Dropout dropout = {};
  const int64_t* tokens = nullptr;
  int64_t first = 0;

  uint64_t row(int64_t r) const {
    return static_cast<uint64_t>(tokens != nullptr ? tokens[r] : first + r);
  }
};

/// A norm's fixed part.
struct Norm {
  const float *weight, *bias;  ///< bias may be null: none
  int64_t columns;
  float epsilon;
  bool centred = true;  ///< layer norm; else the mean is taken as 0 (root mean square)
};

/// What half a block adds to the stream, or its gradient, and the dropout it goes through.
template <class E>
struct Branch {
  E* data;
  RowsDropout dropout = {};
};

/// For `rows` rows: x += added (when not null) times its mask, then normalised = (x - mean) rstd
/// (kept for the backward pass when not null), y = normalised weight + bias.
template <class E, class Y>
void add_norm_forward(const Norm& norm, int64_t rows, const Branch<const E>& added, float* x,
                      E* normalised, float* rstd, Y* y);
/// For `rows` rows: x = the norm of x + added; `copy` (when not null) receives it as E.
template <class E>
void add_norm_into(const Norm& norm, int64_t rows, const E* added, float* x, E* copy);
/// d_x += the norm's gradient given d_y; `d_added` (when not null) receives the new d_x times its
/// mask as E.
template <class E, class Y>
void norm_backward(const Norm& norm, int64_t rows, const Y* d_y, const E* normalised,
                   const float* rstd, float* d_x, const Branch<E>& d_added);

/// y = gelu(x) with the tanh form: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
template <class E>
void gelu_tanh_forward(int64_t n, const E* x, E* y);
/// d_x = d_y gelu'(x); d_x may be d_y.
template <class E>
void gelu_tanh_backward(int64_t n, const E* x, const E* d_y, E* d_x);

/// y = silu(gate) value for rows of [gate, value], each n wide: silu(x) = x / (1 + e^-x).
template <class E>
void silu_gate_forward(int64_t rows, int64_t n, const E* x, E* y);
/// d_x [rows, 2 n] from d_y [rows, n].
template <class E>
void silu_gate_backward(int64_t rows, int64_t n, const E* x, const E* d_y, E* d_x);

/// Rotates `heads` heads of a row in place: of each head the pairs (i, i + half) by the angles
/// whose cosines and sines are given, `direction` 1 or -1.
template <class E>
void rotate(int64_t heads, int64_t half, const float* cosines, const float* sines, float direction,
            E* row);

/// The running softmax of a row whose scores arrive in blocks.
struct RunningSoftmax {
  float maximum, sum;
};
/// Takes n more scores: scores[i] = exp(scores[i] - new maximum); returns what earlier sums (and
/// whatever was accumulated with them) must be multiplied by.
template <class E>
float extend_softmax(RunningSoftmax& state, int64_t n, E* scores);

/// total = total * scale + added, elementwise.
template <class E>
void scale_add(int64_t n, float scale, const E* added, float* total);

}  // namespace kindred::lm::kernels
