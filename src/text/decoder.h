#pragma once
// What `tokenizer.json` calls the decoder: how tokens become text again.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "text/json_node.h"

namespace kindred::text {

/// A chain of changes to the tokens; what it leaves is joined. Without any, tokens are joined by
/// spaces.
class Decoder {
 public:
  /// Reads the `decoder` of a `tokenizer.json`. Throws `bad_data` naming a kind that is not known.
  static Decoder of_json(const JsonNode& node);

  Decoder& byte_level();
  /// WordPiece: spaces in front of all but the first token and those that begin with `continuing`;
  /// `clean` takes spaces before punctuation out again.
  Decoder& word_piece(std::string continuing, bool clean);

  /// `mark` is a space; those of the first token can be left out.
  Decoder& metaspace(std::string mark, bool drop_first);
  /// SentencePiece: U+2581 is a space, "<0x41>" a byte, and the first space is left out.
  Decoder& sentence_piece();

  /// The text of tokens; it may hold bytes that are not UTF-8.
  std::string text(std::vector<std::string> tokens) const;

 private:
  using Step = std::function<void(std::vector<std::string>& tokens)>;

  void read(const JsonNode& node, int depth);
  static Step step_of(const JsonNode& node, std::string_view name);

  std::vector<Step> steps_;
};

/// Takes spaces before English punctuation and contractions out, as `clean_up_tokenization_spaces`
/// asks for.
std::string without_spaces_before_signs(std::string text);

}  // namespace kindred::text
