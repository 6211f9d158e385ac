#pragma once
// SentencePiece's model files, read and judged before the library sees them: its loader trusts
// them.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/files.h"

namespace kindred::text {

/// What a model file holds, as far as we need it.
struct SentencePieceFile {
  enum class PieceType { normal = 1, unknown = 2, control = 3, user = 4, unused = 5, byte = 6 };
  struct Piece {
    std::string text;
    float score = 0;
    PieceType type = PieceType::normal;
  };
  enum class Model { unigram = 1, bpe = 2 };

  std::vector<Piece> pieces;
  Model model = Model::unigram;
  bool byte_fallback = false;
  std::string characters;       ///< the table of characters; empty: none
  bool dummy_prefix = true;     ///< a space goes in front
  bool collapse_spaces = true;  ///< of white space at most one, none at the ends
  std::string bytes;            ///< the whole file

  /// Reads a file; throws `bad_data` naming it where it is no such model, or one that would lead
  /// the library out of its bounds.
  static SentencePieceFile read(const fs::path& path);
  static SentencePieceFile of_bytes(std::string bytes, const std::string& where);

  /// The same model without a space in front of texts.
  SentencePieceFile without_dummy_prefix() const;
};

}  // namespace kindred::text
