#include "data/vectors.h"

#include <cmath>
#include <unordered_set>

#include "core/error.h"
#include "core/strings.h"
#include "data/lines.h"
#include "data/numbers.h"

namespace kindred::data {
namespace {

/// The numbers of a line's second field, appended to `values`; how many.
int64_t add_numbers(std::string_view text, const std::string& where, std::vector<float>& values) {
  int64_t count = 0;
  for (const std::string& part : split(trim(text), ' ')) {
    if (part.empty()) continue;
    const auto number = parse_number(part);
    if (!number || !std::isfinite(static_cast<float>(*number)))
      throw Error(Exit::bad_data, where, cat("got ", quote(part), ", expected a finite number"));
    values.push_back(static_cast<float>(*number));
    ++count;
  }
  return count;
}

}  // namespace

TokenVectors read_vectors(const std::filesystem::path& path) {
  TokenVectors vectors;
  std::unordered_set<std::string> met;
  LineReader lines(path);
  std::string_view line;
  while (lines.next(line)) {
    if (line.empty() && !lines.too_long()) continue;
    const size_t tab = line.find('\t');
    const std::string where = lines.where();
    if (tab == line.npos || line.find('\t', tab + 1) != line.npos || tab == 0)
      throw Error(Exit::bad_data, where,
                  "expected two fields with a tab between: a token, and its numbers separated by "
                  "blanks");
    const std::string_view numbers = line.substr(tab + 1);
    const std::string first(numbers.substr(0, numbers.find(' ')));
    if (lines.number() == 1 && !parse_number(first)) continue;  // a header
    std::string token(line.substr(0, tab));
    if (!met.insert(token).second)
      throw Error(Exit::bad_data, where, cat("token ", quote(token), " has a vector already"));
    const int64_t size = add_numbers(numbers, where, vectors.values);
    if (vectors.tokens.empty()) vectors.size = size;
    if (size != vectors.size || size == 0)
      throw Error(Exit::bad_data, where,
                  cat("got ", size, " numbers, expected ",
                      vectors.tokens.empty() ? "at least one" : cat(vectors.size, " as before")));
    vectors.tokens.push_back(std::move(token));
  }
  if (vectors.tokens.empty())
    throw Error(Exit::bad_data, path.string(),
                "holds no vector, expected lines of token and numbers");
  return vectors;
}

}  // namespace kindred::data
