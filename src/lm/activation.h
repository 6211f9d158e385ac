#pragma once
// Activation functions of the feed-forward layers.

#include <torch/torch.h>

#include "lm/config/gpt2_config.h"

namespace kindred::lm {

/// The activation of x, any shape; differentiable. On a processor the tanh form of GELU runs by our
/// own kernel in fp32 and bf16.
torch::Tensor activate(Activation kind, const torch::Tensor& x);

/// Forward without a graph.
torch::Tensor activation_forward(Activation kind, const torch::Tensor& x);
/// The gradient of x given that of the output; may overwrite `d_y`.
torch::Tensor activation_backward(Activation kind, const torch::Tensor& x, torch::Tensor d_y);

}  // namespace kindred::lm
