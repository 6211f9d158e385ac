#pragma once
// safetensors files: named tensors of bytes, checked as the reference implementation checks them.
// No tensor library here: shapes, types and bytes only.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kindred {

/// Element types a checkpoint may hold, with their safetensors names ("F32").
enum class DType { f64, f32, f16, bf16, i64, i32, i16, i8, u64, u32, u16, u8, boolean };

size_t dtype_size(DType type);
const char* dtype_name(DType type);
/// The type of a safetensors name, or nothing.
std::optional<DType> dtype_named(std::string_view name);

/// Bytes of a tensor (little-endian, row-major), or nothing where the product does not fit 63 bits
/// or a size is negative.
std::optional<uint64_t> tensor_size(DType type, std::span<const int64_t> shape);

/// A tensor's description and its bytes, which live as long as the file object they came from. The
/// bytes may begin anywhere: copy them, or look at the address, before reading wider elements in
/// place.
struct TensorView {
  DType dtype;
  std::vector<int64_t> shape;
  std::string_view bytes;
};

/// A checkpoint opened for reading, whatever its format. Iteration is by name.
class TensorFile {
 public:
  virtual ~TensorFile() = default;
  virtual const std::map<std::string, TensorView>& tensors() const = 0;
  virtual const std::filesystem::path& path() const = 0;
  /// The `__metadata__` of a safetensors file; empty for other formats.
  virtual const std::map<std::string, std::string>& metadata() const;
  /// Throws `io` when a file behind the views was truncated or replaced since it was opened.
  virtual void check_unchanged() const {}
};

/// Opens and checks a safetensors file (mapped, nothing copied). Throws `missing`, or `bad_data`
/// saying which check failed with expected and actual: header length (8 bytes; at most 100 MB;
/// inside the file), UTF-8, JSON, duplicate names, known types, overflow of shape products, size =
/// shape x type, offsets contiguous without overlap or hole, and the last one at the end of the
/// file.
std::unique_ptr<TensorFile> open_safetensors(const std::filesystem::path& path);

/// Opens a PyTorch `.bin` (zip with a pickle) by a restricted reader that can execute nothing: only
/// dict, OrderedDict, tuple, int, str, persistent ids and `_rebuild_tensor_v2` (and parameters) are
/// known. Non-contiguous tensors are made contiguous. Throws `missing` or `bad_data` naming what
/// was refused.
std::unique_ptr<TensorFile> open_torch_bin(const std::filesystem::path& path);

/// Opens `model.safetensors`, its sharded form with `model.safetensors.index.json`, or
/// `pytorch_model.bin` (also sharded) of a Hugging Face folder. Shard names are confined to the
/// folder. `name` is the file's stem: "model", or "adapter_model" of an adapter.
std::unique_ptr<TensorFile> open_checkpoint(const std::filesystem::path& folder,
                                            const std::string& name = "model");

/// A tensor to be written.
struct TensorToWrite {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
  std::string_view bytes;
};

/// Writes a safetensors file atomically, byte for byte as the reference implementation does: by
/// type (wide ones first), then by name. `metadata` becomes `__metadata__` (always with "format":
/// "pt", which transformers asks for). Throws `io`, or `internal` for names given twice and bytes
/// unlike the shape.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// Checks a safetensors header and data section held in memory; `metadata` gets the `__metadata__`.
std::map<std::string, TensorView> parse_safetensors(
    std::string_view bytes, const std::string& where,
    std::map<std::string, std::string>* metadata = nullptr);

/// As open_torch_bin, from bytes in memory that outlive the result.
std::unique_ptr<TensorFile> parse_torch_bin(std::string_view bytes, const std::string& where);

}  // namespace kindred
