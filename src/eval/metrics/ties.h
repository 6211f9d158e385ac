#pragma once
// The order of rankings: score descending, then SHA-256 of the item token, NaN last.

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace kindred::eval {

/// For each item its place when tokens are ordered by SHA-256 (bytes ascending): a ranking breaks a
/// tie of scores in favour of the lower number. The numbers are a permutation of 0..N-1; equal
/// tokens keep the order of their indices.
std::vector<uint32_t> tie_ranks(std::span<const std::string> item_tokens);

/// Whether a (score, tie rank) pair stands before another in a ranking: a strict weak order also
/// with NaN, which stands after every number, -inf included. +0 and -0 are tied.
inline bool ranks_before(float score_a, uint32_t tie_a, float score_b, uint32_t tie_b) {
  if (score_a > score_b) return true;
  if (score_a < score_b) return false;
  const bool nan_a = std::isnan(score_a), nan_b = std::isnan(score_b);
  if (nan_a != nan_b) return nan_b;
  return tie_a < tie_b;
}

/// The first `k` items of a score vector [N] under that order, best first, -inf (masked) left out:
/// the plain form that faster selections are tested against.
std::vector<int32_t> rank_items(std::span<const float> scores, std::span<const uint32_t> ties,
                                int k);

}  // namespace kindred::eval
