#pragma once
// Tokens by their bytes: every token that begins at a place of a text, in one walk.

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace kindred::text {

class TokenTrie {
 public:
  static constexpr uint32_t kNone = UINT32_MAX, kRoot = 0;

  /// Tokens and their ids. Of equal tokens one stays.
  explicit TokenTrie(std::vector<std::pair<std::string_view, int32_t>> tokens);

  /// The node that a byte leads to, or kNone.
  uint32_t child(uint32_t node, char byte) const {
    const Node& from = nodes_[node];
    const auto label = static_cast<uint8_t>(byte);
    uint32_t low = from.children, high = from.children + from.count;
    while (low < high) {
      const uint32_t middle = (low + high) / 2;
      if (nodes_[middle].label < label) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low < from.children + from.count && nodes_[low].label == label ? low : kNone;
  }
  /// The node at the end of `bytes` from `node`, or kNone.
  uint32_t walk(uint32_t node, std::string_view bytes) const {
    for (size_t i = 0; i < bytes.size() && node != kNone; ++i) node = child(node, bytes[i]);
    return node;
  }
  /// The id of the token that ends at a node, or -1.
  int32_t id(uint32_t node) const { return nodes_[node].id; }

 private:
  struct Node {
    int32_t id = -1;
    uint32_t children = 0;  // the first; they lie side by side, sorted by label
    uint16_t count = 0;
    uint8_t label = 0;
  };
  std::vector<Node> nodes_;
};

}  // namespace kindred::text
