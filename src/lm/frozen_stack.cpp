#include "lm/frozen_stack.h"

#include <ATen/Parallel.h>

#include <type_traits>
#include <utility>

#include "lm/activation.h"
#include "lm/element.h"
#include "lm/kernels.h"

namespace kindred::lm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// What the backward pass of a norm needs: (x - mean) rstd [T, D] and rstd [T].
struct SavedNorm {
  torch::Tensor normalised, rstd;
};

struct SavedBlock {
  SavedNorm norm_1, norm_2;
  torch::Tensor qkv, mixed, log_sums, inner;
};

// What one pass reads beside its input.
struct Pass {
  std::shared_ptr<const FrozenStack> stack;
  std::vector<int64_t> offsets;
  torch::Tensor rows;  // the last block continues with these only, where defined
  PassDropout dropout;

  AttentionShape attention(size_t layer) const {
    return {offsets, stack->heads, stack->key_heads, stack->blocks[layer].attention_scale,
            dropout.of_attention(layer)};
  }
  bool cuts(size_t layer) const { return rows.defined() && layer + 1 == stack->blocks.size(); }
};

// A pass with its saved activations, carried through the graph and freed with it.
struct Saved : torch::CustomClassHolder {
  Pass pass;
  std::vector<SavedBlock> blocks;
  SavedNorm final_norm;
};

kernels::Norm norm_of(const FrozenStack& stack, const NormWeights& weights) {
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

// Values added to the stream (undefined: none), and the dropout they go through on their way; row r
// of them is token tokens[r] where that is defined.
struct Added {
  torch::Tensor values;
  Dropout dropout;
  torch::Tensor tokens;

  kernels::RowsDropout rows(int64_t begin) const {
    return {dropout, tokens.defined() ? tokens.data_ptr<int64_t>() + begin : nullptr, begin};
  }
};

// x += added, then its norm as `type`; `saved` is filled when not null.
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

// x [T, D] float through its dropout, in place.
void drop_rows(const Dropout& dropout, torch::Tensor& x) {
  if (!dropout.active()) return;
  const int64_t d = x.size(1);
  float* data = x.data_ptr<float>();
  at::parallel_for(0, x.size(0), row_grain(d), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      kernels::drop_row(dropout, static_cast<uint64_t>(r), d, data + r * d);
    }
  });
}

// The attention half of a block up to its last product: x gains `added`, and what attention mixes
// is returned, of the pass's rows where the block cuts (x then has these rows too).
torch::Tensor mix_tokens(const Pass& pass, size_t layer, const Added& added, torch::Tensor& x,
                         SavedBlock* keep) {
  const FrozenStack& stack = *pass.stack;
  const FrozenBlock& block = stack.blocks[layer];
  auto qkv = block.qkv->forward(add_norm(stack, block.norm_1, added, x,
                                         keep != nullptr ? &keep->norm_1 : nullptr, stack.compute));
  if (stack.rotary != nullptr) stack.rotary->turn(qkv, pass.offsets, {}, 1);
  auto mixed = torch::empty({x.size(0), stack.heads * stack.head_dim}, torch::dtype(stack.compute));
  torch::Tensor log_sums;
  if (keep != nullptr) log_sums = torch::empty({x.size(0), stack.heads}, torch::kFloat);
  attention_forward(qkv, pass.attention(layer), mixed, log_sums);
  if (keep != nullptr) {
    keep->qkv = qkv;
    keep->log_sums = log_sums;
    keep->mixed = mixed;
  }
  if (!pass.cuts(layer)) return mixed;
  x = x.index_select(0, pass.rows);
  return mixed.index_select(0, pass.rows);
}

torch::Tensor run_forward(const Pass& pass, torch::Tensor x, Saved* saved) {
  const FrozenStack& stack = *pass.stack;
  drop_rows(pass.dropout.of_embedding(), x);
  Added added;
  for (size_t i = 0; i < stack.blocks.size(); ++i) {
    const FrozenBlock& block = stack.blocks[i];
    SavedBlock* keep = saved != nullptr ? &saved->blocks[i] : nullptr;
    const auto mixed = mix_tokens(pass, i, added, x, keep);
    added = {block.out->forward(mixed), pass.dropout.after_attention(i),
             pass.cuts(i) ? pass.rows : torch::Tensor()};
    const auto inner = block.up->forward(add_norm(
        stack, block.norm_2, added, x, keep != nullptr ? &keep->norm_2 : nullptr, stack.compute));
    added.values = block.down->forward(stack.gated ? gated_forward(stack.activation, inner)
                                                   : activation_forward(stack.activation, inner));
    added.dropout = pass.dropout.after_feed_forward(i);
    if (keep != nullptr) keep->inner = inner;
  }
  return add_norm(stack, stack.final_norm, added, x,
                  saved != nullptr ? &saved->final_norm : nullptr, torch::kFloat);
}

// The residual stream's gradient [T, D] float, and what the product before it reads: the same
// through that product's dropout, in the products' type. Without dropout fp32 products read the
// stream's gradient itself.
struct StreamGradient {
  torch::Tensor d_x, d_added;

  StreamGradient(torch::Tensor start, torch::ScalarType type, bool drops) : d_x(std::move(start)) {
    if (type != torch::kFloat || drops) d_added = torch::empty_like(d_x, type);
  }
  const torch::Tensor& input() const { return d_added.defined() ? d_added : d_x; }
};

