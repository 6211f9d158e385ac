#pragma once
// Vectors of an outside model, keyed by token: a tab-separated file of tokens and numbers.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace kindred::data {

/// Vectors by token; row r of `values` belongs to `tokens[r]`.
struct TokenVectors {
  std::vector<std::string> tokens;
  std::vector<float> values;  ///< [tokens, size], row by row
  int64_t size = 0;           ///< dimensions
};

/// Reads lines `token <tab> numbers separated by blanks` (RecBole's float_seq; plain or
/// compressed). A first line whose second field is no number is a header. Throws `missing`, and
/// `bad_data` with file and line for another number of fields, a number that is none or not finite,
/// a vector of another size than the first, or a token met before.
TokenVectors read_vectors(const std::filesystem::path& path);

}  // namespace kindred::data
