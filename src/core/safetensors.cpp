#include "core/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/strings.h"
#include "core/utf8.h"

static_assert(std::endian::native == std::endian::little, "tensors are read and written in place");

namespace kindred {
namespace {

constexpr uint64_t header_limit = 100'000'000;
constexpr size_t length_bytes = 8;

struct TypeRow {
  DType type;
  const char* name;
  size_t size;
};

// In the reference's order, narrow to wide: its writer sorts by this order from the end.
constexpr TypeRow type_table[] = {
    {DType::boolean, "BOOL", 1}, {DType::u8, "U8", 1},   {DType::i8, "I8", 1},
    {DType::i16, "I16", 2},      {DType::u16, "U16", 2}, {DType::f16, "F16", 2},
    {DType::bf16, "BF16", 2},    {DType::i32, "I32", 4}, {DType::u32, "U32", 4},
    {DType::f32, "F32", 4},      {DType::f64, "F64", 8}, {DType::i64, "I64", 8},
    {DType::u64, "U64", 8},
};

const TypeRow& row_of(DType type) {
  for (const TypeRow& row : type_table)
    if (row.type == type) return row;
  throw Error(Exit::internal, "internal", "broken invariant: every type is in the table");
}

/// Reads a safetensors header; each check throws `bad_data` in the file's name.
class HeaderReader {
 public:
  HeaderReader(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  std::map<std::string, TensorView> read(std::map<std::string, std::string>* metadata) {
    const std::string_view header = header_text();
    data_ = bytes_.substr(length_bytes + header.size());
    const Json root = parse_json(header, where_ + ": header");
    if (!root.is_object()) fail("the header is not a JSON object");
    for (const auto& [name, entry] : root.items()) {
      if (name == "__metadata__")
        read_metadata(entry, metadata);
      else
        read_entry(name, entry);
    }
    check_layout();
    std::map<std::string, TensorView> tensors;
    for (Placed& placed : placed_) tensors.emplace(std::move(placed.name), std::move(placed.view));
    return tensors;
  }

 private:
  struct Placed {
    std::string name;
    uint64_t begin, end;
    TensorView view;
  };

  [[noreturn]] void fail(const std::string& sentence) const {
    throw Error(Exit::bad_data, where_, "not a valid safetensors file: " + sentence);
  }

  [[noreturn]] void fail(const std::string& name, const std::string& sentence) const {
    fail("tensor " + quote(name) + ": " + sentence);
  }

  std::string_view header_text() const {
    if (bytes_.size() < length_bytes)
      fail(cat("got ", bytes_.size(), " bytes, expected at least 8 for the length of the header"));
    uint64_t length = 0;
    std::memcpy(&length, bytes_.data(), length_bytes);
    if (length > header_limit)
      fail(cat("got a header of ", length, " bytes, expected at most ", header_limit));
    const uint64_t rest = bytes_.size() - length_bytes;
    if (length > rest)
      fail(cat("the header should have ", length, " bytes, got ", rest,
               " after its length; is the download complete?"));
    const std::string_view header = bytes_.substr(length_bytes, length);
    size_t bad = 0;
    if (!is_utf8(header, &bad))
      fail(cat("byte ", length_bytes + bad, " of the header is not UTF-8"));
    if (!header.starts_with('{')) fail("the header does not begin with '{'");
    return header;
  }

  void read_metadata(const Json& entry, std::map<std::string, std::string>* metadata) const {
    if (!entry.is_object()) fail("__metadata__ is not an object of texts");
    for (const auto& [key, value] : entry.items()) {
      if (!value.is_string()) fail("__metadata__: the value of " + quote(key) + " is not a text");
      if (metadata != nullptr) metadata->emplace(key, value.get<std::string>());
    }
  }

  const Json& field(const std::string& name, const Json& entry, const char* key) const {
    if (!entry.is_object()) fail(name, "its entry is not an object");
    const auto found = entry.find(key);
    if (found == entry.end()) fail(name, cat("'", key, "' is missing"));
    return *found;
  }

  void read_entry(const std::string& name, const Json& entry) {
    const Json& dtype = field(name, entry, "dtype");
    const std::string type_name = dtype.is_string() ? dtype.get<std::string>() : dtype.dump();
    const std::optional<DType> type = dtype.is_string() ? dtype_named(type_name) : std::nullopt;
    if (!type) fail(name, "got the type " + quote(type_name) + ", expected " + known_types());
    const std::vector<uint64_t> shape = numbers(name, field(name, entry, "shape"), "shape");
    const std::vector<uint64_t> offsets =
        numbers(name, field(name, entry, "data_offsets"), "data_offsets");
    if (offsets.size() != 2)
      fail(name, cat("got ", offsets.size(), " data_offsets, expected begin and end"));
    TensorView view{*type, {shape.begin(), shape.end()}, {}};
    const std::optional<uint64_t> size = tensor_size(view.dtype, view.shape);
    if (!size) fail(name, "the product of its shape does not fit 63 bits");
    if (offsets[1] < offsets[0] || offsets[1] - offsets[0] != *size)
      fail(name, cat("data_offsets ", offsets[0], " to ", offsets[1], ", expected ", *size,
                     " bytes for its shape and type ", dtype_name(*type)));
    placed_.push_back({name, offsets[0], offsets[1], std::move(view)});
  }

  std::vector<uint64_t> numbers(const std::string& name, const Json& list, const char* key) const {
    if (!list.is_array()) fail(name, cat("'", key, "' is not a list"));
    std::vector<uint64_t> values;
    values.reserve(list.size());
    for (const Json& value : list) {
      if (!value.is_number_unsigned() || value.get<uint64_t>() > uint64_t{INT64_MAX})
        fail(name, cat("'", key, "' has ", value.dump(), ", expected integers from 0 to 2^63 - 1"));
      values.push_back(value.get<uint64_t>());
    }
    return values;
  }

  static std::string known_types() {
    std::vector<std::string> names;
    for (const TypeRow& row : type_table) names.emplace_back(row.name);
    return "one of " + join(names, ", ");
  }

  /// Tensors must follow each other without hole or overlap up to the end of the file, so that no
  /// two share bytes and nothing else hides in the file.
  void check_layout() {
    const auto order = [](const Placed& a, const Placed& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    };
    std::sort(placed_.begin(), placed_.end(), order);
    uint64_t expected = 0;
    for (Placed& placed : placed_) {
      if (placed.begin != expected)
        fail(placed.name, cat("its data begins at ", placed.begin, ", expected ", expected,
                              placed.begin < expected ? " (an overlap)" : " (a hole)"));
      expected = placed.end;
      if (expected > data_.size())
        fail(placed.name, cat("its data ends at ", expected, ", but the file has ", data_.size(),
                              " bytes of data; is the download complete?"));
      placed.view.bytes = data_.substr(placed.begin, placed.end - placed.begin);
    }
    if (expected != data_.size())
      fail(cat("got ", data_.size(), " bytes of data, expected ", expected,
               " as the header says: bytes that belong to no tensor"));
  }

  std::string_view bytes_, data_;
  const std::string& where_;
  std::vector<Placed> placed_;
};

class SafetensorsFile : public TensorFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path)
      : file_(path), tensors_(parse_safetensors(file_.bytes(), path.string(), &metadata_)) {}

