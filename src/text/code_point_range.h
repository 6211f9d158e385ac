#pragma once
// Sorted ranges of code points, and the ones where the reference's tables and utf8proc's differ.

#include <span>

namespace kindred::text {

/// Inclusive range.
struct CodePointRange {
  char32_t first, last;
};

/// Whether a code point lies in one of the sorted ranges.
bool in_ranges(std::span<const CodePointRange> ranges, char32_t code_point);

/// Whether the reference's normal forms leave this code point alone while utf8proc's would not.
bool is_inert(char32_t code_point);

}  // namespace kindred::text
