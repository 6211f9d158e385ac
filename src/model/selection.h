#pragma once
// Partial selection: the best K of a stream of scores, seen block by block, without sorting them
// all.

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "data/dataset.h"

namespace kindred::model {

/// The best K (score, tie rank) pairs of one query. Items come in ascending order, so that the
/// masked list is walked once. Order: score descending, tie rank ascending, NaN after every number;
/// -inf never enters.
class BestItems {
 public:
  /// `masked` ascending; must outlive the object. `capacity` is at least 2 (twice K is meant).
  BestItems(int64_t k, std::span<const data::Index> masked);

  /// Scores of `items[i]` (or of item `first + i` when `items` is empty) and their tie ranks by
  /// item (empty: the item's number).
  struct Block {
    std::span<const float> scores;
    data::Index first = 0;
    std::span<const data::Index> items;
    std::span<const uint32_t> ties;
  };
  void add(const Block& block);
  /// The same without vector instructions (the form the fast one is tested against).
  void add_plain(const Block& block);

  /// Keys of the best, best first; the object is spent.
  std::span<const uint64_t> finish();

  /// One sortable number for a score and its tie rank: larger is better.
  static uint64_t key(float score, uint32_t tie) {
    return (static_cast<uint64_t>(ordered(score)) << 32) | (~tie);
  }
  static uint32_t tie_of(uint64_t key) { return ~static_cast<uint32_t>(key); }
  static float score_of(uint64_t key) {
    const auto bits = static_cast<uint32_t>(key >> 32);
    if (bits == 0) return std::numeric_limits<float>::quiet_NaN();
    return std::bit_cast<float>(bits & 0x80000000u ? bits & 0x7fffffffu : ~bits);
  }

 private:
  /// Order-preserving bits of a float: 0 for NaN, equal for both zeros.
  static uint32_t ordered(float score) {
    if (std::isnan(score)) return 0;
    const auto bits = std::bit_cast<uint32_t>(score + 0.0f);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  }
  void offer(const Block& block, size_t i, size_t limit);
  /// The first scores, all of which may enter, are chosen from at once and not twice K at a time.
  /// Returns how many were taken.
  size_t add_first(const Block& block);
  void shrink();

  size_t k_;
  std::span<const data::Index> masked_;
  size_t cursor_ = 0;           ///< into masked_
  std::vector<uint64_t> keys_;  ///< at most twice k
  uint64_t worst_ = 0;          ///< keys at or below it cannot enter
  float threshold_;             ///< scores below it cannot enter; -inf: all may
};

}  // namespace kindred::model
