#pragma once
// Dropout whose masks are a function of a key and a place, never stored: the backward pass makes
// them again, threads may share the work in any way, and every form of a model (frozen or ordinary
// graph, all rows or some) drops the same elements.

#include <cstdint>

namespace kindred::lm {

/// One use of dropout in one pass: the element in (row, column) is dropped with `probability`, as
/// a hash of (key, row, column) says, and kept ones are divided by 1 - probability.
struct Dropout {
  uint64_t key = 0;
  float probability = 0;

  bool active() const { return probability > 0; }
};

/// A seed from ATen's generator.
uint64_t draw_dropout_seed();

/// splitmix64: neighbouring inputs give unrelated outputs.
inline uint64_t mixed(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// The dropouts of one pass through a decoder; none unless the probabilities are set.
struct PassDropout {
  uint64_t seed = 0;
  bool adapters = false;  ///< whether adapters drop too, with their own probabilities
  float embedding = 0;    ///< of the first block's input; row: packed token
  float attention = 0;    ///< of attention's probabilities; row: packed token * heads + head
  float residual = 0;     ///< of what a block's halves add to the stream; row: packed token

  /// Of the input of an adapter on one layer; row: packed token.
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
};

}  // namespace kindred::lm