  const std::map<std::string, TensorView>& tensors() const override { return tensors_; }
  const std::filesystem::path& path() const override { return file_.path(); }
  const std::map<std::string, std::string>& metadata() const override { return metadata_; }
  void check_unchanged() const override { file_.check_unchanged(); }

 private:
  MappedFile file_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, TensorView> tensors_;
};

Json header_of(std::span<const TensorToWrite* const> tensors,
               const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  Json& about = header["__metadata__"];
  about["format"] = "pt";
  for (const auto& [key, value] : metadata) about[key] = value;
  uint64_t offset = 0;
  for (const TensorToWrite* tensor : tensors) {
    const uint64_t end = offset + tensor->bytes.size();
    append_member(header, tensor->name,
                  {{"dtype", dtype_name(tensor->dtype)},
                   {"shape", tensor->shape},
                   {"data_offsets", {offset, end}}});
    offset = end;
  }
  return header;
}

}  // namespace

size_t dtype_size(DType type) {
  return row_of(type).size;
}
const char* dtype_name(DType type) {
  return row_of(type).name;
}

std::optional<DType> dtype_named(std::string_view name) {
  for (const TypeRow& row : type_table)
    if (name == row.name) return row.type;
  return std::nullopt;
}

std::optional<uint64_t> tensor_size(DType type, std::span<const int64_t> shape) {
  int64_t product = 1;
  for (const int64_t size : shape)
    if (size < 0 || __builtin_mul_overflow(product, size, &product)) return std::nullopt;
  if (__builtin_mul_overflow(product, static_cast<int64_t>(dtype_size(type)), &product))
    return std::nullopt;
  return static_cast<uint64_t>(product);
}

const std::map<std::string, std::string>& TensorFile::metadata() const {
  static const std::map<std::string, std::string> none;
  return none;
}

std::map<std::string, TensorView> parse_safetensors(std::string_view bytes,
                                                    const std::string& where,
                                                    std::map<std::string, std::string>* metadata) {
  return HeaderReader(bytes, where).read(metadata);
}

std::unique_ptr<TensorFile> open_safetensors(const std::filesystem::path& path) {
  return std::make_unique<SafetensorsFile>(path);
}

void write_safetensors(const std::filesystem::path& path, std::span<const TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<const TensorToWrite*> order;
  for (const TensorToWrite& tensor : tensors) {
    check(tensor_size(tensor.dtype, tensor.shape) == tensor.bytes.size(),
          "a written tensor has the bytes of its shape");
    check(tensor.name != "__metadata__" && is_utf8(tensor.name),
          "a written tensor's name is UTF-8 and not __metadata__");
    order.push_back(&tensor);
  }
  const auto key = [](const TensorToWrite* tensor) {
    return std::pair(-(&row_of(tensor->dtype) - type_table), std::string_view(tensor->name));
  };
  std::sort(order.begin(), order.end(), [&](auto* a, auto* b) { return key(a) < key(b); });
  std::set<std::string_view> names;
  for (const TensorToWrite* tensor : order)
    check(names.insert(tensor->name).second, "a written tensor's name is given once");
  std::string header = header_of(order, metadata).dump();
  header.resize((header.size() + 7) / 8 * 8, ' ');  // so that the data is aligned
  const uint64_t length = header.size();
  check(length <= header_limit, "a safetensors header has at most 100,000,000 bytes");
  write_file(path, [&](std::ostream& stream) {
    stream.write(reinterpret_cast<const char*>(&length), length_bytes);
    stream.write(header.data(), static_cast<std::streamsize>(header.size()));
    for (const TensorToWrite* tensor : order)
      stream.write(tensor->bytes.data(), static_cast<std::streamsize>(tensor->bytes.size()));
  });
}

}  // namespace kindred
