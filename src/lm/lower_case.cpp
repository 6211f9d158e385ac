#include "lm/lower_case.h"

#include <utf8proc.h>

#include "core/utf8.h"

namespace kindred::lm {

std::string lower_case(const std::string& text) {
  const std::string whole = sanitize_utf8(text);
  std::string lowered;
  lowered.reserve(whole.size());
  for (size_t at = 0; at < whole.size();) {
    const CodePoint point = code_point_at(whole, at);
    at += point.length;
    const auto lower = utf8proc_tolower(static_cast<utf8proc_int32_t>(point.value));
    append_utf8(lowered, static_cast<char32_t>(lower));
    // The one letter that becomes two: I with a dot above, of which the dot stays.
    if (point.value == 0x130) append_utf8(lowered, 0x307);
  }
  return lowered;
}

}  // namespace kindred::lm
