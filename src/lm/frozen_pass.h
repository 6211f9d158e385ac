#pragma once
// Parts of the frozen stack's forward and backward passes, for frozen_*.cpp alone. Legend as in
// frozen_stack.h, and H heads of queries, K of keys, d head size, F feed-forward width.

#include <torch/custom_class.h>

#include <type_traits>
#include <vector>

#include "lm/element.h"
#include "lm/frozen_stack.h"
#include "lm/kernels.h"

namespace kindred::lm::frozen {

/// What the backward pass of a norm needs: (x - mean) rstd [T, D] and rstd [T].
struct SavedNorm {
  torch::Tensor normalised, rstd;
};

// Rows of a block's tokens; those that take a gradient only, but for qkv, once the block is read.
struct SavedBlock {
  torch::Tensor input;  // [T, D] of a checkpointed block, which has nothing else
  SavedNorm norm_1, norm_2;
  torch::Tensor qkv;       // [T, (H + 2 K) d], queries and keys turned
  torch::Tensor mixed;     // [T, H d], what attention gives
  torch::Tensor log_sums;  // [T, H]
  torch::Tensor inner;     // [T, F], gated [T, 2 F]
};

// Adapters of a block's layers.
struct BlockAdditions {
  Additions qkv, out, up, down;
};

// The tokens that take a gradient, where not all do.
struct Tail {
  torch::Tensor tokens;          // [Tt] int64, ascending
  std::vector<int64_t> offsets;  // [S + 1], among them
  torch::Tensor live, place;     // [n] which of the pass's rows are among them, and where

  // Of values by token, those that take a gradient.
  torch::Tensor of(const torch::Tensor& values) const {
    return tokens.defined() && values.defined() ? values.index_select(0, tokens) : values;
  }
};

// The rows of the masks that tokens draw: all of them, those asked for, and those that take a
// gradient. Undefined where nothing drops.
struct Drawn {
  torch::Tensor all, asked, live;
};

// One pass, prepared.
struct Pass : FrozenPass {
  std::shared_ptr<const FrozenStack> stack;
  std::vector<BlockAdditions> additions;    // by block
  torch::autograd::variable_list adapters;  // A, B of all of them
  Tail tail;
  Drawn drawn;

  AttentionShape attention(size_t layer) const {
    AttentionShape shape{offsets, stack->heads, stack->key_heads,
                         stack->blocks[layer].attention_scale, dropout.of_attention(layer)};
    shape.mask_rows = dropout.firsts();
    return shape;
  }
  // The last block continues with the rows asked for only.
  bool cuts(size_t layer) const { return rows.defined() && layer + 1 == stack->blocks.size(); }
  // What the rows behind a block's attention draw, forward and backward.
  torch::Tensor forward_drawn(size_t layer) const { return cuts(layer) ? drawn.asked : drawn.all; }
  torch::Tensor backward_drawn(size_t layer) const {
    return cuts(layer) ? drawn.asked : drawn.live;
  }
};

// A pass with its saved activations, carried through the graph and freed with it.
struct Saved {
  Pass pass;
  std::vector<SavedBlock> blocks;
  SavedNorm final_norm;
};

// Values added to the stream (undefined: none), and the dropout they go through on their way; row r
// of them draws row drawn[r] of its mask where that is defined.
struct Added {
  torch::Tensor values;  // [T, D]
  Dropout dropout;
  torch::Tensor drawn;

  kernels::RowsDropout rows(int64_t begin) const {
    return {dropout, drawn.defined() ? drawn.data_ptr<int64_t>() + begin : nullptr, begin};
  }
};

inline kernels::Norm norm_of(const FrozenStack& stack, const NormWeights& weights) {
  return {weights.weight.data_ptr<float>(), data_of(weights.bias, float{}), weights.weight.size(0),
          static_cast<float>(stack.epsilon), stack.centred_norm};
}

// Calls run(pointer) with data of `t`, which is float or the products' type E.
template <class E, class Run>
void with_pointer(const torch::Tensor& t, E type, const Run& run) {
  if (t.scalar_type() == torch::kFloat) {
    run(t.data_ptr<float>());
  } else if constexpr (!std::is_same_v<E, float>) {
    run(data_of(t, type));
  }
}

// Row `row` of a matrix with `d` columns, or null of null.
template <class E>
E* row_of(E* data, int64_t row, int64_t d) {
  return data == nullptr ? nullptr : data + row * d;
}

/// x [T, D] float through the dropout of the first block's input, in place.
void drop_input(const Pass& pass, torch::Tensor& x);
/// What feeds the last product of a block.
torch::Tensor activated_of(const FrozenStack& stack, const torch::Tensor& inner);
/// A block up to the input of its last product; `added` becomes what its first half adds. `keep` is
/// filled when not null.
torch::Tensor inner_of_block(const Pass& pass, size_t layer, Added& added, torch::Tensor& x,
                             SavedBlock* keep);
/// The whole forward pass; `saved` is filled when not null.
torch::Tensor run_forward(const Pass& pass, torch::Tensor x, Saved* saved);

/// Gradients of the input (undefined unless `needs_input`), then of A and B of every adapter.
torch::autograd::variable_list run_backward(const Saved& saved, const torch::Tensor& d_hidden,
                                            bool needs_input);

}  // namespace kindred::lm::frozen
