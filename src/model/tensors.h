#pragma once
// Named tensors to safetensors files and back.

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace kindred::model {

/// Named tensors to a safetensors file (moved to CPU, contiguous), atomically; and back.
using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;
void save_tensors(const std::filesystem::path& path, const NamedTensors& tensors,
                  const std::map<std::string, std::string>& metadata = {});
/// Copies out of the file. Throws `missing` or `bad_data`.
NamedTensors load_tensors(const std::filesystem::path& path);
/// The tensor of that name; throws `bad_data` naming the file when absent or not of `shape` (-1:
/// any).
torch::Tensor find_tensor(const NamedTensors& tensors, const std::string& name,
                          std::span<const int64_t> shape, const std::string& where);

}  // namespace kindred::model
