// PyTorch's `.bin`: a zip archive with a pickled dictionary and one entry a storage. Read without
// running anything: the pickle's calls are matched against the few that rebuild tensors.

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/files.h"
#include "core/pickle.h"
#include "core/safetensors.h"
#include "core/strings.h"
#include "core/zip.h"

namespace kindred {
namespace {

using Kind = PickleValue::Kind;

constexpr uint64_t pickle_limit = uint64_t{64} << 20;
constexpr uint64_t spare_limit = uint64_t{64} << 20;  // what small files may take in any case
constexpr uint64_t inflation_limit = 64, copy_limit = 4;

constexpr char rebuild_v2[] = "torch._utils _rebuild_tensor_v2";
constexpr char rebuild_v3[] = "torch._utils _rebuild_tensor_v3";
constexpr char rebuild_parameter[] = "torch._utils _rebuild_parameter";
constexpr char untyped_storage[] = "torch.storage UntypedStorage";

struct TypeRow {
  const char* storage;  // the class of a typed storage, where one exists
  const char* dtype;
  DType type;
};

constexpr TypeRow type_table[] = {
    {"torch DoubleStorage", "torch float64", DType::f64},
    {"torch FloatStorage", "torch float32", DType::f32},
    {"torch HalfStorage", "torch float16", DType::f16},
    {"torch BFloat16Storage", "torch bfloat16", DType::bf16},
    {"torch LongStorage", "torch int64", DType::i64},
    {"torch IntStorage", "torch int32", DType::i32},
    {"torch ShortStorage", "torch int16", DType::i16},
    {"torch CharStorage", "torch int8", DType::i8},
    {"torch ByteStorage", "torch uint8", DType::u8},
    {"torch BoolStorage", "torch bool", DType::boolean},
    {nullptr, "torch uint16", DType::u16},
    {nullptr, "torch uint32", DType::u32},
    {nullptr, "torch uint64", DType::u64},
};

std::vector<std::string> allowed_globals() {
  std::vector<std::string> names = {rebuild_v2, rebuild_v3, rebuild_parameter, untyped_storage};
  for (const TypeRow& row : type_table) {
    if (row.storage != nullptr) names.emplace_back(row.storage);
    names.emplace_back(row.dtype);
  }
  return names;
}

/// What the pickle says of a tensor: a strided window on a storage.
struct Window {
  DType type;
  std::string_view storage;
  uint64_t offset = 0;  // in elements
  std::vector<int64_t> shape, strides;
};

/// Rebuilds the tensors of a state dict; each check throws `bad_data` in the file's name.
class StateDictReader {
 public:
  StateDictReader(std::string_view bytes, const std::string& where,
                  std::deque<std::string>& buffers)
      : where_(where), archive_(bytes, where), file_size_(bytes.size()), buffers_(buffers) {}

  std::map<std::string, TensorView> read() {
    prefix_ = find_prefix();
    refuse_big_endian();
    std::string buffer;
    const Pickle pickle(contained(prefix_ + "data.pkl", pickle_limit, buffer),
                        where_ + ": data.pkl", allowed_globals());
    const PickleValue& root = pickle.root();
    if (root.kind != Kind::dict)
      fail(cat("got ", kind_name(root), ", expected a dict of tensors (a state dict)"));
    std::map<std::string, TensorView> tensors;
    for (const auto& [key, value] : root.pairs) {
      if (key->kind != Kind::text) fail(cat("got ", kind_name(*key), " as a tensor's name"));
      name_ = key->text;
      if (!tensors.emplace(name_, tensor(*value)).second) fail_tensor("is there twice");
    }
    return tensors;
  }

 private:
  [[noreturn]] void fail(const std::string& sentence) const {
    throw Error(Exit::bad_data, where_, sentence);
  }
  [[noreturn]] void fail_tensor(const std::string& sentence) const {
    fail("tensor " + quote(name_) + ": " + sentence);
  }

  /// Everything lies in one folder of the archive, named as the file was when it was saved.
  std::string find_prefix() const {
    std::string prefix;
    for (const auto& [name, entry] : archive_.entries()) {
      const size_t slash = name.find('/');
      if (slash == name.npos || name.substr(slash) != "/data.pkl") continue;
      if (!prefix.empty()) fail("has two data.pkl, expected one");
      prefix = name.substr(0, slash + 1);
    }
    if (prefix.empty())
      fail("is a zip archive without a data.pkl, expected one that torch.save wrote");
    if (archive_.find(prefix + "constants.pkl") != nullptr)
      fail("is a TorchScript program, expected the weights alone; save its state_dict() instead");
    return prefix;
  }

