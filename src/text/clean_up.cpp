#include "text/clean_up.h"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>

#include "core/utf8.h"
#include "text/code_point_range.h"
#include "text/unicode.h"

namespace kindred::text {
namespace {

#include "text/clean_up_tables.inc"

/// Calls `use(code_point, result)` for each character, which appends what stands for it.
template <class Use>
std::string mapped(std::string_view text, Use&& use) {
  std::string result;
  result.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const CodePoint next = code_point_at(text, at);
    use(next.value, result);
    at += next.length;
  }
  return result;
}

void append_lower(char32_t code_point, std::string& result) {
  if (code_point < 0x80) {
    const bool upper = code_point >= 'A' && code_point <= 'Z';
    result += static_cast<char>(upper ? code_point + 32 : code_point);
    return;
  }
  const auto found =
      std::lower_bound(std::begin(kLowerExceptions), std::end(kLowerExceptions), code_point,
                       [](const auto& entry, char32_t value) { return entry.upper < value; });
  if (found == std::end(kLowerExceptions) || found->upper != code_point) {
    const auto lower = utf8proc_tolower(static_cast<utf8proc_int32_t>(code_point));
    return append_utf8(result, static_cast<char32_t>(lower));
  }
  append_utf8(result, found->lower[0]);
  if (found->lower[1] != 0) append_utf8(result, found->lower[1]);
}

std::string cleaned(std::string_view text, const BertCleanUp& options) {
  return mapped(text, [&](char32_t code_point, std::string& result) {
    if (options.clean) {
      if (in_ranges(kDropped, code_point)) return;
      if (char_class(code_point) == CharClass::space) code_point = ' ';
    }
    if (options.space_chinese && in_ranges(kChinese, code_point)) {
      result += ' ';
      append_utf8(result, code_point);
      result += ' ';
    } else {
      append_utf8(result, code_point);
    }
  });
}

}  // namespace

std::string clean_up(std::string_view text, const BertCleanUp& options) {
  std::string result = cleaned(text, options);
  if (options.strip_accents) {
    result = mapped(normalize(result, NormalForm::nfd), [](char32_t code_point, std::string& to) {
      if (!in_ranges(kBertMarks, code_point)) append_utf8(to, code_point);
    });
  }
  return options.lower ? lower_case(result) : result;
}

std::string lower_case(std::string_view text) {
  return mapped(text, append_lower);
}

std::string without_marks(std::string_view text) {
  return mapped(text, [](char32_t code_point, std::string& result) {
    if (!in_ranges(kMarks, code_point)) append_utf8(result, code_point);
  });
}

bool is_punctuation(char32_t code_point) {
  return in_ranges(kPunctuation, code_point);
}

}  // namespace kindred::text
