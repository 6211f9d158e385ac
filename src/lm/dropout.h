#pragma once
// Dropout whose masks are a function of a key and a place, never stored: the backward pass makes
// them again, threads may share the work in any way, and every form of a model (frozen or ordinary
// graph, all rows or some, one batch or parts of it) drops the same elements. Legend: T packed
// tokens of S sequences.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace kindred::lm {

/// One use of dropout in one pass: the element in (row, column) is dropped with `probability`, as
/// a hash of (key, row, column) says, and kept ones are divided by 1 - probability.
struct Dropout {
  uint64_t key = 0;
  float probability = 0;

  bool active() const { return probability > 0; }
};

/// The seed of a pass: from the training step's chance (model/chance.h), else from ATen's
/// generator.
uint64_t draw_dropout_seed();

/// Which rows of the masks packed tokens draw: those of the token's place in its sequence and of
/// its sequence's place in the step's global batch, so that a sequence is dropped from in the same
/// way whatever it is packed with.
struct MaskRows {
  std::vector<int64_t> firsts;  ///< [S] of the sequences' first tokens; the others follow
  std::vector<int64_t> tokens;  ///< [T] of all
};

/// Those of packed sequences with ends `offsets` [S + 1]; `places` [S] are the batch's rows they
/// belong to (empty: their own numbers).
std::shared_ptr<const MaskRows> mask_rows(const std::vector<int64_t>& offsets,
                                          const std::vector<int64_t>& places);

/// splitmix64: neighbouring inputs give unrelated outputs.
inline uint64_t mixed(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// The dropouts of one pass through a model; none unless the probabilities are set.
struct PassDropout {
  uint64_t seed = 0;
  bool adapters = false;  ///< whether adapters drop too, with their own probabilities
  float embedding = 0;    ///< of the first block's input; row: the token's
  float attention = 0;    ///< of attention's probabilities; row: the token's * heads + head
  float residual = 0;     ///< of what a block's parts add to the stream; row: the token's
  std::shared_ptr<const MaskRows> rows = nullptr;  ///< of the tokens; null where nothing drops

  /// [T] the tokens' rows and [S] those of the sequences' first tokens; empty where nothing drops.
  std::span<const int64_t> tokens() const {
    return rows != nullptr ? std::span<const int64_t>(rows->tokens) : std::span<const int64_t>();
  }
  std::vector<int64_t> firsts() const {
    return rows != nullptr ? rows->firsts : std::vector<int64_t>();
  }
  /// The same of these tokens alone, in this order; it has no sequences.
  PassDropout at(std::span<const int64_t> tokens) const;

  /// Of the input of an adapter on one layer; row: the token's.
  Dropout of_adapter(uint64_t place, double probability) const {
    constexpr uint64_t kBehindAllLayers = uint64_t{1} << 40;
    return {mixed(seed + kBehindAllLayers + place), adapters ? static_cast<float>(probability) : 0};
  }
  Dropout of_embedding() const { return {mixed(seed), embedding}; }
  Dropout of_attention(uint64_t layer) const { return {mixed(seed + 3 * layer + 1), attention}; }
  Dropout after_attention(uint64_t layer) const { return {mixed(seed + 3 * layer + 2), residual}; }
  Dropout after_feed_forward(uint64_t layer) const {
    return {mixed(seed + 3 * layer + 3), residual};
  }
  /// Of what only some models drop, by a number of its own among those.
  Dropout of_other(uint64_t use) const {
    constexpr uint64_t kBehindAllAdapters = uint64_t{1} << 41;
    return {mixed(seed + kBehindAllAdapters + use), residual};
  }
};

}  // namespace kindred::lm