// What a norm's backward pass needs: its saved part, and the dropout of the product that reads the
// stream's gradient next, with that product's tokens.
struct NormGradient {
  const NormWeights& weights;
  const SavedNorm& saved;
  Dropout dropout;
  torch::Tensor tokens;
};

// stream += the norm's gradient.
void norm_backward(const FrozenStack& stack, const NormGradient& at, const torch::Tensor& d_y,
                   StreamGradient& stream) {
  const int64_t rows = stream.d_x.size(0), d = stream.d_x.size(1);
  const kernels::Norm norm = norm_of(stack, at.weights);
  const Added added{stream.d_added, at.dropout, at.tokens};
  with_element(stack.compute, [&](auto element) {
    auto *unit = data_of(at.saved.normalised, element), *copy = data_of(added.values, element);
    float *d_x = data_of(stream.d_x, float{}), *rstd = data_of(at.saved.rstd, float{});
    with_pointer(d_y, element, [&](const auto* from) {
      at::parallel_for(0, rows, row_grain(d), [&](int64_t begin, int64_t end) {
        const kernels::Branch<decltype(element)> branch{row_of(copy, begin, d), added.rows(begin)};
        kernels::norm_backward(norm, end - begin, row_of(from, begin, d), row_of(unit, begin, d),
                               rstd + begin, row_of(d_x, begin, d), branch);
      });
    });
  });
}

// Rows back to their places among `total`, zeros elsewhere; a row asked for twice adds up.
torch::Tensor spread(const torch::Tensor& values, const torch::Tensor& rows, int64_t total) {
  return torch::zeros({total, values.size(1)}, values.options()).index_add_(0, rows, values);
}

// One block: `stream` becomes the gradient of the block's input.
void block_backward(const Saved& saved, size_t i, StreamGradient& stream) {
  const Pass& pass = saved.pass;
  const FrozenStack& stack = *pass.stack;
  const FrozenBlock& block = stack.blocks[i];
  const SavedBlock& kept = saved.blocks[i];
  const torch::Tensor tokens = pass.cuts(i) ? pass.rows : torch::Tensor();
  const auto d_activated = block.down->backward(stream.input());
  const auto d_inner = stack.gated ? gated_backward(stack.activation, kept.inner, d_activated)
                                   : activation_backward(stack.activation, kept.inner, d_activated);
  norm_backward(stack, {block.norm_2, kept.norm_2, pass.dropout.after_attention(i), tokens},
                block.up->backward(d_inner), stream);
  auto d_mixed = block.out->backward(stream.input());
  if (pass.cuts(i)) {
    const int64_t total = pass.offsets.back();
    d_mixed = spread(d_mixed, pass.rows, total);
    stream = StreamGradient(spread(stream.d_x, pass.rows, total), stack.compute,
                            pass.dropout.residual > 0);
  }
  auto d_qkv = attention_backward(kept.qkv, pass.attention(i), kept.mixed, kept.log_sums, d_mixed);
  if (stack.rotary != nullptr) stack.rotary->turn(d_qkv, pass.offsets, {}, -1);
  // Nothing reads the first block's input through a product.
  const Dropout next = i > 0 ? pass.dropout.after_feed_forward(i - 1) : Dropout{};
  norm_backward(stack, {block.norm_1, kept.norm_1, next, {}}, block.qkv->backward(d_qkv), stream);
}

torch::Tensor run_backward(const Saved& saved, const torch::Tensor& d_hidden) {
  const Pass& pass = saved.pass;
  const FrozenStack& stack = *pass.stack;
  const size_t blocks = stack.blocks.size();
  StreamGradient stream(torch::zeros_like(d_hidden), stack.compute, pass.dropout.residual > 0);
  const Dropout last = blocks > 0 ? pass.dropout.after_feed_forward(blocks - 1) : Dropout{};
  norm_backward(
      stack, {stack.final_norm, saved.final_norm, last, blocks > 0 ? pass.rows : torch::Tensor()},
      d_hidden, stream);
  for (size_t i = blocks; i-- > 0;) block_backward(saved, i, stream);
  drop_rows(pass.dropout.of_embedding(), stream.d_x);
  return stream.d_x;
}

class FrozenHidden : public torch::autograd::Function<FrozenHidden> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const c10::intrusive_ptr<Saved>& saved) {
    context->saved_data["saved"] = torch::IValue::make_capsule(saved);
    return run_forward(saved->pass, x.clone(), saved.get());
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto capsule = context->saved_data["saved"].toCapsule();
    const auto& saved = static_cast<const Saved&>(*capsule);
    return {run_backward(saved, gradients[0].to(torch::kFloat).contiguous()), torch::Tensor()};
  }
};

}  // namespace

torch::Tensor frozen_hidden(const std::shared_ptr<const FrozenStack>& stack, const torch::Tensor& x,
                            const std::vector<int64_t>& offsets, const torch::Tensor& rows,
                            const PassDropout& dropout) {
  Pass pass{stack, offsets, rows.defined() ? rows.contiguous() : rows, dropout};
  if (!torch::GradMode::is_enabled() || !x.requires_grad()) {
    const torch::NoGradGuard no_grad;
    return run_forward(pass, x.detach().clone(), nullptr);
  }
  auto saved = c10::make_intrusive<Saved>();
  saved->pass = std::move(pass);
  saved->blocks.resize(stack->blocks.size());
  return FrozenHidden::apply(x, saved);
}

}  // namespace kindred::lm
