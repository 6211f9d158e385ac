#include <ATen/Parallel.h>

#include "lm/activation.h"
#include "lm/frozen_pass.h"

namespace kindred::lm::frozen {
namespace {

// x [T, in] -> [T, out], with what adapters add.
torch::Tensor product(const Linear& layer, const Additions& additions, const torch::Tensor& x,
                      const torch::Tensor& drawn) {
  auto y = layer.frozen()->forward(x);
  additions.forward(x, y, drawn);
  return y;
}

// x [T, D] += added, then its norm [T, D] as `type`; `saved` is filled when not null.
torch::Tensor add_norm(const FrozenStack& stack, const NormWeights& weights, const Added& added,
                       torch::Tensor& x, SavedNorm* saved, torch::ScalarType type) {
  const int64_t rows = x.size(0), d = x.size(1);
  auto y = torch::empty({rows, d}, torch::dtype(type));
  SavedNorm kept;
  if (saved != nullptr) {
    kept.normalised = torch::empty({rows, d}, torch::dtype(stack.compute));
    kept.rstd = torch::empty({rows}, torch::dtype(torch::kFloat));
    *saved = kept;
  }
  const kernels::Norm norm = norm_of(stack, weights);
  with_element(stack.compute, [&](auto element) {
    const auto* more = data_of(added.values, element);
    auto* unit = data_of(kept.normalised, element);
    float *rstd = data_of(kept.rstd, float{}), *stream = data_of(x, float{});
    with_pointer(y, element, [&](auto* to) {
      at::parallel_for(0, rows, row_grain(d), [&](int64_t begin, int64_t end) {
        const kernels::Branch<const decltype(element)> branch{row_of(more, begin, d),
                                                              added.rows(begin)};
        kernels::add_norm_forward(norm, end - begin, branch, row_of(stream, begin, d),
                                  row_of(unit, begin, d), row_of(rstd, begin, 1),
                                  row_of(to, begin, d));
      });
    });
  });
  return y;
}

// The attention half of a block up to its last product: x gains `added`, and what attention mixes
// is returned, of the pass's rows where the block cuts (x then has these rows too).
torch::Tensor mix_tokens(const Pass& pass, size_t layer, const Added& added, torch::Tensor& x,
                         SavedBlock* keep) {
  const FrozenStack& stack = *pass.stack;
  const FrozenBlock& block = stack.blocks[layer];
  const auto normed = add_norm(stack, block.norm_1, added, x,
                               keep != nullptr ? &keep->norm_1 : nullptr, stack.compute);
  auto qkv = product(*block.qkv, pass.additions[layer].qkv, normed, pass.drawn.all);
  if (stack.rotary != nullptr) stack.rotary->turn(qkv, pass.offsets, pass.starts, 1);
  torch::Tensor mixed, log_sums;  // [T, H d], [T, H]
  if (pass.attend) {
    mixed = pass.attend(qkv, layer);
  } else {
    mixed = torch::empty({x.size(0), stack.heads * stack.head_dim}, torch::dtype(stack.compute));
    if (keep != nullptr) log_sums = torch::empty({x.size(0), stack.heads}, torch::kFloat);
    attention_forward(qkv, pass.attention(layer), mixed, log_sums);
  }
  if (keep != nullptr) {
    keep->qkv = qkv;
    keep->log_sums = log_sums;
    keep->mixed = mixed;
  }
  if (!pass.cuts(layer)) return mixed;
  x = x.index_select(0, pass.rows);
  return mixed.index_select(0, pass.rows);  // [R, H d]
}

}  // namespace

void drop_input(const Pass& pass, torch::Tensor& x) {
  const Added all{{}, pass.dropout.of_embedding(), pass.drawn.all};
  if (!all.dropout.active()) return;
  const int64_t d = x.size(1);
  float* data = x.data_ptr<float>();
  at::parallel_for(0, x.size(0), row_grain(d), [&](int64_t begin, int64_t end) {
    const kernels::RowsDropout rows = all.rows(begin);
    for (int64_t r = begin; r < end; ++r) {
      kernels::drop_row(all.dropout, rows.row(r - begin), d, data + r * d);
    }
  });
}

torch::Tensor inner_of_block(const Pass& pass, size_t layer, Added& added, torch::Tensor& x,
                             SavedBlock* keep) {
  const FrozenStack& stack = *pass.stack;
  const FrozenBlock& block = stack.blocks[layer];
  const torch::Tensor drawn = pass.forward_drawn(layer);
  const auto mixed = mix_tokens(pass, layer, added, x, keep);
  added = {product(*block.out, pass.additions[layer].out, mixed, drawn),
           pass.dropout.after_attention(layer), drawn};
  const auto normed = add_norm(stack, block.norm_2, added, x,
                               keep != nullptr ? &keep->norm_2 : nullptr, stack.compute);
  const auto inner = product(*block.up, pass.additions[layer].up, normed, drawn);
  if (keep == nullptr) return inner;
  const Tail& tail = pass.tail;
  for (auto* value :
       {&keep->norm_1.normalised, &keep->norm_1.rstd, &keep->mixed, &keep->log_sums}) {
    *value = tail.of(*value);
  }
  keep->inner = inner;
  if (!pass.cuts(layer)) {
    for (auto* value : {&keep->norm_2.normalised, &keep->norm_2.rstd, &keep->inner}) {
      *value = tail.of(*value);
    }
  }
  return inner;
}

torch::Tensor activated_of(const FrozenStack& stack, const torch::Tensor& inner) {
  return stack.gated ? gated_forward(stack.activation, inner)
                     : activation_forward(stack.activation, inner);
}

torch::Tensor run_forward(const Pass& pass, torch::Tensor x, Saved* saved) {
  const FrozenStack& stack = *pass.stack;
  drop_input(pass, x);
  Added added;
  for (size_t i = 0; i < stack.blocks.size(); ++i) {
    SavedBlock* keep = saved != nullptr ? &saved->blocks[i] : nullptr;
    if (keep != nullptr && pass.checkpoint) {
      if (added.values.defined()) {
        x = x + dropped_rows(added.values.to(torch::kFloat), added.dropout, added.drawn);
        added = {};
      }
      keep->input = x.clone();
      keep = nullptr;
    }
    const auto inner = inner_of_block(pass, i, added, x, keep);
    // [T, D]
    added.values = product(*stack.blocks[i].down, pass.additions[i].down,
                           activated_of(stack, inner), added.drawn);
    added.dropout = pass.dropout.after_feed_forward(i);
  }
  // [T, D], of the pass's rows [R, D]
  auto states = add_norm(stack, stack.final_norm, added, x,
                         saved != nullptr ? &saved->final_norm : nullptr, torch::kFloat);
  if (saved != nullptr && !pass.rows.defined()) {
    saved->final_norm.normalised = pass.tail.of(saved->final_norm.normalised);
    saved->final_norm.rstd = pass.tail.of(saved->final_norm.rstd);
  }
  return states;
}

}  // namespace kindred::lm::frozen
