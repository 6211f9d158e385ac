#pragma once
// Weights for tests: a new model's, away from their first values.

#include <torch/torch.h>

#include <map>
#include <string>

namespace kindred::lm {

/// Adds noise to every parameter, norms and biases too, so that every term counts; returns copies.
inline std::map<std::string, torch::Tensor> shaken_weights(torch::nn::Module& model) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(5);
  std::map<std::string, torch::Tensor> weights;
  for (auto& parameter : model.named_parameters()) {
    parameter.value().add_(torch::randn_like(parameter.value()), 0.1);
    weights[parameter.key()] = parameter.value().clone();
  }
  return weights;
}

}  // namespace kindred::lm
