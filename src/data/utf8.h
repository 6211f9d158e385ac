#pragma once
// Making any bytes valid UTF-8 text.

#include <cstdint>
#include <string>
#include <string_view>

namespace kindred::data {

bool is_utf8(std::string_view bytes);

/// Appends `bytes` to `out` with U+FFFD in place of every ill-formed part (the Unicode standard's
/// "maximal subpart" practice, as Python's errors="replace"); returns how many bytes were replaced.
uint64_t append_utf8(std::string& out, std::string_view bytes);

/// Appends Latin-1 bytes as UTF-8.
void append_latin1(std::string& out, std::string_view bytes);

/// Text of a file as a message may show it: valid UTF-8 of at most `limit` bytes (then "..."),
/// control characters escaped.
std::string shown(std::string_view bytes, size_t limit = 60);

/// The longest beginning of valid UTF-8 text of at most `limit` bytes that cuts no character.
std::string_view utf8_prefix(std::string_view text, size_t limit);

}  // namespace kindred::data
