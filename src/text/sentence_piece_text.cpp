#include "text/sentence_piece_text.h"

#include "core/utf8.h"
#include "text/character_map.h"
#include "text/splitter.h"
#include "text/token_trie.h"

namespace kindred::text {

SentencePieceText::SentencePieceText(const SentencePieceFile& file)
    : dummy_prefix_(file.dummy_prefix), collapse_(file.collapse_spaces) {
  if (!file.characters.empty()) {
    characters_ = std::make_shared<CharacterMap>(file.characters, "");
  }
  std::vector<std::pair<std::string_view, int32_t>> symbols;
  for (const auto& piece : file.pieces) {
    if (piece.type == SentencePieceFile::PieceType::user) symbols.emplace_back(piece.text, 0);
  }
  if (!symbols.empty()) symbols_ = std::make_shared<TokenTrie>(std::move(symbols));
}

SentencePieceText::Prefix SentencePieceText::first(std::string_view text) const {
  if (symbols_) {
    size_t longest = 0;
    uint32_t node = TokenTrie::kRoot;
    for (size_t at = 0; at < text.size();) {
      node = symbols_->child(node, text[at++]);
      if (node == TokenTrie::kNone) break;
      if (symbols_->id(node) >= 0) longest = at;
    }
    if (longest > 0) return {text.substr(0, longest), longest};
  }
  if (characters_) {
    if (const auto found = characters_->longest(text)) return {found->text, found->length};
  }
  const size_t length = code_point_at(text, 0).length;
  return {text.substr(0, length), length};
}

std::string SentencePieceText::normalized(std::string_view text) const {
  std::string result;
  while (collapse_ && !text.empty()) {
    const Prefix prefix = first(text);
    if (prefix.text != " ") break;
    text.remove_prefix(prefix.length);
  }
  if (text.empty()) return result;
  result.reserve(text.size() + text.size() / 2);
  if (dummy_prefix_) result += kSpaceMark;
  bool after_space = collapse_;
  while (!text.empty()) {
    auto [part, length] = first(text);
    text.remove_prefix(length);
    while (after_space && part.starts_with(' ')) part.remove_prefix(1);
    if (!part.empty()) after_space = collapse_ && part.ends_with(' ');
    for (const char byte : part) {
      if (byte == ' ') {
        result += kSpaceMark;
      } else {
        result += byte;
      }
    }
  }
  while (collapse_ && result.ends_with(kSpaceMark))
    result.resize(result.size() - kSpaceMark.size());
  return result;
}

}  // namespace kindred::text
