#include "text/byte_level.h"

#include "core/utf8.h"

namespace kindred::text {
namespace {

constexpr char32_t kCharacters = 256 + 68;  // 68 bytes are not visible and move up from 256

bool is_visible(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Maps {
  std::array<char32_t, 256> characters{};
  std::array<int16_t, kCharacters> bytes{};

  Maps() {
    bytes.fill(-1);
    char32_t next = 256;
    for (int byte = 0; byte < 256; ++byte) {
      const char32_t character = is_visible(byte) ? static_cast<char32_t>(byte) : next++;
      characters[byte] = character;
      bytes[character] = static_cast<int16_t>(byte);
    }
  }
};

const Maps& maps() {
  static const Maps instance;
  return instance;
}

}  // namespace

const std::array<char32_t, 256>& byte_characters() {
  return maps().characters;
}

std::string to_byte_level(std::string_view bytes) {
  std::string token;
  token.reserve(bytes.size());
  for (const char byte : bytes) append_utf8(token, maps().characters[static_cast<uint8_t>(byte)]);
  return token;
}

std::optional<std::string> from_byte_level(std::string_view token) {
  std::string bytes;
  for (size_t at = 0; at < token.size();) {
    const CodePoint next = code_point_at(token, at);
    if (next.value >= kCharacters || maps().bytes[next.value] < 0) return std::nullopt;
    bytes += static_cast<char>(maps().bytes[next.value]);
    at += next.length;
  }
  return bytes;
}

}  // namespace kindred::text
