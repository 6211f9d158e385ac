#include "lm/prefix_tree.h"

#include "core/error.h"
#include "core/strings.h"

namespace kindred::lm {

PrefixTree::PrefixTree(std::span<const std::vector<int64_t>> answers) : nodes_(1) {
  for (size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].empty()) {
      throw Error(Exit::bad_data, cat("answer ", i + 1), "got no tokens, expected at least one");
    }
    size_t at = 0;
    for (const int64_t token : answers[i]) {
      const auto [child, is_new] = nodes_[at].children.try_emplace(token, nodes_.size());
      at = child->second;
      if (is_new) nodes_.emplace_back();
    }
    nodes_[at].answers.push_back(i);
  }
}

const PrefixTree::Node* PrefixTree::find(std::span<const int64_t> written) const {
  const Node* node = &nodes_[0];
  for (const int64_t token : written) {
    const auto child = node->children.find(token);
    if (child == node->children.end()) return nullptr;
    node = &nodes_[child->second];
  }
  return node;
}

std::vector<int64_t> PrefixTree::next(std::span<const int64_t> written) const {
  std::vector<int64_t> tokens;
  if (const Node* node = find(written)) {
    for (const auto& [token, child] : node->children) tokens.push_back(token);
  }
  return tokens;
}

std::span<const size_t> PrefixTree::answers(std::span<const int64_t> written) const {
  const Node* node = find(written);
  return node == nullptr ? std::span<const size_t>() : node->answers;
}

}  // namespace kindred::lm
