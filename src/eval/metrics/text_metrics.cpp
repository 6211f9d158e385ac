#include "eval/metrics/text_metrics.h"

#include <array>
#include <cctype>
#include <functional>
#include <limits>
#include <utility>

#include "core/utf8.h"
#include "text/clean_up.h"
#include "text/unicode.h"

namespace kindred::eval {

namespace {

std::string_view without_quotes(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 3> pairs{
      {{"\"", "\""}, {"'", "'"}, {"\xE2\x80\x9C", "\xE2\x80\x9D"}}};  // the last: curly quotes
  for (const auto& [open, close] : pairs) {
    if (text.size() >= open.size() + close.size() && text.starts_with(open) &&
        text.ends_with(close)) {
      return text.substr(open.size(), text.size() - open.size() - close.size());
    }
  }
  return text;
}

double any_title(std::span<const std::string> titles,
                 const std::function<bool(const std::string&)>& matches) {
  bool any = false;
  for (const std::string& raw : titles) {
    const std::string title = normalized_text(raw);
    if (title.empty()) continue;
    if (matches(title)) return 1;
    any = true;
  }
  return any ? 0 : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

std::string normalized_text(std::string_view text) {
  std::string result;
  bool gap = false;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      gap = !result.empty();
      continue;
    }
    if (gap) result += ' ';
    gap = false;
    result += c;
  }
  return result;
}

double exact_at_1(std::string_view answer, std::span<const std::string> titles) {
  const std::string whole = normalized_text(answer);
  const std::string bare = normalized_text(without_quotes(whole));
  return any_title(titles,
                   [&](const std::string& title) { return title == whole || title == bare; });
}

std::string quoted_part(std::string_view answer) {
  const std::string lower = text::lower_case(sanitize_utf8(normalized_text(answer)));
  // The original takes the words of its own prompt out first.
  std::string bare = replaced(lower, R"("item title" : )", "");
  const size_t first = bare.find('"'), last = bare.rfind('"');
  if (first == std::string::npos) return bare;
  return first == last ? std::string() : bare.substr(first + 1, last - first - 1);
}

double title_contains_at_1(std::string_view answer, std::span<const std::string> titles) {
  const std::string part = quoted_part(answer);
  return any_title(titles, [&](const std::string& title) {
    return part.find(text::lower_case(sanitize_utf8(title))) != std::string::npos;
  });
}

}  // namespace kindred::eval
