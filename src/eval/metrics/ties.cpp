#include "eval/metrics/ties.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/hash.h"

namespace kindred::eval {

std::vector<uint32_t> tie_ranks(std::span<const std::string> item_tokens) {
  std::vector<Digest> digests;
  digests.reserve(item_tokens.size());
  for (const std::string& token : item_tokens) digests.push_back(sha256(token));
  std::vector<uint32_t> order(item_tokens.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, {},
                           [&](uint32_t item) -> const Digest& { return digests[item]; });
  std::vector<uint32_t> ranks(order.size());
  for (uint32_t place = 0; place < order.size(); ++place) ranks[order[place]] = place;
  return ranks;
}

std::vector<int32_t> rank_items(std::span<const float> scores, std::span<const uint32_t> ties,
                                int k) {
  std::vector<int32_t> items;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] != -std::numeric_limits<float>::infinity())
      items.push_back(static_cast<int32_t>(i));
  }
  const size_t kept = std::min(items.size(), static_cast<size_t>(std::max(k, 0)));
  std::partial_sort(
      items.begin(), items.begin() + static_cast<ptrdiff_t>(kept), items.end(),
      [&](int32_t a, int32_t b) { return ranks_before(scores[a], ties[a], scores[b], ties[b]); });
  items.resize(kept);
  return items;
}

}  // namespace kindred::eval
