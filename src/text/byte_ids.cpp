#include "text/byte_ids.h"

#include <algorithm>
#include <string>

#include "core/utf8.h"
#include "text/byte_level.h"

namespace kindred::text {

ByteIds visible_byte_ids(const Vocabulary& vocabulary) {
  ByteIds ids{};
  for (size_t byte = 0; byte < ids.size(); ++byte) {
    std::string token;
    append_utf8(token, byte_characters()[byte]);
    ids[byte] = vocabulary.find(token).value_or(-1);
  }
  return ids;
}

ByteIds numbered_byte_ids(const Vocabulary& vocabulary) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  ByteIds ids{};
  for (size_t byte = 0; byte < ids.size(); ++byte) {
    const std::string token = {'<', '0', 'x', kDigits[byte >> 4], kDigits[byte & 15], '>'};
    ids[byte] = vocabulary.find(token).value_or(-1);
  }
  return ids;
}

bool append_byte_ids(const ByteIds& byte_ids, std::string_view character,
                     std::vector<int32_t>& ids) {
  const auto id_of = [&](char byte) { return byte_ids[static_cast<uint8_t>(byte)]; };
  if (std::any_of(character.begin(), character.end(), [&](char byte) { return id_of(byte) < 0; })) {
    return false;
  }
  for (const char byte : character) ids.push_back(id_of(byte));
  return true;
}

}  // namespace kindred::text
