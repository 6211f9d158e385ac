#pragma once
// A linear layer whose weights never change: stored twice more, packed as the products like them.

#include <torch/torch.h>

#include <memory>
#include <mutex>
#include <optional>

#include "lm/config/fields.h"
#include "lm/quantised.h"

namespace kindred::lm {

/// y = x weight + bias with weight [in, out] in either order of memory; an undefined bias is none.
/// Packed by oneDNN on first use, once for each direction; elsewhere plain products.
class FrozenLinear {
 public:
  FrozenLinear(torch::Tensor weight, torch::Tensor bias);
  /// In 8 bits, forward only.
  FrozenLinear(std::shared_ptr<const Quantised> weight, torch::Tensor bias);

  /// The same weights, to be packed anew.
  std::shared_ptr<const FrozenLinear> unpacked() const {
    const auto bias = bias_ ? *bias_ : torch::Tensor();
    return quantised_ != nullptr ? std::make_shared<FrozenLinear>(quantised_, bias)
                                 : std::make_shared<FrozenLinear>(weight_, bias);
  }

  /// x [T, in] -> [T, out], in the weight's type; no graph.
  torch::Tensor forward(const torch::Tensor& x) const;
  /// activation(x weight + bias), in one pass where the product's library has the activation.
  torch::Tensor forward(const torch::Tensor& x, Activation activation) const;
  /// Throws `config` in 8 bits. d_y [T, out] -> d_x [T, in] = d_y weight^T.
  torch::Tensor backward(const torch::Tensor& d_y) const;

 private:
  const torch::Tensor& packed() const;

  torch::Tensor weight_;
  std::shared_ptr<const Quantised> quantised_;  ///< in its place where not null
  std::optional<torch::Tensor> bias_;
  bool packs_;
  // Made by whichever thread comes first.
  mutable std::once_flag forward_once_, backward_once_;
  mutable torch::Tensor forward_packed_, backward_packed_;
};

/// x [T, in] -> [T, out] with gradients of x only.
torch::Tensor frozen_product(const std::shared_ptr<const FrozenLinear>& linear,
                             const torch::Tensor& x);

/// x [T, in] times weight [out, in] transposed -> [T, out], without a graph; by oneDNN where it
/// serves the type and place (whatever the weight's strides), else by ATen.
torch::Tensor product_transposed(const torch::Tensor& x, const torch::Tensor& weight);

}  // namespace kindred::lm
