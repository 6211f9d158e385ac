#pragma once
// Small string helpers shared by every room.

#include <cstddef>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace kindred {

/// Concatenates its arguments as `<<` would print them: cat("got ", 3, ", expected ", 4).
template <class... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream stream;
  (stream << ... << parts);
  return stream.str();
}

/// Joins strings with a separator.
std::string join(std::span<const std::string> parts, std::string_view separator);

/// Splits at every separator; `a,,b` has three parts, the empty text one empty part.
std::vector<std::string> split(std::string_view text, char separator);

/// Without leading and trailing ASCII white space.
std::string_view trim(std::string_view text);

/// The known name nearest to `name` by edit distance, or empty when none is near enough to suggest.
std::string nearest_name(std::string_view name, std::span<const std::string> known);

/// " (did you mean 'x'?)" or "" — the ending of an unknown-name sentence.
std::string suggestion(std::string_view name, std::span<const std::string> known);

/// Untrusted text for a message: in single quotes, control characters and bytes that are not UTF-8
/// as
/// \xNN, cut after `limit` bytes.
std::string quote(std::string_view text, size_t limit = 80);

/// Whether the bytes are well-formed UTF-8 (no surrogates, no overlong forms); `bad` gets the
/// offset of the first byte that is not.
bool is_utf8(std::string_view bytes, size_t* bad = nullptr);

/// A number with `digits` significant digits and no trailing zeros; independent of the locale.
std::string number(double value, int digits = 9);

/// The shortest decimal that reads back as the same double; independent of the locale.
std::string shortest_number(double value);

/// 12345678 -> "12,345,678".
std::string with_commas(long long value);

}  // namespace kindred
