#include "text/proto_reader.h"

namespace kindred::text {

std::optional<uint64_t> ProtoReader::varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes_.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

std::optional<uint64_t> ProtoReader::fixed(size_t size) {
  if (bytes_.size() < size) return std::nullopt;
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) {
    value |= static_cast<uint64_t>(static_cast<uint8_t>(bytes_[i])) << (8 * i);
  }
  bytes_.remove_prefix(size);
  return value;
}

std::optional<ProtoField> ProtoReader::next() {
  if (bytes_.empty() || damaged_) return std::nullopt;
  const auto tag = varint();
  if (!tag || *tag >> 3 == 0 || *tag >> 3 > UINT32_MAX >> 3) return fail();
  ProtoField field;
  field.number = static_cast<uint32_t>(*tag >> 3);
  std::optional<uint64_t> value;
  switch (*tag & 7) {
    case 0:
      value = varint();
      break;
    case 1:
      field.kind = ProtoField::Kind::fixed64;
      value = fixed(8);
      break;
    case 2:
      field.kind = ProtoField::Kind::bytes;
      value = varint();
      if (!value || *value > bytes_.size()) return fail();
      field.bytes = bytes_.substr(0, *value);
      bytes_.remove_prefix(*value);
      break;
    case 5:
      field.kind = ProtoField::Kind::fixed32;
      value = fixed(4);
      break;
    default:  // groups, which these files have never held
      return fail();
  }
  if (!value) return fail();
  field.value = *value;
  return field;
}

}  // namespace kindred::text
