#include "text/token_trie.h"

#include <algorithm>
#include <cstddef>

namespace kindred::text {

TokenTrie::TokenTrie(std::vector<std::pair<std::string_view, int32_t>> tokens) : nodes_(1) {
  std::sort(tokens.begin(), tokens.end());
  struct Range {
    size_t begin, end, depth;
  };
  std::vector<Range> ranges{{0, tokens.size(), 0}};  // of each node, in the nodes' order
  for (size_t node = 0; node < nodes_.size(); ++node) {
    auto [at, end, depth] = ranges[node];
    for (; at < end && tokens[at].first.size() == depth; ++at) nodes_[node].id = tokens[at].second;
    nodes_[node].children = static_cast<uint32_t>(nodes_.size());
    while (at < end) {
      const char label = tokens[at].first[depth];
      const size_t begin = at;
      while (at < end && tokens[at].first[depth] == label) ++at;
      nodes_.push_back({.label = static_cast<uint8_t>(label)});
      ranges.push_back({begin, at, depth + 1});
      ++nodes_[node].count;
    }
  }
}

}  // namespace kindred::text
