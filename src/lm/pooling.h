#pragma once
// From the states of a text's tokens to one vector. Legend: T packed tokens of S sequences, D
// hidden size.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "lm/config/sentence_config.h"

namespace kindred::lm {

/// states [T, D] float of packed sequences, none of them empty -> [S, D]. Differentiable. Throws
/// `internal` for an empty sequence.
torch::Tensor pool(const torch::Tensor& states, const std::vector<int64_t>& offsets, Pooling kind);

}  // namespace kindred::lm
