#pragma once
// The tokens that stand for single bytes.

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/vocabulary.h"

namespace kindred::text {

/// A token for each byte; -1 where there is none.
using ByteIds = std::array<int32_t, 256>;

/// Bytes in the visible alphabet of byte-level tokenizers ("Ġ").
ByteIds visible_byte_ids(const Vocabulary& vocabulary);

/// Bytes by number, "<0x0A>", as SentencePiece falls back on.
ByteIds numbered_byte_ids(const Vocabulary& vocabulary);

/// Appends the tokens of a character's bytes; where one has none, nothing is appended and the
/// result is false.
bool append_byte_ids(const ByteIds& byte_ids, std::string_view character,
                     std::vector<int32_t>& ids);

}  // namespace kindred::text
