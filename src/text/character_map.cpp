#include "text/character_map.h"

#include <cstring>

#include "core/error.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "text/unicode.h"

namespace kindred::text {
namespace {

// A unit of Darts-clone's double array: a label, the distance to the children, and whether a value
// follows; or, with the highest bit set, a value.
bool is_value(uint32_t unit) {
  return unit >> 31 != 0;
}
uint32_t value(uint32_t unit) {
  return unit & 0x7FFFFFFF;
}
bool has_value(uint32_t unit) {
  return (unit >> 8 & 1) != 0;
}
uint32_t label(uint32_t unit) {
  return unit & 0x800000FF;
}
uint32_t offset(uint32_t unit) {
  return unit >> 10 << ((unit & 512) >> 6);
}

}  // namespace

CharacterMap::CharacterMap(std::string_view bytes, const std::string& where) {
  const auto fail = [&](const std::string& what) {
    throw Error(Exit::bad_data, where, cat("the table of characters ", what));
  };
  uint32_t size = 0;
  if (bytes.size() < sizeof size) fail("has no length");
  std::memcpy(&size, bytes.data(), sizeof size);
  bytes.remove_prefix(sizeof size);
  if (size == 0 || size % sizeof(uint32_t) != 0 || size >= bytes.size()) {
    fail(cat("says its trie has ", size, " bytes of ", bytes.size(),
             ", expected a multiple of 4 with texts after it"));
  }
  units_.resize(size / sizeof(uint32_t));
  std::memcpy(units_.data(), bytes.data(), size);
  texts_ = bytes.substr(size);
  if (texts_.back() != '\0') fail("ends within a text");
  if (!is_utf8(texts_)) fail("holds texts that are not UTF-8");
  for (uint32_t i = 0; i < units_.size(); ++i) {
    const uint32_t unit = units_[i];
    if (is_value(unit) && i > 0) continue;
    const uint32_t children = i ^ offset(unit);
    if ((children | 0xFF) >= units_.size()) fail("points past its trie");
    if (has_value(unit) && value(units_[children]) >= texts_.size()) fail("points past its texts");
  }
}

std::optional<CharacterMap::Found> CharacterMap::find(std::string_view text, bool longest) const {
  std::optional<Found> found;
  uint32_t at = offset(units_[0]);
  for (size_t i = 0; i < text.size() && (longest || !found); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    at ^= byte;
    const uint32_t unit = units_[at];
    if (label(unit) != byte) break;
    at ^= offset(unit);
    if (has_value(unit)) found = Found{texts_.c_str() + value(units_[at]), i + 1};
  }
  return found;
}

std::optional<CharacterMap::Found> CharacterMap::shortest(std::string_view text) const {
  return find(text, false);
}

std::optional<CharacterMap::Found> CharacterMap::longest(std::string_view text) const {
  return find(text, true);
}

std::string mapped(std::string_view text, const CharacterMap& map) {
  constexpr size_t kLongestWhole = 5;
  std::string result;
  result.reserve(text.size());
  const auto append = [&](std::string_view part) {
    const auto found = map.shortest(part);
    if (found) result += found->text;
    return found.has_value();
  };
  while (!text.empty()) {
    std::string_view grapheme = text.substr(0, first_grapheme(text));
    text.remove_prefix(grapheme.size());
    if (grapheme.size() <= kLongestWhole && append(grapheme)) continue;
    while (!grapheme.empty()) {
      const std::string_view character = grapheme.substr(0, code_point_at(grapheme, 0).length);
      if (!append(character)) result += character;
      grapheme.remove_prefix(character.size());
    }
  }
  return result;
}

}  // namespace kindred::text
