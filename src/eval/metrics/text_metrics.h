#pragma once
// Metrics of generated answers.

#include <span>
#include <string>
#include <string_view>

namespace kindred::eval {

/// Runs of white space become one space, ends are trimmed; case is kept.
std::string normalized_text(std::string_view text);

/// exact@1: 1 when the answer, without one surrounding pair of quotation marks, is one of the
/// titles, else 0. Empty titles are passed over; NaN when none is left.
double exact_at_1(std::string_view answer, std::span<const std::string> titles);

/// What A-LLMRec's evaluation (eval.py) looks for a title in: the answer in lower case, between its
/// first and its last quotation mark; all of it where there is none, nothing where there is one
/// alone.
std::string quoted_part(std::string_view answer);

/// title-contains@1: 1 when one of the titles, in lower case, stands somewhere in the answer's
/// quoted_part, else 0 (A-LLMRec's Hit@1: "Halo" is found in "Halo 2"). Empty titles are passed
/// over; NaN when none is left.
double title_contains_at_1(std::string_view answer, std::span<const std::string> titles);

}  // namespace kindred::eval
