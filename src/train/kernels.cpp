#include "train/kernels.h"

#include <cmath>

namespace kindred::train {
namespace {

/// Adam's update with what is constant over the stretch decided outside the loop.
template <bool has_gradient>
void adam_loop(const AdamStep step, const AdamRow& row) {
  float* __restrict p = row.parameter;
  float* __restrict m = row.first;
  float* __restrict v = row.second;
  const float* __restrict g = row.gradient;
#pragma GCC ivdep
  for (int64_t i = 0; i < row.size; ++i) {
    const float old = p[i] * step.shrink;
    const float gradient = (has_gradient ? g[i] * step.gradient_scale : 0.0f) + step.decay * old;
    m[i] += step.rise1 * (gradient - m[i]);
    v[i] = step.beta2 * v[i] + step.rise2 * gradient * gradient;
    p[i] = old - step.step_size * m[i] / (std::sqrt(v[i]) * step.inverse_root + step.epsilon);
  }
}

}  // namespace

void adam(const AdamStep& step, const AdamRow& row) {
  if (row.gradient)
    adam_loop<true>(step, row);
  else
    adam_loop<false>(step, row);
}

void sgd(const PlainStep& step, const AdamRow& row) {
  float* __restrict p = row.parameter;
  const float* __restrict g = row.gradient;
#pragma GCC ivdep
  for (int64_t i = 0; i < row.size; ++i)
    p[i] -= step.learning_rate * (g[i] * step.gradient_scale + step.decay * p[i]);
}

void adagrad(const PlainStep& step, const AdamRow& row) {
  float* __restrict p = row.parameter;
  float* __restrict s = row.second;
  const float* __restrict g = row.gradient;
#pragma GCC ivdep
  for (int64_t i = 0; i < row.size; ++i) {
    const float gradient = g[i] * step.gradient_scale + step.decay * p[i];
    s[i] += gradient * gradient;
    p[i] -= step.learning_rate * gradient / (std::sqrt(s[i]) + step.epsilon);
  }
}

double sum_of_squares(const float* values, int64_t size) {
  // Eight running sums: the order of additions is fixed, and the loop is vectorised.
  double sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= size; i += 8)
    for (int64_t lane = 0; lane < 8; ++lane) {
      const auto value = static_cast<double>(values[i + lane]);
      sums[lane] += value * value;
    }
  for (; i < size; ++i) sums[0] += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

}  // namespace kindred::train
