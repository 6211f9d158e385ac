// Where a text may be cut so that its parts are encoded apart: what has to be proven of a
// tokenizer.

#include <algorithm>

#include "text/splitter.h"
#include "text/tokenizer_parts.h"

namespace kindred::text {
namespace {

/// A token that is looked for in texts could reach over the cut.
bool may_reach_over(const AddedToken& token) {
  const bool spaces = token.content.find_first_of(" \t\n\v\f\r") != std::string::npos;
  return spaces || (!token.special && (token.lstrip || token.rstrip));
}

/// Whether some piece has a space behind a visible character: merging might build it over the cut.
bool has_space_inside(const Vocabulary& vocabulary) {
  for (const auto& [piece, id] : vocabulary.entries()) {
    for (size_t at = 1; (at = piece.find(kSpaceMark, at)) != std::string_view::npos; ++at) {
      if (piece[at - 1] > ' ' && piece[at - 1] < '\x7F') return true;
    }
  }
  return false;
}

}  // namespace

// The byte-level tokenizers cut words before every such space, and their normal forms compose
// nothing over it. SentencePiece's know no words: there no piece may hold both sides, nor the
// unknown token stand for them together, and a text behind an added token would get a space of its
// own.
SpaceCut space_cut_of(const TokenizerParts& parts) {
  if (!parts.bpe || std::ranges::any_of(parts.added, may_reach_over)) return SpaceCut::never;
  if (parts.pre_tokenizer.byte_level()) {
    const bool proven = parts.pre_tokenizer.cuts_before_spaces() && parts.normalizer.only_forms();
    return proven ? SpaceCut::keep : SpaceCut::never;
  }
  const bool plain =
      std::ranges::all_of(parts.added, [](const AddedToken& t) { return t.special; });
  const bool known = parts.vocabulary.find(kSpaceMark).has_value();
  if (!plain || !known || has_space_inside(parts.vocabulary)) return SpaceCut::never;
  if (parts.normalizer.only_space_marks() && parts.pre_tokenizer.empty()) return SpaceCut::drop;
  return parts.space_cut;
}

}  // namespace kindred::text
