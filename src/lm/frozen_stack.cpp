#include "lm/frozen_stack.h"

#include <ATen/Parallel.h>

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

// x += added, then its norm as `type`; `saved` is filled when not null.
torch::Tensor add_norm(const FrozenStack& stack, const NormWeights& weights,
                       const torch::Tensor& added, torch::Tensor& x, SavedNorm* saved,
                       torch::ScalarType type) {
  const int64_t rows = x.size(0), d = x.size(1);
  auto y = torch::empty({rows, d}, torch::dtype(type));
  if (saved != nullptr) {
    saved->normalised = torch::empty({rows, d}, torch::dtype(stack.compute));
    saved->rstd = torch::empty({rows}, torch::dtype(torch::kFloat));
  }
  const kernels::Norm norm = norm_of(weights, stack.epsilon);
  with_element(stack.compute, [&](auto element) {
    const auto* more = data_of(added, element);
    auto* unit = saved != nullptr ? data_of(saved->normalised, element) : nullptr;
    float* rstd = saved != nullptr ? saved->rstd.template data_ptr<float>() : nullptr;
    float* stream = x.data_ptr<float>();
    at::parallel_for(0, rows, row_grain(d), [&](int64_t begin, int64_t end) {
      const auto run = [&](auto* to) {
        kernels::add_norm_forward(norm, end - begin, more == nullptr ? more : more + begin * d,
                                  stream + begin * d, unit == nullptr ? unit : unit + begin * d,
                                  rstd == nullptr ? rstd : rstd + begin, to + begin * d);
      };
      if (type == torch::kFloat) {
        run(y.data_ptr<float>());
      } else {
        run(data_of(y, simd::Brain{}));
      }
    });
  });
  return y;
}

// d_x += the norm's gradient; `copy` (when defined) is d_x in the products' type.
void norm_backward(const FrozenStack& stack, const NormWeights& weights, const SavedNorm& saved,
                   const torch::Tensor& d_y, torch::Tensor& d_x, const torch::Tensor& copy) {
  const int64_t rows = d_x.size(0), d = d_x.size(1);
  const kernels::Norm norm = norm_of(weights, stack.epsilon);
  with_element(stack.compute, [&](auto element) {
    const auto* unit = data_of(saved.normalised, element);
    auto* copied = data_of(copy, element);
    at::parallel_for(0, rows, row_grain(d), [&](int64_t begin, int64_t end) {
      const auto run = [&](const auto* from) {
        kernels::norm_backward(norm, end - begin, from + begin * d, unit + begin * d,
                               saved.rstd.data_ptr<float>() + begin,
                               d_x.data_ptr<float>() + begin * d,
                               copied == nullptr ? copied : copied + begin * d);
      };
      if (d_y.scalar_type() == torch::kFloat) {
        run(d_y.data_ptr<float>());
      } else {
        run(data_of(d_y, simd::Brain{}));
      }
    });
  });
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

const torch::Tensor& of(const torch::Tensor& d_x, const torch::Tensor& copy) {
  return copy.defined() ? copy : d_x;
}

// Rows back to their places among `total`, zeros elsewhere; a row asked for twice adds up.
torch::Tensor spread(const torch::Tensor& values, const torch::Tensor& rows, int64_t total) {
  return torch::zeros({total, values.size(1)}, values.options()).index_add_(0, rows, values);
}

torch::Tensor run_backward(const Saved& saved, const torch::Tensor& d_hidden) {
  const FrozenStack& stack = *saved.stack;
  auto d_x = torch::zeros_like(d_hidden, torch::kFloat);
  // What products read: in fp32 the stream's gradient itself.
  torch::Tensor copy;
  if (stack.compute != torch::kFloat) copy = torch::empty_like(d_hidden, stack.compute);
  norm_backward(stack, stack.ln_f, saved.ln_f, d_hidden, d_x, copy);
  AttentionShape shape{saved.offsets, stack.heads, 1};
  for (size_t i = stack.blocks.size(); i-- > 0;) {
    const FrozenBlock& block = stack.blocks[i];
    const SavedBlock& kept = saved.blocks[i];
    shape.scale = block.attention_scale;
    const auto d_inner =
        activation_backward(stack.activation, kept.inner, block.proj->backward(narrow));
    norm_backward(stack, block.ln_2, kept.ln_2, block.fc->backward(d_inner), d_x, copy);
    const auto d_qkv =
        attention_backward(kept.qkv, shape, kept.mixed, kept.log_sums, block.out->backward(narrow));
    norm_backward(stack, block.ln_1, kept.ln_1, block.qkv->backward(d_qkv), d_x, copy);
  }
  return d_x;
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
