#pragma once
// Activation functions of the feed-forward layers.

#include <torch/torch.h>

#include "lm/config/fields.h"

namespace kindred::lm {

/// The activation of x, any shape; differentiable. On a processor the tanh form of GELU runs by our
/// own kernel in fp32 and bf16.
torch::Tensor activate(Activation kind, const torch::Tensor& x);

/// Forward without a graph.
torch::Tensor activation_forward(Activation kind, const torch::Tensor& x);
/// The gradient of x given that of the output; may overwrite `d_y`.
torch::Tensor activation_backward(Activation kind, const torch::Tensor& x, torch::Tensor d_y);

/// act(gate) * value of x [T, 2 F] = [gate, value] -> [T, F]; differentiable. On a processor with
/// SiLU by our own kernel in fp32 and bf16.
torch::Tensor activate_gated(Activation kind, const torch::Tensor& x);

/// The same without a graph.
torch::Tensor gated_forward(Activation kind, const torch::Tensor& x);
/// The gradient of x [T, 2 F] given that of the output [T, F].
torch::Tensor gated_backward(Activation kind, const torch::Tensor& x, const torch::Tensor& d_y);

}  // namespace kindred::lm
