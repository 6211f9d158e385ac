#pragma once
// Given answers as a tree of their tokens, so that a model can be held to them one token at a time.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace kindred::lm {

/// Token sequences by their common beginnings.
class PrefixTree {
 public:
  /// Throws `bad_data` where an answer has no token or comes twice, naming it by its number.
  explicit PrefixTree(std::span<const std::vector<int64_t>> answers);

  /// Tokens that may come after `written`, ascending; empty where it begins no answer or only ends
  /// one.
  std::vector<int64_t> next(std::span<const int64_t> written) const;
  /// The number of the answer that `written` is.
  std::optional<size_t> answer(std::span<const int64_t> written) const;

 private:
  struct Node {
    std::map<int64_t, size_t> children;
    std::optional<size_t> answer;
  };
  const Node* find(std::span<const int64_t> written) const;

  std::vector<Node> nodes_;
};

}  // namespace kindred::lm
