#pragma once
// The updates of one stretch of numbers: a single pass over parameter, moments and gradient,
// without temporaries. Formulas are torch.optim's.

#include <cstdint>

namespace kindred::train {

/// What an update of Adam or AdamW needs at one step count t.
struct AdamStep {
  float rise1;  ///< 1 - beta1
  float beta2;
  float rise2;  ///< 1 - beta2
  float epsilon;
  float step_size;              ///< lr / (1 - beta1^t)
  float inverse_root;           ///< 1 / sqrt(1 - beta2^t)
  float decay;                  ///< L2 added to the gradient (adam)
  float shrink = 1.0f;          ///< 1 - lr * weight_decay (adamw)
  float gradient_scale = 1.0f;  ///< of clipping
};

/// Where the numbers lie; `gradient` null stands for zeros.
struct AdamRow {
  float* parameter;
  float* first;
  float* second;
  const float* gradient;
  int64_t size;
};

/// p <- shrink p; g <- scale g + decay p; m <- m + rise1 (g-m); v <- beta2 v + rise2 g^2;
/// p <- p - step_size m / (sqrt(v) inverse_root + epsilon)
void adam(const AdamStep& step, const AdamRow& row);

/// What SGD and Adagrad need.
struct PlainStep {
  float learning_rate;
  float epsilon = 0.0f;
  float decay = 0.0f;
  float gradient_scale = 1.0f;
};

/// g <- scale g + decay p; p <- p - lr g
void sgd(const PlainStep& step, const AdamRow& row);
/// g <- scale g + decay p; s <- s + g^2 (in `second`); p <- p - lr g / (sqrt(s) + epsilon)
void adagrad(const PlainStep& step, const AdamRow& row);

/// Sum of squares in double precision; not finite when a value is not.
double sum_of_squares(const float* values, int64_t size);

}  // namespace kindred::train
