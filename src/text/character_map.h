#pragma once
// SentencePiece's table of characters and what stands for them: a double-array trie and the texts
// that its values point into.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kindred::text {

class CharacterMap {
 public:
  /// Reads "precompiled_charsmap". Throws `bad_data` at `where` where a walk could leave the table.
  CharacterMap(std::string_view bytes, const std::string& where);

  struct Found {
    std::string_view text;  ///< what stands for it
    size_t length;          ///< of the beginning that the table has
  };
  /// The shortest beginning of `text` that the table has.
  std::optional<Found> shortest(std::string_view text) const;
  /// The longest beginning of `text` that the table has.
  std::optional<Found> longest(std::string_view text) const;

 private:
  std::optional<Found> find(std::string_view text, bool longest) const;

  std::vector<uint32_t> units_;
  std::string texts_;  // each ends with a NUL
};

/// Each grapheme of up to five bytes, else each of its characters, becomes what stands for the
/// shortest beginning of it that the table has: what `tokenizers` makes of the table.
std::string mapped(std::string_view text, const CharacterMap& map);

}  // namespace kindred::text
