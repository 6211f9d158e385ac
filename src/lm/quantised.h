#pragma once
// A linear layer's weights in 8 bits, for inference: a scale for each output, and inputs rounded to
// 8 bits row by row as they come. Legend: T tokens.

#include <torch/torch.h>

namespace kindred::lm {

/// Weights as integers -127 .. 127 times a scale for each output.
class Quantised {
 public:
  /// weight [out, in] float; it is not kept.
  explicit Quantised(const torch::Tensor& weight);

  /// x [T, in] fp32 or bf16 -> x weight^T + bias [T, out] in x's type; bias [out] may be undefined.
  /// Products of integers by oneDNN where LibTorch has it and the processor adds products of bytes
  /// in 32 bits (VNNI), else with weights turned back to numbers.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& bias) const;

 private:
  torch::Tensor integers_;  ///< [out, in] int8, where not packed
  torch::Tensor packed_;    ///< by oneDNN
  torch::Tensor scales_;    ///< [out] float
  torch::Tensor zeros_;     ///< [out] int64
};

}  // namespace kindred::lm
