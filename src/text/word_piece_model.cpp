#include "text/word_piece_model.h"

#include <algorithm>

namespace kindred::text {

WordPieceModel::WordPieceModel(const Vocabulary& pieces, const WordPieceOptions& options)
    : pieces_(pieces.entries()),
      options_(options),
      inside_(pieces_.walk(TokenTrie::kRoot, options.continuing)) {}

void WordPieceModel::encode_word(std::string_view word, std::vector<int32_t>& ids) const {
  ids.clear();
  const auto characters = std::count_if(word.begin(), word.end(), [](char byte) {
    return (static_cast<uint8_t>(byte) & 0xC0) != 0x80;
  });
  if (static_cast<size_t>(characters) > options_.longest_word) return ids.push_back(options_.unk);
  for (size_t at = 0; at < word.size();) {
    int32_t longest = -1;
    size_t end = at;
    uint32_t node = at > 0 ? inside_ : TokenTrie::kRoot;
    for (size_t next = at; next < word.size() && node != TokenTrie::kNone;) {
      node = pieces_.child(node, word[next++]);
      if (node == TokenTrie::kNone || pieces_.id(node) < 0) continue;
      longest = pieces_.id(node);
      end = next;
    }
    if (longest < 0) return ids.assign(1, options_.unk);
    ids.push_back(longest);
    at = end;
  }
}

}  // namespace kindred::text
