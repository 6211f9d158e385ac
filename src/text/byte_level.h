#pragma once
// The byte-level alphabet: each byte written as one visible character (Radford et al. 2019), so
// that a vocabulary file is text.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kindred::text {

/// The character that stands for each byte.
const std::array<char32_t, 256>& byte_characters();

/// Bytes as the vocabulary stores them (" the" -> "Ġthe").
std::string to_byte_level(std::string_view bytes);

/// The bytes a stored token stands for; nothing where a character stands for no byte. The token
/// must be well-formed UTF-8.
std::optional<std::string> from_byte_level(std::string_view token);

}  // namespace kindred::text
