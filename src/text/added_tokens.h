#pragma once
// Tokens found in the text as they stand, before any splitting: special tokens and words added
// later.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kindred::text {

struct AddedToken {
  std::string content;
  int32_t id = -1;
  bool special = false;
  bool lstrip = false;       ///< takes the white space to its left
  bool rstrip = false;       ///< takes the white space to its right
  bool single_word = false;  ///< not inside a word
  bool normalized = false;   ///< looked for in the normalized text
};

/// A token, or (`id` negative) a stretch of text still to be split.
struct Segment {
  std::string_view text;
  int32_t id = -1;
};

/// Finds added tokens: the leftmost, of those that start there the longest.
class TokenFinder {
 public:
  TokenFinder() = default;
  /// Of equal contents the first stays.
  explicit TokenFinder(std::vector<AddedToken> tokens);

  bool empty() const { return tokens_.empty(); }

  /// Cuts `text` and calls `use` with each segment in order. With `parse_special` off, special
  /// tokens stay text (as the reference does, a match of one still hides tokens that overlap it).
  void cut(std::string_view text, bool parse_special,
           const std::function<void(const Segment&)>& use) const;

 private:
  const AddedToken* match(std::string_view text, size_t at) const;
  const AddedToken* next_match(std::string_view text, size_t& at) const;

  std::vector<AddedToken> tokens_;  // sorted by content
  bool starts_[256] = {};
};

}  // namespace kindred::text
