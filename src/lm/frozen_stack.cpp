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
  SavedNorm ln_1, ln_2;
  torch::Tensor qkv, mixed, log_sums, inner;
};

// A run's saved activations, carried through the graph and freed with it.
struct Saved : torch::CustomClassHolder {
  std::shared_ptr<const FrozenStack> stack;
  std::vector<int64_t> offsets;
  torch::Tensor rows;  // the last block continues with these only, where defined
  std::vector<SavedBlock> blocks;
  SavedNorm ln_f;
};

kernels::Norm norm_of(const NormWeights& weights, double epsilon) {
  return {weights.weight.data_ptr<float>(), weights.bias.data_ptr<float>(), weights.weight.size(0),
          static_cast<float>(epsilon)};
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

// x += added, then its norm as `type`; `saved` is filled when not null.
torch::Tensor add_norm(const FrozenStack& stack, const NormWeights& weights,
                       const torch::Tensor& added, torch::Tensor& x, SavedNorm* saved,
                       torch::ScalarType type) {
  const int64_t rows = x.size(0), d = x.size(1);
  auto y = torch::empty({rows, d}, torch::dtype(type));
  SavedNorm kept;
  if (saved != nullptr) {
    kept.normalised = torch::empty({rows, d}, torch::dtype(stack.compute));
    kept.rstd = torch::empty({rows}, torch::dtype(torch::kFloat));
    *saved = kept;
  }
  const kernels::Norm norm = norm_of(weights, stack.epsilon);
  with_element(stack.compute, [&](auto element) {
    auto *more = data_of(added, element), *unit = data_of(kept.normalised, element);
    float *rstd = data_of(kept.rstd, float{}), *stream = data_of(x, float{});
    with_pointer(y, element, [&](auto* to) {
      at::parallel_for(0, rows, row_grain(d), [&](int64_t begin, int64_t end) {
        kernels::add_norm_forward(norm, end - begin, row_of(more, begin, d),
                                  row_of(stream, begin, d), row_of(unit, begin, d),
                                  row_of(rstd, begin, 1), row_of(to, begin, d));
      });
    });
  });
  return y;
}

torch::Tensor run_forward(const FrozenStack& stack, const std::vector<int64_t>& offsets,
                          const torch::Tensor& rows, torch::Tensor x, Saved* saved) {
  const auto type = stack.compute;
  torch::Tensor added;
  AttentionShape shape{offsets, stack.heads, 1};
  for (size_t i = 0; i < stack.blocks.size(); ++i) {
    const FrozenBlock& block = stack.blocks[i];
    SavedBlock* keep = saved != nullptr ? &saved->blocks[i] : nullptr;
    shape.scale = block.attention_scale;
    const auto qkv = block.qkv->forward(
        add_norm(stack, block.ln_1, added, x, keep != nullptr ? &keep->ln_1 : nullptr, type));
    auto mixed = torch::empty({x.size(0), x.size(1)}, torch::dtype(type));
    torch::Tensor log_sums;
    if (keep != nullptr) log_sums = torch::empty({x.size(0), stack.heads}, torch::kFloat);
    attention_forward(qkv, shape, mixed, log_sums);
    if (keep != nullptr) keep->mixed = mixed;
    if (rows.defined() && i + 1 == stack.blocks.size()) {
      mixed = mixed.index_select(0, rows);
      x = x.index_select(0, rows);
    }
    added = block.out->forward(mixed);
    const auto inner = block.fc->forward(
        add_norm(stack, block.ln_2, added, x, keep != nullptr ? &keep->ln_2 : nullptr, type));
    added = block.proj->forward(activation_forward(stack.activation, inner));
    if (keep != nullptr) {
      keep->qkv = qkv;
      keep->log_sums = log_sums;
      keep->inner = inner;
    }
  }
  return add_norm(stack, stack.ln_f, added, x, saved != nullptr ? &saved->ln_f : nullptr,
                  torch::kFloat);
}

// The residual stream's gradient [T, D] float, and its copy in the products' type; in fp32 products
// read the stream's gradient itself.
struct StreamGradient {
  torch::Tensor d_x, copy;

  StreamGradient(torch::Tensor start, torch::ScalarType type) : d_x(std::move(start)) {
    if (type != torch::kFloat) copy = torch::empty_like(d_x, type);
  }
  const torch::Tensor& input() const { return copy.defined() ? copy : d_x; }
};

// stream += the norm's gradient.
void norm_backward(const FrozenStack& stack, const NormWeights& weights, const SavedNorm& saved,
                   const torch::Tensor& d_y, StreamGradient& stream) {
  const int64_t rows = stream.d_x.size(0), d = stream.d_x.size(1);
  const kernels::Norm norm = norm_of(weights, stack.epsilon);
  with_element(stack.compute, [&](auto element) {
    auto *unit = data_of(saved.normalised, element), *copy = data_of(stream.copy, element);
    float *d_x = data_of(stream.d_x, float{}), *rstd = data_of(saved.rstd, float{});
    with_pointer(d_y, element, [&](const auto* from) {
      at::parallel_for(0, rows, row_grain(d), [&](int64_t begin, int64_t end) {
        kernels::norm_backward(norm, end - begin, row_of(from, begin, d), row_of(unit, begin, d),
                               rstd + begin, row_of(d_x, begin, d), row_of(copy, begin, d));
      });
    });
  });
}

// Rows back to their places among `total`, zeros elsewhere; a row asked for twice adds up.
torch::Tensor spread(const torch::Tensor& values, const torch::Tensor& rows, int64_t total) {
  return torch::zeros({total, values.size(1)}, values.options()).index_add_(0, rows, values);
}

torch::Tensor run_backward(const Saved& saved, const torch::Tensor& d_hidden) {
  const FrozenStack& stack = *saved.stack;
  const int64_t tokens = saved.offsets.back();
  StreamGradient stream(torch::zeros_like(d_hidden), stack.compute);
  norm_backward(stack, stack.ln_f, saved.ln_f, d_hidden, stream);
  AttentionShape shape{saved.offsets, stack.heads, 1};
  for (size_t i = stack.blocks.size(); i-- > 0;) {
    const FrozenBlock& block = stack.blocks[i];
    const SavedBlock& kept = saved.blocks[i];
    shape.scale = block.attention_scale;
    const auto d_inner =
        activation_backward(stack.activation, kept.inner, block.proj->backward(stream.input()));
    norm_backward(stack, block.ln_2, kept.ln_2, block.fc->backward(d_inner), stream);
    auto d_mixed = block.out->backward(stream.input());
    if (saved.rows.defined() && i + 1 == stack.blocks.size()) {
      d_mixed = spread(d_mixed, saved.rows, tokens);
      stream = StreamGradient(spread(stream.d_x, saved.rows, tokens), stack.compute);
    }
    const auto d_qkv = attention_backward(kept.qkv, shape, kept.mixed, kept.log_sums, d_mixed);
    norm_backward(stack, block.ln_1, kept.ln_1, block.qkv->backward(d_qkv), stream);
  }
  return stream.d_x;
}

class FrozenHidden : public torch::autograd::Function<FrozenHidden> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const c10::intrusive_ptr<Saved>& saved) {
    context->saved_data["saved"] = torch::IValue::make_capsule(saved);
    return run_forward(*saved->stack, saved->offsets, saved->rows, x.clone(), saved.get());
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto capsule = context->saved_data["saved"].toCapsule();
    const auto& saved = static_cast<const Saved&>(*capsule);
    return {run_backward(saved, gradients[0].to(torch::kFloat).contiguous()), torch::Tensor()};
  }
};

}  // namespace

torch::Tensor frozen_hidden(const std::shared_ptr<const FrozenStack>& stack, const torch::Tensor& x,
                            const std::vector<int64_t>& offsets, const torch::Tensor& rows) {
  if (!torch::GradMode::is_enabled() || !x.requires_grad()) {
    const torch::NoGradGuard no_grad;
    return run_forward(*stack, offsets, rows, x.detach().clone(), nullptr);
  }
  auto saved = c10::make_intrusive<Saved>();
  saved->stack = stack;
  saved->offsets = offsets;
  saved->rows = rows;
  saved->blocks.resize(stack->blocks.size());
  return FrozenHidden::apply(x, saved);
}

}  // namespace kindred::lm
