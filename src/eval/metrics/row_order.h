#pragma once
// Rows in order of score and their runs of ties, shared by the pointwise metrics and their
// resampling.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace kindred::eval {

/// Row numbers by score descending, NaN last; ties stay in the rows' order.
inline std::vector<uint32_t> order_by_score(std::span<const float> scores) {
  std::vector<uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, [&](uint32_t a, uint32_t b) {
    return scores[a] > scores[b] || (std::isnan(scores[b]) && !std::isnan(scores[a]));
  });
  return order;
}

/// Whether two scores are tied (all NaN are).
inline bool tied(float a, float b) {
  return a == b || (std::isnan(a) && std::isnan(b));
}

/// Calls `visit(begin, end)` for every maximal run of tied rows, best first.
template <class Visit>
void for_tied_runs(std::span<const uint32_t> order, std::span<const float> scores, Visit visit) {
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin + 1;
    while (end < order.size() && tied(scores[order[begin]], scores[order[end]])) ++end;
    visit(begin, end);
    begin = end;
  }
}

}  // namespace kindred::eval
