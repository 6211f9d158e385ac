#include <ATen/Parallel.h>

#include <utility>

#include "lm/activation.h"
#include "lm/frozen_pass.h"

namespace kindred::lm::frozen {
namespace {

// As in the forward pass, with Tt for the tokens that take a gradient (all where no tail is given)
// and R for the rows asked for. Behind a cut the stream has R rows, before it Tt.

// The residual stream's gradient [Tt, D] float, and what the product before it reads: the same
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
// stream's gradient next, with what its rows draw.
struct NormGradient {
  const NormWeights& weights;
  const SavedNorm& saved;
  Dropout dropout;
  torch::Tensor drawn;
};

// stream += the norm's gradient.
void norm_backward(const FrozenStack& stack, const NormGradient& at, const torch::Tensor& d_y,
                   StreamGradient& stream) {
  const int64_t rows = stream.d_x.size(0), d = stream.d_x.size(1);
  const kernels::Norm norm = norm_of(stack, at.weights);
  const Added added{stream.d_added, at.dropout, at.drawn};
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

// Gradients of the pass's rows back to the tokens that take one, zeros elsewhere; a row asked for
// twice adds up.
torch::Tensor spread(const Pass& pass, const torch::Tensor& values) {
  const bool all = !pass.tail.tokens.defined();
  const int64_t tokens = all ? pass.offsets.back() : pass.tail.tokens.size(0);
  auto result = torch::zeros({tokens, values.size(1)}, values.options());
  return all ? result.index_add_(0, pass.rows, values)
             : result.index_add_(0, pass.tail.place, values.index_select(0, pass.tail.live));
}

// What a norm gave, from what it kept.
torch::Tensor normed_again(const FrozenStack& stack, const NormWeights& weights,
                           const SavedNorm& saved) {
  auto y = saved.normalised.to(torch::kFloat, false, true).mul_(weights.weight);
  if (weights.bias.defined()) y.add_(weights.bias);
  return y.to(stack.compute);
}

// The backward pass through the blocks.
class Backward {
 public:
  /// Without `needs_input` the gradient of the first block's input is of no interest.
  Backward(const Saved& saved, bool needs_input) : saved_(saved), needs_input_(needs_input) {
    gradients_.resize(saved.pass.adapters.size());
  }

  /// Gradient of the input [T, D]; undefined where nobody needs it.
  torch::Tensor run(const torch::Tensor& d_hidden);
  torch::autograd::variable_list take_gradients() { return std::move(gradients_); }

 private:
  using Input = std::function<torch::Tensor()>;

  torch::Tensor through(const Linear& layer, const Additions& additions, const torch::Tensor& d_y,
                        const torch::Tensor& drawn, const Input& input);
  void feed_forward(size_t i, const SavedBlock& kept);
  torch::Tensor mixing(size_t i, const SavedBlock& kept);
  void block(size_t i, const SavedBlock& kept);
  bool has_additions(size_t i) const {
    const BlockAdditions& at = pass_.additions[i];
    return !at.qkv.empty() || !at.out.empty() || !at.up.empty() || !at.down.empty();
  }

  const Saved& saved_;
  const Pass& pass_ = saved_.pass;
  const FrozenStack& stack_ = *pass_.stack;
  bool needs_input_;
  torch::autograd::variable_list gradients_;
  StreamGradient stream_{torch::Tensor(), torch::kFloat, false};
};

torch::Tensor Backward::through(const Linear& layer, const Additions& additions,
                                const torch::Tensor& d_y, const torch::Tensor& drawn,
                                const Input& input) {
  auto d_x = layer.frozen()->backward(d_y);
  if (!additions.empty()) {
    additions.backward(additions.trains() ? input() : torch::Tensor(), d_y, d_x, drawn, gradients_);
  }
  return d_x;
}

void Backward::feed_forward(size_t i, const SavedBlock& kept) {
  const FrozenBlock& block = stack_.blocks[i];
  const torch::Tensor drawn = pass_.backward_drawn(i);
  const auto d_activated = through(*block.down, pass_.additions[i].down, stream_.input(), drawn,
                                   [&] { return activated_of(stack_, kept.inner); });
  // [Tt, F], gated [Tt, 2 F]
  const auto d_inner = stack_.gated
                           ? gated_backward(stack_.activation, kept.inner, d_activated)
                           : activation_backward(stack_.activation, kept.inner, d_activated);
  const auto d_normed = through(*block.up, pass_.additions[i].up, d_inner, drawn,
                                [&] { return normed_again(stack_, block.norm_2, kept.norm_2); });
  norm_backward(stack_, {block.norm_2, kept.norm_2, pass_.dropout.after_attention(i), drawn},
                d_normed, stream_);
}

// From what the first half adds to the gradient of its queries, keys and values.
torch::Tensor Backward::mixing(size_t i, const SavedBlock& kept) {
  const FrozenBlock& block = stack_.blocks[i];
  const bool cuts = pass_.cuts(i);
  // [R, H d] behind a cut, else [Tt, H d]
  auto d_mixed =
      through(*block.out, pass_.additions[i].out, stream_.input(), pass_.backward_drawn(i),
              [&] { return cuts ? kept.mixed.index_select(0, pass_.rows) : kept.mixed; });
  if (cuts) {
    d_mixed = spread(pass_, d_mixed);  // [Tt, H d]
    stream_ =
        StreamGradient(spread(pass_, stream_.d_x), stack_.compute, pass_.dropout.residual > 0);
  }
  AttentionShape shape = pass_.attention(i);
  if (pass_.tail.tokens.defined()) shape.fixed = pass_.fixed;
  // [Tt, (H + 2 K) d]
  auto d_qkv = attention_backward(kept.qkv, shape, kept.mixed, kept.log_sums, d_mixed);
  if (stack_.rotary != nullptr) {
    const bool all = shape.fixed.empty();
    stack_.rotary->turn(d_qkv, all ? pass_.offsets : pass_.tail.offsets, shape.fixed, -1);
  }
  return d_qkv;
}

// The stream's gradient becomes that of the block's input.
void Backward::block(size_t i, const SavedBlock& kept) {
  const FrozenBlock& block = stack_.blocks[i];
  feed_forward(i, kept);
  const auto d_qkv = mixing(i, kept);
  const auto input = [&] { return normed_again(stack_, block.norm_1, kept.norm_1); };
  if (i == 0 && !needs_input_) {
    torch::Tensor nobody;
    if (pass_.additions[i].qkv.trains()) {
      pass_.additions[i].qkv.backward(input(), d_qkv, nobody, pass_.drawn.live, gradients_);
    }
    return;
  }
  const auto d_normed = through(*block.qkv, pass_.additions[i].qkv, d_qkv, pass_.drawn.live, input);
  // Nothing reads the first block's input through a product.
  const Dropout next = i > 0 ? pass_.dropout.after_feed_forward(i - 1) : Dropout{};
  norm_backward(stack_, {block.norm_1, kept.norm_1, next, pass_.drawn.live}, d_normed, stream_);
}

torch::Tensor Backward::run(const torch::Tensor& d_hidden) {
  const size_t blocks = stack_.blocks.size();
  // [R, D] or [Tt, D]
  const auto d_states = pass_.rows.defined() ? d_hidden : pass_.tail.of(d_hidden);
  stream_ = StreamGradient(torch::zeros_like(d_states), stack_.compute, pass_.dropout.residual > 0);
  const Dropout last = blocks > 0 ? pass_.dropout.after_feed_forward(blocks - 1) : Dropout{};
  const auto drawn = blocks > 0 ? pass_.backward_drawn(blocks - 1) : torch::Tensor();
  norm_backward(stack_, {stack_.final_norm, saved_.final_norm, last, drawn}, d_states, stream_);
  size_t lowest = 0;
  while (!needs_input_ && lowest < blocks && !has_additions(lowest)) ++lowest;
  for (size_t i = blocks; i-- > lowest;) {
    if (!pass_.checkpoint) {
      block(i, saved_.blocks[i]);
      continue;
    }
    SavedBlock again;
    torch::Tensor x = saved_.blocks[i].input.clone();  // [T, D]
    Added nothing;
    inner_of_block(pass_, i, nothing, x, &again);
    block(i, again);
  }
  if (!needs_input_) return {};
  auto d_x = stream_.d_x;  // [Tt, D]
  if (pass_.tail.tokens.defined()) {
    d_x = torch::zeros({pass_.offsets.back(), d_x.size(1)}).index_copy_(0, pass_.tail.tokens, d_x);
  }
  drop_input(pass_, d_x);
  return d_x;
}

}  // namespace

torch::autograd::variable_list run_backward(const Saved& saved, const torch::Tensor& d_hidden,
                                            bool needs_input) {
  Backward backward(saved, needs_input);
  torch::autograd::variable_list results = {backward.run(d_hidden)};
  for (auto& gradient : backward.take_gradients()) results.push_back(std::move(gradient));
  return results;
}

}  // namespace kindred::lm::frozen
