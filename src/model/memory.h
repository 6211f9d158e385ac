#pragma once
// Memory of tensors so large that finding their pages costs as much as reading their rows.

#include <torch/torch.h>

namespace kindred::model {

/// An uninitialised fp32 tensor on the CPU. From 4 MiB on the system is asked for huge pages (where
/// it gives them only to who asks, as most do): scattered rows of a large table then find their
/// page in one step instead of a walk through tables that no cache holds either. Only the mapping
/// differs, never the numbers.
torch::Tensor empty_large(at::IntArrayRef shape);

}  // namespace kindred::model
