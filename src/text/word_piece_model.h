#pragma once
// WordPiece (Schuster & Nakajima 2012; Devlin et al. 2019): a word is its longest beginning in the
// vocabulary, then the longest continuation, and so on.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/token_trie.h"
#include "text/vocabulary.h"
#include "text/word_model.h"

namespace kindred::text {

struct WordPieceOptions {
  int32_t unk = 0;                ///< stands for a word that cannot be split
  std::string continuing = "##";  ///< in front of pieces inside a word
  size_t longest_word = 100;      ///< characters; longer words are unknown
};

class WordPieceModel final : public WordModel {
 public:
  /// The vocabulary holds the model's own tokens only: those added later never are parts of words.
  WordPieceModel(const Vocabulary& pieces, const WordPieceOptions& options);

 protected:
  void encode_word(std::string_view word, std::vector<int32_t>& ids) const override;

 private:
  TokenTrie pieces_;
  WordPieceOptions options_;
  uint32_t inside_;  // where continuations begin
};

}  // namespace kindred::text
