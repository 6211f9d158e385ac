// YAML 1.2's core schema: what an unquoted scalar means. `yes`, `on` and `012` are not what
// YAML 1.1 made of them, and `1e-4` is a number.

#include <charconv>
#include <clocale>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "core/error.h"
#include "core/strings.h"
#include "core/yaml.h"

namespace kindred {
namespace {

template <class... Names>
bool one_of(std::string_view text, Names... names) {
  return ((text == names) || ...);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

size_t skip_digits(std::string_view text, size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

bool is_decimal_integer(std::string_view text) {
  const size_t begin = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  return begin < text.size() && skip_digits(text, begin) == text.size();
}

bool is_decimal_number(std::string_view text) {
  size_t at = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  const size_t whole = skip_digits(text, at) - at;
  at += whole;
  size_t fraction = 0;
  if (at < text.size() && text[at] == '.') {
    fraction = skip_digits(text, at + 1) - (at + 1);
    at += 1 + fraction;
  }
  if (whole + fraction == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    if (at == text.size()) return false;
    at = skip_digits(text, at);
  }
  return at == text.size();
}

/// The integer, as int64 or else uint64; false where it fits neither.
bool read_integer(std::string_view digits, int base, Json& value) {
  if (digits.starts_with('+')) digits.remove_prefix(1);
  const char* end = digits.data() + digits.size();
  int64_t with_sign = 0;
  uint64_t without = 0;
  auto result = std::from_chars(digits.data(), end, with_sign, base);
  if (result.ec == std::errc() && result.ptr == end) {
    value = with_sign;
    return true;
  }
  result = std::from_chars(digits.data(), end, without, base);
  if (result.ec != std::errc() || result.ptr != end) return false;
  value = without;
  return true;
}

/// The nearest double, whatever the locale; std::from_chars would not tell too large from too
/// small.
double read_double(std::string_view text, const std::string& where) {
  static const locale_t c_locale = ::newlocale(LC_ALL_MASK, "C", nullptr);
  const double value = ::strtod_l(std::string(text).c_str(), nullptr, c_locale);
  if (std::isinf(value))
    throw Error(Exit::config, where, "the number " + quote(text) + " is too large");
  return value;
}

}  // namespace

Json yaml_scalar(std::string_view text, const std::string& where) {
  if (one_of(text, "", "~", "null", "Null", "NULL")) return nullptr;
  if (one_of(text, "true", "True", "TRUE")) return true;
  if (one_of(text, "false", "False", "FALSE")) return false;
  if (one_of(text, ".nan", ".NaN", ".NAN")) return std::numeric_limits<double>::quiet_NaN();
  const bool negative = text.starts_with('-');
  const std::string_view bare = negative || text.starts_with('+') ? text.substr(1) : text;
  if (one_of(bare, ".inf", ".Inf", ".INF"))
    return (negative ? -1 : 1) * std::numeric_limits<double>::infinity();
  Json value;
  const auto prefixed = [&](const char* prefix, const char* digits, int base) {
    return text.starts_with(prefix) && text.size() > 2 &&
           text.find_first_not_of(digits, 2) == std::string_view::npos &&
           read_integer(text.substr(2), base, value);
  };
  if (prefixed("0x", "0123456789abcdefABCDEF", 16) || prefixed("0o", "01234567", 8)) return value;
  if (is_decimal_integer(text) && read_integer(text, 10, value)) return value;
  if (is_decimal_number(text)) return read_double(text, where);
  return std::string(text);
}

}  // namespace kindred
