// Weights from strangers: safetensors (even first byte) and PyTorch's .bin, a zip with a pickle
// (odd first byte). What is accepted must lie inside the input.

#include <cstdint>

#include "core/safetensors.h"
#include "fuzz/fuzz.h"

using namespace kindred;

namespace {

/// Every tensor has the bytes of its shape, and all of them can be read.
void look_at(const std::map<std::string, TensorView>& tensors) {
  unsigned sum = 0;
  for (const auto& [name, view] : tensors) {
    fuzz::require(tensor_size(view.dtype, view.shape) == view.bytes.size());
    for (const char byte : view.bytes) sum += static_cast<unsigned char>(byte);
  }
  volatile unsigned keep = sum;
  (void)keep;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  fuzz::parse([&] {
    if (data[0] % 2 == 0) {
      std::map<std::string, std::string> metadata;
      look_at(parse_safetensors(bytes, "input", &metadata));
    } else {
      look_at(parse_torch_bin(bytes, "input")->tensors());
    }
  });
  return 0;
}
