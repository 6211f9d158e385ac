#include "lm/token_choice.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

namespace kindred::lm {
namespace {

constexpr float kRuledOut = -std::numeric_limits<float>::infinity();

float highest(std::span<const float> scores) {
  return scores.empty() ? kRuledOut : *std::ranges::max_element(scores);
}

void keep_top_k(int64_t k, std::span<float> scores) {
  if (k <= 0 || static_cast<size_t>(k) >= scores.size()) return;
  std::vector<float> sorted(scores.begin(), scores.end());
  std::nth_element(sorted.begin(), sorted.begin() + (k - 1), sorted.end(), std::greater<>());
  const float least = sorted[static_cast<size_t>(k - 1)];
  for (float& score : scores) {
    if (score < least) score = kRuledOut;
  }
}

void keep_top_p(double p, std::span<float> scores) {
  if (p >= 1) return;
  const float top = highest(scores);
  if (top == kRuledOut) return;
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  double total = 0, before = 0;
  for (const float score : scores) total += std::exp(static_cast<double>(score) - top);
  for (size_t i = 0; i < order.size(); ++i) {
    float& score = scores[order[i]];
    const double probability = std::exp(static_cast<double>(score) - top) / total;
    // The first token that reaches p still counts.
    if (i > 0 && before >= p) score = kRuledOut;
    before += probability;
  }
}

}  // namespace

void penalise(double penalty, std::span<const int64_t> before, std::span<float> scores) {
  if (penalty == 1) return;
  const std::set<int64_t> tokens(before.begin(), before.end());
  for (const int64_t token : tokens) {
    if (token < 0 || token >= static_cast<int64_t>(scores.size())) continue;
    float& score = scores[static_cast<size_t>(token)];
    score = static_cast<float>(score < 0 ? score * penalty : score / penalty);
  }
}

void forbid(std::span<const int64_t> tokens, std::span<float> scores) {
  for (const int64_t token : tokens) {
    if (token >= 0 && token < static_cast<int64_t>(scores.size())) {
      scores[static_cast<size_t>(token)] = kRuledOut;
    }
  }
}

void allow_only(std::span<const int64_t> tokens, std::span<float> scores) {
  std::vector<float> kept(scores.size(), kRuledOut);
  for (const int64_t token : tokens) {
    const auto at = static_cast<size_t>(token);
    if (token >= 0 && at < scores.size()) kept[at] = scores[at];
  }
  std::ranges::copy(kept, scores.begin());
}

void narrow(const TokenChoice& choice, std::span<float> scores) {
  if (choice.samples()) {
    for (float& score : scores) score = static_cast<float>(score / choice.temperature);
  }
  keep_top_k(choice.top_k, scores);
  keep_top_p(choice.top_p, scores);
}

int64_t likeliest(std::span<const float> scores) {
  const auto best = std::ranges::max_element(scores);
  return best == scores.end() || *best == kRuledOut ? -1 : best - scores.begin();
}

int64_t draw(std::span<const float> scores, Random& random) {
  const float top = highest(scores);
  if (top == kRuledOut) return -1;
  double total = 0;
  for (const float score : scores) total += std::exp(static_cast<double>(score) - top);
  double left = random.uniform() * total;
  int64_t last = -1;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] == kRuledOut) continue;
    last = static_cast<int64_t>(i);
    left -= std::exp(static_cast<double>(scores[i]) - top);
    if (left < 0) break;
  }
  return last;
}

}  // namespace kindred::lm
