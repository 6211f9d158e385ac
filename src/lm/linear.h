#pragma once
// The linear layer of every language model: one Hugging Face module, or several that read the same
// input (queries, keys and values). Legend: T tokens.

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lm/frozen_linear.h"

namespace kindred::lm {

/// y = x W + b for one module, or for several with their outputs side by side.
class Linear {
 public:
  struct Part {
    std::string name;      ///< of the module, such as `model.layers.0.self_attn.q_proj`
    torch::Tensor weight;  ///< [out, in], or [in, out] where `input_first` (GPT-2)
    torch::Tensor bias;    ///< [out] or undefined
    bool input_first = false;

    int64_t in() const { return weight.size(input_first ? 0 : 1); }
    int64_t out() const { return weight.size(input_first ? 1 : 0); }
    /// The weight as [in, out], a view.
    torch::Tensor matrix() const { return input_first ? weight : weight.t(); }
  };

  /// `frozen` holds all parts in one where weights never change, else it is null.
  Linear(std::vector<Part> parts, std::shared_ptr<const FrozenLinear> frozen)
      : parts_(std::move(parts)), frozen_(std::move(frozen)) {}

  /// x [T, in] of any float type -> [T, sum of out] of type `compute`; differentiable.
  torch::Tensor forward(const torch::Tensor& x, torch::ScalarType compute) const;

  const std::vector<Part>& parts() const { return parts_; }
  const std::shared_ptr<const FrozenLinear>& frozen() const { return frozen_; }

 private:
  std::vector<Part> parts_;
  std::shared_ptr<const FrozenLinear> frozen_;
};

}  // namespace kindred::lm
