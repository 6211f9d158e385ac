#pragma once
// The splitting rules of tokenizers, by hand: each matches its regular expression exactly and reads
// every character a bounded number of times. All text is well-formed UTF-8.

#include <cstdint>
#include <optional>
#include <string_view>

namespace kindred::text {

/// U+2581, which stands for a space in SentencePiece's tokens.
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

/// Which rule cuts text into words.
struct SplitRule {
  enum class Kind : uint8_t {
    whole,        ///< no cut
    gpt2,         ///< 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
    cl100k,       ///< (?i:'s|...)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,n}| ?[^\s\p{L}\p{N}]+[\r\n]*|
                  ///< \s*[\r\n]+|\s+(?!\S)|\s+ with `digits` = n (Qwen 1, Llama 3 3)
    digit,        ///< each \p{N} alone
    digits,       ///< runs of \p{N} apart from the rest
    spaces,       ///< runs of white space apart from the rest
    bert,         ///< runs of white space and single punctuation characters apart from the rest
    punctuation,  ///< single punctuation characters apart from the rest
    marked,       ///< before each U+2581, SentencePiece's space
  };
  Kind kind = Kind::gpt2;
  uint8_t digits = 1;

  /// The rule of a regular expression as `tokenizer.json` writes it; nothing where it is unknown.
  static std::optional<SplitRule> of_regex(std::string_view pattern);
};

/// Length in bytes of the first word of `text`, which must not be empty.
size_t first_word(std::string_view text, SplitRule rule);

/// Calls `word(std::string_view)` for each word; together they are the text.
template <class Word>
void split_words(std::string_view text, SplitRule rule, Word&& word) {
  while (!text.empty()) {
    const size_t length = first_word(text, rule);
    word(text.substr(0, length));
    text.remove_prefix(length);
  }
}

}  // namespace kindred::text
