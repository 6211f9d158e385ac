#pragma once
// UTF-8: whether bytes are it, making any bytes it, its code points.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/strings.h"  // is_utf8

namespace kindred {

/// Bytes of the well-formed character that starts at `at`, or 0.
size_t character_length(std::string_view bytes, size_t at);

/// What of some bytes was not UTF-8.
struct IllFormed {
  uint64_t parts = 0;  // each became one U+FFFD
  uint64_t bytes = 0;  // in these parts
};

/// Appends `bytes` to `out` with U+FFFD in place of every maximal ill-formed part (the Unicode
/// standard's recommendation, as Rust and Python's errors="replace"). NUL survives.
IllFormed append_sanitized(std::string& out, std::string_view bytes);

/// The bytes as append_sanitized leaves them.
std::string sanitize_utf8(std::string_view bytes);

/// Appends Latin-1 bytes as UTF-8.
void append_latin1(std::string& out, std::string_view bytes);

/// Appends one code point.
void append_utf8(std::string& out, char32_t code_point);

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

/// The longest beginning of well-formed UTF-8 of at most `limit` bytes that cuts no character.
std::string_view utf8_prefix(std::string_view text, size_t limit);

/// Text of a file as a message may show it: valid UTF-8 of at most `limit` bytes (then "..."),
/// control characters escaped.
std::string shown(std::string_view bytes, size_t limit = 60);

}  // namespace kindred
