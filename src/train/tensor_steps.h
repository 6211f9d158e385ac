#pragma once
// The updates of train/kernels.h by tensor operations: what parameters on an accelerator get.

#include <torch/torch.h>

#include "train/kernels.h"

namespace kindred::train {

/// Numbers of one parameter, or rows of a table, with their state; all on one device.
struct TensorRow {
  torch::Tensor parameter;
  torch::Tensor first, second;  ///< undefined where the optimiser has none
  torch::Tensor gradient;       ///< undefined stands for zeros
};

/// As adam() of train/kernels.h, in place. Where rows have step counts of their own, `step_size`
/// and `inverse_root` [u, 1] stand for those of `step`.
void adam(const AdamStep& step, const TensorRow& row, const torch::Tensor& step_size = {},
          const torch::Tensor& inverse_root = {});
/// As sgd() of train/kernels.h, in place.
void sgd(const PlainStep& step, const TensorRow& row);
/// As adagrad() of train/kernels.h, in place.
void adagrad(const PlainStep& step, const TensorRow& row);

}  // namespace kindred::train
