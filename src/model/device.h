#pragma once
// Devices by their names.

#include <torch/torch.h>

#include <string>

namespace kindred::model {

/// The device called cpu, cuda or cuda:<number>; empty is cpu. Throws `config` for other names and
/// for a GPU that this machine has not.
torch::Device find_device(const std::string& name);

}  // namespace kindred::model
