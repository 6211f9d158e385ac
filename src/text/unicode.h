#pragma once
// Unicode as the tokenizers need it: classes of the splitting rules, graphemes, normal forms.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kindred::text {

/// The classes that splitting rules tell apart: `\p{L}`, `\p{N}`, `\s` and everything else.
enum class CharClass : uint8_t { other, letter, number, space };

/// The class of a code point, equal to the reference tokenizer's tables for every code point.
CharClass char_class(char32_t code_point);

/// Whether the reference's `\w` holds: letters, marks, decimal digits, connectors, joiners.
bool is_word_char(char32_t code_point);

/// Length in bytes of the first grapheme cluster of well-formed UTF-8 that is not empty.
size_t first_grapheme(std::string_view text);

/// The Unicode normal forms.
enum class NormalForm { nfc, nfd, nfkc, nfkd };

/// A normal form of well-formed UTF-8.
std::string normalize(std::string_view text, NormalForm form);

}  // namespace kindred::text
