#pragma once
// The linear layer of every language model: one Hugging Face module, or several that read the same
// input (queries, keys and values). Legend: T tokens.

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lm/frozen_linear.h"
#include "lm/low_rank.h"

namespace kindred::lm {

/// y = x W + b for one module, or for several with their outputs side by side.
class Linear {
 public:
  struct Part {
    std::string name;      ///< of the module, such as `model.layers.0.self_attn.q_proj`
    torch::Tensor weight;  ///< [out, in], or [in, out] where `input_first` (GPT-2); none in int8
    torch::Tensor bias;    ///< [out] or undefined
    bool input_first = false;
    int64_t in = 0, out = 0;

    /// The weight as [in, out], a view.
    torch::Tensor matrix() const { return input_first ? weight : weight.t(); }
  };

  /// What an adapter adds to the outputs from column `begin` on.
  struct Addition {
    int64_t begin = 0;
    std::shared_ptr<const LowRank> low_rank;
  };

  /// `frozen` holds all parts in one where weights never change, else it is null.
  Linear(std::vector<Part> parts, std::shared_ptr<const FrozenLinear> frozen)
      : parts_(std::move(parts)), frozen_(std::move(frozen)) {}

  /// x [T, in] of any float type -> [T, sum of out] of type `compute`, with what adapters add;
  /// differentiable.
  torch::Tensor forward(const torch::Tensor& x, torch::ScalarType compute,
                        const PassDropout& dropout = {}) const;

  const std::vector<Part>& parts() const { return parts_; }
  /// All parts in one where weights never change, else null.
  const std::shared_ptr<const FrozenLinear>& frozen() const { return frozen_; }
  /// What the adapters in use add, each to one part.
  const std::vector<Addition>& additions() const { return additions_; }

  void set_additions(std::vector<Addition> additions) { additions_ = std::move(additions); }
  /// After the weights' values were changed in place: forgets what was packed of them.
  void repack();
  /// Whether the parts' own tensors are read although the layer is frozen, because others stand in
  /// for them.
  void set_replaced(bool replaced) { replaced_ = replaced; }

 private:
  std::vector<Part> parts_;
  std::shared_ptr<const FrozenLinear> frozen_;
  std::vector<Addition> additions_;
  bool replaced_ = false;
};

}  // namespace kindred::lm
