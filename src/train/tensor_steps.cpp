#include "train/tensor_steps.h"

namespace kindred::train {
namespace {

// scale g + decay p; undefined where nothing is left of it.
torch::Tensor gradient_of(const TensorRow& row, float scale, float decay) {
  torch::Tensor gradient = row.gradient;
  if (gradient.defined() && scale != 1.0f) gradient = gradient * scale;
  if (decay == 0.0f) return gradient;
  return gradient.defined() ? gradient.add(row.parameter, decay) : row.parameter * decay;
}

}  // namespace

void adam(const AdamStep& step, const TensorRow& row, const torch::Tensor& step_size,
          const torch::Tensor& inverse_root) {
  if (step.shrink != 1.0f) row.parameter.mul_(step.shrink);
  const torch::Tensor gradient = gradient_of(row, step.gradient_scale, step.decay);
  row.first.mul_(1.0f - step.rise1);
  row.second.mul_(step.beta2);
  if (gradient.defined()) {
    row.first.add_(gradient, step.rise1);
    row.second.addcmul_(gradient, gradient, step.rise2);
  }
  auto root = row.second.sqrt();
  root = (inverse_root.defined() ? root.mul_(inverse_root) : root.mul_(step.inverse_root))
             .add_(step.epsilon);
  if (step_size.defined())
    row.parameter.sub_(row.first.div(root).mul_(step_size));
  else
    row.parameter.addcdiv_(row.first, root, -step.step_size);
}

void sgd(const PlainStep& step, const TensorRow& row) {
  const torch::Tensor gradient = gradient_of(row, step.gradient_scale, step.decay);
  if (gradient.defined()) row.parameter.sub_(gradient, step.learning_rate);
}

void adagrad(const PlainStep& step, const TensorRow& row) {
  const torch::Tensor gradient = gradient_of(row, step.gradient_scale, step.decay);
  if (!gradient.defined()) return;
  row.second.addcmul_(gradient, gradient);
  row.parameter.addcdiv_(gradient, row.second.sqrt().add_(step.epsilon), -step.learning_rate);
}

}  // namespace kindred::train
