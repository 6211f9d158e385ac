#pragma once
// How SentencePiece normalizes a text before it cuts it.

#include <memory>
#include <string>
#include <string_view>

#include "text/sentence_piece_file.h"

namespace kindred::text {

class CharacterMap;
class TokenTrie;

/// Characters by the model's table (longest match first), white space collapsed where the model
/// says so, a space in front, spaces as U+2581. The model's own symbols are left as they are.
class SentencePieceText {
 public:
  explicit SentencePieceText(const SentencePieceFile& file);

  std::string normalized(std::string_view text) const;

 private:
  struct Prefix {
    std::string_view text;  // what stands for it
    size_t length;
  };
  Prefix first(std::string_view text) const;

  std::shared_ptr<const CharacterMap> characters_;
  std::shared_ptr<const TokenTrie> symbols_;
  bool dummy_prefix_, collapse_;
};

}  // namespace kindred::text
