#pragma once
// Given answers as a tree of their tokens, so that a model can be held to them one token at a time.

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace kindred::lm {

/// Token sequences by their common beginnings. Equal ones (two items of one title) are one answer
/// with several numbers.
class PrefixTree {
 public:
  /// Throws `bad_data` where an answer has no token, naming it by its number.
  explicit PrefixTree(std::span<const std::vector<int64_t>> answers);

  /// Tokens that may come after `written`, ascending; empty where it begins no answer or only ends
  /// one.
  std::vector<int64_t> next(std::span<const int64_t> written) const;
  /// The numbers of the answers that `written` is, ascending; none where it is no whole answer.
  std::span<const size_t> answers(std::span<const int64_t> written) const;

 private:
  struct Node {
    std::map<int64_t, size_t> children;
    std::vector<size_t> answers;  // that end here
  };
  const Node* find(std::span<const int64_t> written) const;

  std::vector<Node> nodes_;
};

}  // namespace kindred::lm
