#pragma once
// Unicode as the tokenizers need it: valid UTF-8, code points, the classes of the splitting rules.

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

/// Whether the bytes are well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF).
bool is_valid_utf8(std::string_view bytes);

/// Well-formed UTF-8: every maximal ill-formed part becomes one U+FFFD (the Unicode standard's
/// recommendation, as Rust and Python replace). NUL survives. `replaced`, where given, is increased
/// by the number of replacements.
std::string sanitize_utf8(std::string_view bytes, size_t* replaced = nullptr);

/// The code point that starts at `at` of well-formed UTF-8, and its length in bytes.
struct CodePoint {
  char32_t value;
  uint32_t length;
};
inline CodePoint code_point_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[at + i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const auto tail = [&](size_t i) { return static_cast<char32_t>(byte(i) & 0x3F); };
  if (lead < 0xE0) return {static_cast<char32_t>(lead & 0x1F) << 6 | tail(1), 2};
  if (lead < 0xF0) return {static_cast<char32_t>(lead & 0x0F) << 12 | tail(1) << 6 | tail(2), 3};
  return {static_cast<char32_t>(lead & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3), 4};
}

/// The code point that ends just before `end` of well-formed UTF-8; `end` must be positive.
CodePoint code_point_before(std::string_view text, size_t end);

/// The text with each `from`, which must not be empty, replaced by `to`.
std::string replaced(std::string_view text, std::string_view from, std::string_view to);

/// Length in bytes of the first grapheme cluster of well-formed UTF-8 that is not empty.
size_t first_grapheme(std::string_view text);

/// Appends a code point in UTF-8.
void append_utf8(std::string& text, char32_t code_point);

/// The Unicode normal forms.
enum class NormalForm { nfc, nfd, nfkc, nfkd };

/// A normal form of well-formed UTF-8.
std::string normalize(std::string_view text, NormalForm form);

}  // namespace kindred::text