  void refuse_big_endian() const {
    std::string buffer;
    const std::string name = prefix_ + "byteorder";
    if (archive_.find(name) == nullptr) return;  // older files: little-endian
    const std::string_view order = contained(name, 16, buffer);
    if (order != "little") fail("got the byte order " + quote(order) + ", expected 'little'");
  }

  std::string_view contained(const std::string& name, uint64_t limit, std::string& buffer) const {
    const ZipEntry* entry = archive_.find(name);
    if (entry != nullptr && entry->size > limit)
      fail(
          cat("the entry ", quote(name), " has ", entry->size, " bytes, expected at most ", limit));
    return archive_.content(name, buffer);
  }

  TensorView tensor(const PickleValue& value) {
    const PickleValue* call = &value;
    if (is_call(*call, rebuild_parameter)) {
      if (call->items.empty()) fail_tensor("a parameter without its tensor");
      call = call->items[0];
    }
    if (is_call(*call, rebuild_v2) || is_call(*call, rebuild_v3)) return contiguous(window(*call));
    fail_tensor(cat("got ", kind_name(*call), ", expected a tensor"));
  }

  static bool is_call(const PickleValue& value, std::string_view function) {
    return value.kind == Kind::call && value.inner->text == function;
  }

  /// (storage, offset, shape, strides, requires_grad, hooks), and the type in the third version.
  Window window(const PickleValue& call) {
    const bool typed = call.inner->text == rebuild_v3;
    if (call.items.size() < (typed ? 7u : 6u)) fail_tensor("too few arguments to rebuild it");
    Window window;
    window.shape = integers(*call.items[2]);
    window.strides = integers(*call.items[3]);
    if (window.shape.size() != window.strides.size())
      fail_tensor(
          cat("got ", window.shape.size(), " sizes and ", window.strides.size(), " strides"));
    const PickleValue& offset = *call.items[1];
    if (offset.kind != Kind::integer || offset.integer < 0) fail_tensor("its offset is no integer");
    window.offset = static_cast<uint64_t>(offset.integer);
    open_storage(*call.items[0], typed ? call.items[6] : nullptr, window);
    return window;
  }

  std::vector<int64_t> integers(const PickleValue& list) const {
    if (list.kind != Kind::tuple) fail_tensor(cat("got ", kind_name(list), " as sizes"));
    std::vector<int64_t> values;
    for (const PickleValue* item : list.items) {
      if (item->kind != Kind::integer || item->integer < 0)
        fail_tensor(
            cat("got ", kind_name(*item), " as a size or stride, expected integers from 0"));
      values.push_back(item->integer);
    }
    return values;
  }

  /// A persistent id: ("storage", class, key, device, element count).
  void open_storage(const PickleValue& storage, const PickleValue* dtype, Window& window) {
    const PickleValue* id = storage.kind == Kind::persistent ? storage.inner : nullptr;
    if (id == nullptr || id->kind != Kind::tuple || id->items.size() != 5 ||
        id->items[0]->kind != Kind::text || id->items[0]->text != "storage" ||
        id->items[1]->kind != Kind::global || id->items[2]->kind != Kind::text ||
        id->items[4]->kind != Kind::integer || id->items[4]->integer < 0)
      fail_tensor("its storage is not described as torch.save does");
    const std::string& kind = id->items[1]->text;
    window.type = type_of(kind, dtype);
    const uint64_t unit = kind == untyped_storage ? 1 : dtype_size(window.type);
    window.storage = storage_bytes(prefix_ + "data/" + id->items[2]->text);
    const auto count = static_cast<uint64_t>(id->items[4]->integer);
    if (window.storage.size() % unit != 0 || window.storage.size() / unit != count)
      fail_tensor(cat("its storage has ", window.storage.size(), " bytes, expected ", count,
                      " elements of ", unit));
  }

  DType type_of(const std::string& storage, const PickleValue* dtype) const {
    for (const TypeRow& row : type_table) {
      if (dtype == nullptr && row.storage != nullptr && storage == row.storage) return row.type;
      if (dtype != nullptr && dtype->kind == Kind::global && dtype->text == row.dtype)
        return row.type;
    }
    fail_tensor("its type is not one that is known here");
  }

  std::string_view storage_bytes(const std::string& name) {
    const auto known = storages_.find(name);
    if (known != storages_.end()) return known->second;
    const ZipEntry* entry = archive_.find(name);
    if (entry != nullptr && entry->deflated) {
      inflated_ += std::min(entry->size, UINT64_MAX - inflated_);
      if (inflated_ > spare_limit + inflation_limit * file_size_)
        fail(
            cat("its storages inflate to more than ", inflation_limit, " times the file; refused"));
    }
    buffers_.emplace_back();
    const std::string_view bytes = archive_.content(name, buffers_.back());
    if (buffers_.back().empty()) buffers_.pop_back();
    return storages_.emplace(name, bytes).first->second;
  }

