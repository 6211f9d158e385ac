#pragma once
// Unigram language model of pieces (Kudo 2018): of all ways to cut a word the one with the highest
// sum of scores.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "text/byte_ids.h"
#include "text/token_trie.h"
#include "text/word_model.h"

namespace kindred::text {

struct UnigramOptions {
  std::optional<int32_t> unk;  ///< stands for a run of characters without a piece
  double unk_score = 0;        ///< of each such character
  bool byte_fallback = false;  ///< such a character is its bytes' tokens, "<0xE6>", instead
  /// As SentencePiece: sums in single precision, which decides between cuts that are equally good.
  /// Else as `tokenizers`: double, and a run of unknown characters that is a piece is taken for it.
  bool like_sentence_piece = false;
};

class UnigramModel final : public WordModel {
 public:
  using Pieces = std::vector<std::pair<std::string_view, int32_t>>;

  /// `scores` are by id.
  UnigramModel(const Pieces& pieces, std::vector<double> scores, const ByteIds& byte_ids,
               const UnigramOptions& options);

 protected:
  void encode_word(std::string_view word, std::vector<int32_t>& ids) const override;

 private:
  template <class Real>
  struct Node;

  template <class Real>
  void encode_as(std::string_view word, std::vector<int32_t>& ids) const;
  template <class Real>
  size_t extend(std::string_view word, size_t from, std::vector<Node<Real>>& best) const;
  void append_unknown(std::string_view run, std::vector<int32_t>& ids) const;

  TokenTrie trie_;
  std::vector<double> scores_;
  ByteIds byte_ids_;
  UnigramOptions options_;
};

/// The score of a character without a piece.
double unknown_score(double lowest_score);

}  // namespace kindred::text
