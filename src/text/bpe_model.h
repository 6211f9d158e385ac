#pragma once
// Byte-pair encoding of words (Sennrich et al. 2016), of their bytes (Radford et al. 2019) or of
// their characters.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "text/byte_ids.h"
#include "text/merge_table.h"
#include "text/vocabulary.h"
#include "text/word_model.h"

namespace kindred::text {

struct BpeModelOptions {
  std::optional<int32_t> unk;  ///< stands for symbols without a token; absent: they are left out
  bool fuse_unk = false;       ///< a run of unknown symbols is one unknown token
  bool ignore_merges = false;  ///< a word that is a token is taken whole
  bool byte_level = true;      ///< the symbols are bytes in their visible alphabet, not characters
  bool byte_fallback = false;  ///< a character without a token is its bytes' tokens, "<0xE6>"
};

class BpeModel final : public WordModel {
 public:
  /// `vocabulary` must outlive the model.
  BpeModel(const Vocabulary& vocabulary, std::span<const Merge> merges, BpeModelOptions options);

  /// How many of the 256 bytes have a token of their own.
  int known_bytes() const;

 protected:
  void encode_word(std::string_view word, std::vector<int32_t>& symbols) const override;

 private:
  class Symbols;

  void add_bytes(std::string_view word, Symbols& symbols) const;
  void add_characters(std::string_view word, Symbols& symbols) const;

  const Vocabulary& vocabulary_;
  MergeTable merges_;
  BpeModelOptions options_;
  ByteIds byte_ids_;
};

}  // namespace kindred::text
