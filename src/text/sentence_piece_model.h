#pragma once
// SentencePiece (Kudo & Richardson 2018) through its library, which normalizes too.

#include <memory>
#include <string>

#include "text/sentence_piece_file.h"
#include "text/word_model.h"

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace kindred::text {

/// Whole texts to ids: its words are stretches of text as they stand.
class SentencePieceModel final : public WordModel {
 public:
  /// Throws `bad_data` at `where` where the library refuses the model.
  SentencePieceModel(const SentencePieceFile& file, const std::string& where);
  ~SentencePieceModel() override;

 protected:
  void encode_word(std::string_view word, std::vector<int32_t>& ids) const override;

 private:
  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
  std::string where_;
};

}  // namespace kindred::text