  /// The window's bytes in row-major order: a view of the storage where they lie so, else a copy.
  TensorView contiguous(const Window& window) {
    TensorView view{window.type, window.shape, {}};
    const std::optional<uint64_t> size = tensor_size(window.type, window.shape);
    if (!size) fail_tensor("the product of its shape does not fit 63 bits");
    if (*size == 0) return view;
    const uint64_t unit = dtype_size(window.type), elements = window.storage.size() / unit;
    if (window.offset >= elements || reach(window) >= elements - window.offset)
      fail_tensor(cat("it reaches beyond the ", elements, " elements of its storage"));
    if (is_contiguous(window)) {
      view.bytes = window.storage.substr(window.offset * unit, *size);
      return view;
    }
    copied_ += *size;
    if (*size > window.storage.size() || copied_ > spare_limit + copy_limit * file_size_)
      fail_tensor("it repeats elements of its storage; call contiguous() before saving it");
    view.bytes = copy(window, *size);
    return view;
  }

  /// The largest index that the strides reach from the offset.
  uint64_t reach(const Window& window) const {
    uint64_t farthest = 0;
    for (size_t i = 0; i < window.shape.size(); ++i) {
      uint64_t step;
      const auto last = static_cast<uint64_t>(window.shape[i] - 1);
      if (__builtin_mul_overflow(last, static_cast<uint64_t>(window.strides[i]), &step) ||
          __builtin_add_overflow(farthest, step, &farthest))
        fail_tensor("its strides do not fit 64 bits");
    }
    return farthest;
  }

  static bool is_contiguous(const Window& window) {
    int64_t expected = 1;
    for (size_t i = window.shape.size(); i-- > 0;) {
      if (window.shape[i] != 1 && window.strides[i] != expected) return false;
      expected *= window.shape[i];
    }
    return true;
  }

  std::string_view copy(const Window& window, uint64_t size) {
    std::string& buffer = buffers_.emplace_back(size, '\0');
    const size_t unit = dtype_size(window.type), rank = window.shape.size();
    std::vector<int64_t> index(rank, 0);
    uint64_t from = window.offset;
    for (uint64_t to = 0; to < size; to += unit) {
      std::memcpy(buffer.data() + to, window.storage.data() + from * unit, unit);
      for (size_t i = rank; i-- > 0;) {  // count up like an odometer
        from += static_cast<uint64_t>(window.strides[i]);
        if (++index[i] < window.shape[i]) break;
        from -= static_cast<uint64_t>(window.strides[i]) * static_cast<uint64_t>(window.shape[i]);
        index[i] = 0;
      }
    }
    return buffer;
  }

  const std::string& where_;
  ZipArchive archive_;
  uint64_t file_size_, inflated_ = 0, copied_ = 0;
  std::deque<std::string>& buffers_;
  std::string prefix_, name_;
  std::map<std::string, std::string_view> storages_;
};

class TorchBin : public TensorFile {
 public:
  explicit TorchBin(const fs::path& path) : path_(path), file_(std::make_unique<MappedFile>(path)) {
    read(file_->bytes());
  }
  TorchBin(std::string_view bytes, const std::string& where) : path_(where) { read(bytes); }

  const std::map<std::string, TensorView>& tensors() const override { return tensors_; }
  const fs::path& path() const override { return path_; }
  void check_unchanged() const override {
    if (file_) file_->check_unchanged();
  }

 private:
  void read(std::string_view bytes) {
    const std::string where = path_.string();
    if (bytes.starts_with("PK")) {
      tensors_ = StateDictReader(bytes, where, buffers_).read();
      return;
    }
    if (bytes.starts_with("\x80\x02"))
      throw Error(
          Exit::bad_data, where,
          "a file of PyTorch before 1.6, which is not read here; convert it once with Python: "
          "torch.save(torch.load(path, weights_only=True), path)");
    throw Error(Exit::bad_data, where,
                cat("got ", bytes.size(),
                    " bytes that are no zip archive, expected a file that "
                    "torch.save wrote; is the download complete?"));
  }

  fs::path path_;
  std::unique_ptr<MappedFile> file_;
  std::deque<std::string> buffers_;
  std::map<std::string, TensorView> tensors_;
};

}  // namespace

std::unique_ptr<TensorFile> open_torch_bin(const std::filesystem::path& path) {
  return std::make_unique<TorchBin>(path);
}

std::unique_ptr<TensorFile> parse_torch_bin(std::string_view bytes, const std::string& where) {
  return std::make_unique<TorchBin>(bytes, where);
}

}  // namespace kindred
