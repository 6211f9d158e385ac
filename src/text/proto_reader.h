#pragma once
// Protocol buffers' wire format, field by field.

#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kindred::text {

/// A field of a message.
struct ProtoField {
  uint32_t number = 0;
  enum class Kind { integer, fixed64, bytes, fixed32 } kind = Kind::integer;
  uint64_t value = 0;      // of numbers
  std::string_view bytes;  // of texts and messages

  float real() const { return std::bit_cast<float>(static_cast<uint32_t>(value)); }
};

/// Walks over a message; stops, `damaged`, where the bytes are none.
class ProtoReader {
 public:
  explicit ProtoReader(std::string_view bytes) : bytes_(bytes) {}

  std::optional<ProtoField> next();
  bool damaged() const { return damaged_; }

 private:
  std::optional<ProtoField> fail() {
    damaged_ = true;
    return std::nullopt;
  }
  std::optional<uint64_t> varint();
  std::optional<uint64_t> fixed(size_t size);

  std::string_view bytes_;
  bool damaged_ = false;
};

}  // namespace kindred::text
