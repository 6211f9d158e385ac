#pragma once
// Rotary positions: pairs of a head's halves turn by an angle that grows with the position (Su et
// al. 2021). Legend: T tokens, W width of queries, keys and values side by side, d head size.

#include <torch/torch.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "lm/config/decoder_layout.h"

namespace kindred::lm {

/// The turns of one decoder; owned by shared pointers, since a graph keeps them for its backward
/// pass. Thread-safe.
class Rotary : public std::enable_shared_from_this<Rotary> {
 public:
  Rotary(const RopeLayout& layout, const DecoderLayout& decoder);

  /// Turns queries and keys of qkv [T, W] in place, packed sequences of `offsets` that begin at
  /// positions `starts` (empty: 0); `direction` -1 turns back (the gradient's way). On a processor,
  /// fp32 or bf16, arithmetic in fp32.
  void turn(torch::Tensor& qkv, const std::vector<int64_t>& offsets,
            const std::vector<int64_t>& starts, float direction) const;

  /// The same, differentiable and out of place, anywhere.
  torch::Tensor turned(const torch::Tensor& qkv, const std::vector<int64_t>& offsets,
                       const std::vector<int64_t>& starts) const;

  /// Cosines and sines [>= length, d / 2] fp32 for the positions of a sequence of that length.
  struct Angles {
    torch::Tensor cosines, sines;
  };
  Angles angles(int64_t length) const;

 private:
  torch::Tensor frequencies(int64_t length) const;
  torch::Tensor turned_plain(const torch::Tensor& qkv, const std::vector<int64_t>& offsets,
                             const std::vector<int64_t>& starts) const;

  RopeLayout layout_;
  int64_t heads_, key_heads_, head_dim_;
  mutable std::mutex mutex_;
  mutable std::map<int64_t, Angles> by_length_;  ///< of lengths whose angles are their own
  mutable Angles shared_;                        ///< of all others
};

}  // namespace kindred::lm
