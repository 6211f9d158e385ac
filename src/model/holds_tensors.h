#pragma once
// Modules that compute with more than their registered parameters.

#include <torch/torch.h>

#include <vector>

namespace kindred::model {

/// A module with tensors beside its parameters, such as those of the adapters on it: a stage that
/// does not train them gives them no gradient either.
class HoldsTensors {
 public:
  virtual ~HoldsTensors() = default;
  /// Those tensors; they share memory with the module.
  virtual std::vector<torch::Tensor> held_tensors() const = 0;
};

}  // namespace kindred::model
