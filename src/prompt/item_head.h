#pragma once
// The answer that is a distribution over items: softmax(h Z^T) with the head tied to the item
// table. Legend: R hidden rows, D dimensions, N items, P (row, target) pairs, S sampled items.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "core/random.h"
#include "model/table.h"

namespace kindred::prompt {

/// The targets of hidden rows: one each (the next item) or several (all held-out items).
struct ItemTargets {
  torch::Tensor rows;    ///< [P] int64, ascending: the hidden row of each target
  torch::Tensor items;   ///< [P] int64
  torch::Tensor counts;  ///< [R] float: targets of each row

  void to(torch::Device device);
};

/// The multinomial loss over all N items, -sum over pairs of ln softmax(h_row Z^T)[item]; scalar.
/// Logits are made for a block of items at a time, with hidden [R, D], table [N, D]; for the
/// backward pass they are kept only where they take at most 16 MiB or a quarter of the table.
torch::Tensor item_cross_entropy_sum(const torch::Tensor& hidden, const torch::Tensor& table,
                                     const ItemTargets& targets);

/// Items drawn with replacement to stand for the catalogue in one step.
struct ItemSample {
  torch::Tensor items;         ///< [S] int64
  torch::Tensor log_expected;  ///< [S] float: ln(S q(item)), how often it is expected in the sample
  torch::Tensor hit_rows, hit_columns;  ///< pairs where a sampled item is a target of that row

  void to(torch::Device device);
};

/// The same loss with the softmax's normaliser estimated from a sample: a row's own targets count
/// exactly, the others through exp(logit) / (S q), so the normaliser (not its logarithm) is
/// unbiased and the loss tends to the full one as S grows. Only the touched rows of the table get
/// gradients.
torch::Tensor sampled_item_cross_entropy_sum(const torch::Tensor& hidden, model::Table& table,
                                             const ItemTargets& targets, const ItemSample& sample);

/// Draws items with probability q in constant time (alias method).
class ItemSampler {
 public:
  /// q is proportional to `weights` [N], which must be positive.
  explicit ItemSampler(const std::vector<double>& weights);

  /// A sample of `size` items for these targets (CPU tensors), from `random`.
  ItemSample draw(int64_t size, const ItemTargets& targets, Random& random) const;
  /// q of an item.
  double probability(int64_t item) const { return probability_[static_cast<size_t>(item)]; }

 private:
  // All that one draw reads, in one place: a draw from a large catalogue costs one cache miss.
  struct Slot {
    float threshold;  // the slot's own item below it, else the alias
    int32_t alias;
    float log_own, log_alias;  // ln q of either
  };
  std::vector<double> probability_;
  std::vector<Slot> slots_;
};

}  // namespace kindred::prompt
