#pragma once
// Changes of single characters before a text is cut: lower case, marks left out, BERT's clean-up.
// All text is well-formed UTF-8.

#include <string>
#include <string_view>

namespace kindred::text {

/// What BERT does to a text, in this order.
struct BertCleanUp {
  bool clean = true;          ///< no control characters; any white space is a space
  bool space_chinese = true;  ///< spaces around each Chinese character
  bool strip_accents = true;  ///< decomposed, without marks
  bool lower = true;          ///< lower case
};

std::string clean_up(std::string_view text, const BertCleanUp& options);

/// Lower case character by character, without regard to those around it.
std::string lower_case(std::string_view text);

/// The text without combining marks, as it stands (composed letters keep theirs).
std::string without_marks(std::string_view text);

/// Whether a character is a word of its own to BERT: Unicode's punctuation and ASCII's signs.
bool is_punctuation(char32_t code_point);

}  // namespace kindred::text
