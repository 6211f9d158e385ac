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

/// title-contains@1: 1 when one of the titles stands somewhere in the answer, else 0 (A-LLMRec's
/// Hit@1). Empty titles are passed over; NaN when none is left.
double title_contains_at_1(std::string_view answer, std::span<const std::string> titles);

}  // namespace kindred::eval
