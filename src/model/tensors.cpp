#include "model/tensors.h"

#include <array>
#include <cstring>

#include "core/error.h"
#include "core/safetensors.h"
#include "core/strings.h"

namespace kindred::model {
namespace {

struct TypePair {
  DType file;
  torch::ScalarType tensor;
};
constexpr std::array<TypePair, 10> type_pairs{{{DType::f64, torch::kFloat64},
                                               {DType::f32, torch::kFloat32},
                                               {DType::f16, torch::kFloat16},
                                               {DType::bf16, torch::kBFloat16},
                                               {DType::i64, torch::kInt64},
                                               {DType::i32, torch::kInt32},
                                               {DType::i16, torch::kInt16},
                                               {DType::i8, torch::kInt8},
                                               {DType::u8, torch::kUInt8},
                                               {DType::boolean, torch::kBool}}};

torch::ScalarType tensor_type(DType type, const std::string& where) {
  for (const TypePair& pair : type_pairs)
    if (pair.file == type) return pair.tensor;
  throw Error(Exit::bad_data, where,
              cat("got a tensor of type ", dtype_name(type), ", expected a type that models use"));
}

DType file_type(torch::ScalarType type) {
  for (const TypePair& pair : type_pairs)
    if (pair.tensor == type) return pair.file;
  throw Error(Exit::internal, "save_tensors",
              cat("tensors of type ", c10::toString(type), " have no safetensors form"));
}

std::string shape_text(std::span<const int64_t> shape) {
  std::vector<std::string> sizes;
  for (const int64_t size : shape) sizes.push_back(size < 0 ? "any" : std::to_string(size));
  return cat("[", join(sizes, ", "), "]");
}

}  // namespace

void save_tensors(const std::filesystem::path& path, const NamedTensors& tensors,
                  const std::map<std::string, std::string>& metadata) {
  std::vector<torch::Tensor> kept;  // contiguous copies live until the file is written
  std::vector<TensorToWrite> list;
  for (const auto& [name, tensor] : tensors) {
    const torch::Tensor plain = tensor.detach().to(torch::kCPU).contiguous();
    kept.push_back(plain);
    list.push_back({name,
                    file_type(plain.scalar_type()),
                    plain.sizes().vec(),
                    {static_cast<const char*>(plain.data_ptr()), plain.nbytes()}});
  }
  write_safetensors(path, list, metadata);
}

NamedTensors load_tensors(const std::filesystem::path& path) {
  const auto file = open_safetensors(path);
  NamedTensors tensors;
  for (const auto& [name, view] : file->tensors()) {
    const auto type = tensor_type(view.dtype, cat(path.string(), ": ", name));
    torch::Tensor tensor = torch::empty(view.shape, torch::TensorOptions().dtype(type));
    if (!view.bytes.empty()) std::memcpy(tensor.data_ptr(), view.bytes.data(), view.bytes.size());
    tensors.emplace_back(name, std::move(tensor));
  }
  return tensors;
}

torch::Tensor find_tensor(const NamedTensors& tensors, const std::string& name,
                          std::span<const int64_t> shape, const std::string& where) {
  for (const auto& [known, tensor] : tensors) {
    if (known != name) continue;
    bool fits = tensor.dim() == static_cast<int64_t>(shape.size());
    for (int64_t d = 0; fits && d < tensor.dim(); ++d)
      fits = shape[d] < 0 || shape[d] == tensor.size(d);
    if (fits) return tensor;
    throw Error(Exit::bad_data, where,
                cat("tensor '", name, "': got shape ", shape_text(tensor.sizes()), ", expected ",
                    shape_text(shape)));
  }
  throw Error(Exit::bad_data, where, cat("tensor '", name, "' is missing"));
}

}  // namespace kindred::model
