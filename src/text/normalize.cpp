// The four normal forms on utf8proc's tables. Its own decomposition sorts combining marks by
// exchanges, quadratic in the length of a run; here every run is sorted once.

#include <utf8proc.h>

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "core/utf8.h"
#include "text/code_point_range.h"
#include "text/unicode.h"

namespace kindred::text {
namespace {

using CodePoints = std::vector<utf8proc_int32_t>;

void append_decomposed(CodePoints& points, char32_t code_point, NormalForm form) {
  constexpr int kLongest = 32;  // U+FDFA, the longest, has 18
  const bool compatible = form == NormalForm::nfkc || form == NormalForm::nfkd;
  const int options = UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0);
  utf8proc_int32_t parts[kLongest];
  int boundary = 0;
  const auto count =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code_point), parts, kLongest,
                              static_cast<utf8proc_option_t>(options), &boundary);
  check(count >= 0 && count <= kLongest, "a code point decomposes into at most 32");
  points.insert(points.end(), parts, parts + count);
}

int combining_class(utf8proc_int32_t code_point) {
  return utf8proc_get_property(code_point)->combining_class;
}

void sort_marks(CodePoints& points) {
  for (size_t begin = 0; begin < points.size();) {
    size_t end = begin;
    while (end < points.size() && combining_class(points[end]) != 0) ++end;
    if (end - begin > 1) {
      std::stable_sort(points.begin() + begin, points.begin() + end,
                       [](auto a, auto b) { return combining_class(a) < combining_class(b); });
    }
    begin = end + 1;
  }
}

/// Appends the normal form of a stretch without inert code points.
void append_normalized(std::string& text, CodePoints& points, NormalForm form) {
  sort_marks(points);
  auto count = static_cast<utf8proc_ssize_t>(points.size());
  if (form == NormalForm::nfc || form == NormalForm::nfkc) {
    const int options = UTF8PROC_COMPOSE | UTF8PROC_STABLE;
    count = utf8proc_normalize_utf32(points.data(), count, static_cast<utf8proc_option_t>(options));
    check(count >= 0, "code points compose");
  }
  for (utf8proc_ssize_t i = 0; i < count; ++i) append_utf8(text, static_cast<char32_t>(points[i]));
  points.clear();
}

/// Whether every character is below the first that the form could change or that could combine.
bool is_plain(std::string_view text, NormalForm form) {
  const uint8_t limit = form == NormalForm::nfc ? 0xCC : 0x80;  // lead byte of U+0300; ASCII
  return std::all_of(text.begin(), text.end(),
                     [&](char byte) { return static_cast<uint8_t>(byte) < limit; });
}

}  // namespace

std::string normalize(std::string_view text, NormalForm form) {
  if (is_plain(text, form)) return std::string(text);
  std::string result;
  result.reserve(text.size());
  CodePoints points;
  for (size_t at = 0; at < text.size();) {
    const CodePoint next = code_point_at(text, at);
    if (is_inert(next.value)) {
      append_normalized(result, points, form);
      append_utf8(result, next.value);
    } else {
      append_decomposed(points, next.value, form);
    }
    at += next.length;
  }
  append_normalized(result, points, form);
  return result;
}

}  // namespace kindred::text
