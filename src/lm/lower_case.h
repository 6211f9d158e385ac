#pragma once
// Lower-casing of texts before a tokenizer that does not do it.

#include <string>

namespace kindred::lm {

/// The text with every code point lower-cased by itself, as the `tokenizers` library's `Lowercase`
/// does it; ill-formed UTF-8 becomes U+FFFD first.
std::string lower_case(const std::string& text);

}  // namespace kindred::lm
