#include "lm/activation.h"

#include <ATen/Parallel.h>

#include "lm/element.h"
#include "lm/kept.h"
#include "lm/kernels.h"

namespace kindred::lm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr int64_t kGrain = 16384;

bool suits_kernels(const torch::Tensor& x) {
  return x.device().is_cpu() && x.is_contiguous() &&
         (x.scalar_type() == torch::kFloat || x.scalar_type() == torch::kBFloat16);
}

bool has_kernel(Activation kind, const torch::Tensor& x) {
  return kind == Activation::gelu_tanh && suits_kernels(x);
}

bool has_gated_kernel(Activation kind, const torch::Tensor& x) {
  return kind == Activation::silu && suits_kernels(x);
}

class Activate : public torch::autograd::Function<Activate> {
 public:
  struct Form {
    Activation kind;
    bool gated;
  };
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, Form form) {
    context->save_for_backward({x});
    keep(context, form);
    return form.gated ? gated_forward(form.kind, x) : activation_forward(form.kind, x);
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto [kind, gated] = kept<Form>(context);
    const auto x = context->get_saved_variables()[0];
    const auto d_x =
        gated ? gated_backward(kind, x, gradients[0].contiguous())
              : activation_backward(kind, x, gradients[0].clone(at::MemoryFormat::Contiguous));
    return {d_x, torch::Tensor()};
  }
};

}  // namespace

torch::Tensor activation_forward(Activation kind, const torch::Tensor& x) {
  if (has_kernel(kind, x)) {
    auto y = torch::empty_like(x);
    with_element(x.scalar_type(), [&](auto type) {
      const auto* from = data_of(x, type);
      auto* to = data_of(y, type);
      at::parallel_for(0, x.numel(), kGrain, [&](int64_t begin, int64_t end) {
        kernels::gelu_tanh_forward(end - begin, from + begin, to + begin);
      });
    });
    return y;
  }
  switch (kind) {
    case Activation::gelu_tanh:
      return at::gelu(x, "tanh");
    case Activation::gelu_erf:
      return at::gelu(x);
    case Activation::quick_gelu:
      return x * at::sigmoid(1.702 * x);
    case Activation::relu:
      return at::relu(x);
    case Activation::silu:
      return at::silu(x);
    case Activation::tanh:
      return at::tanh(x);
  }
  return x;
}

torch::Tensor activation_backward(Activation kind, const torch::Tensor& x, torch::Tensor d_y) {
  if (has_kernel(kind, x)) {
    with_element(x.scalar_type(), [&](auto type) {
      const auto* from = data_of(x, type);
      auto* gradient = data_of(d_y, type);
      at::parallel_for(0, x.numel(), kGrain, [&](int64_t begin, int64_t end) {
        kernels::gelu_tanh_backward(end - begin, from + begin, gradient + begin, gradient + begin);
      });
    });
    return d_y;
  }
  switch (kind) {
    case Activation::gelu_tanh:
      return at::gelu_backward(d_y, x, "tanh");
    case Activation::gelu_erf:
      return at::gelu_backward(d_y, x);
    case Activation::quick_gelu: {
      const auto gate = at::sigmoid(1.702 * x);
      return d_y * gate * (1 + 1.702 * x * (1 - gate));
    }
    case Activation::relu:
      return at::threshold_backward(d_y, x, 0);
    case Activation::silu:
      return at::silu_backward(d_y, x);
    case Activation::tanh:
      return at::tanh_backward(d_y, at::tanh(x));
  }
  return d_y;
}

torch::Tensor gated_forward(Activation kind, const torch::Tensor& x) {
  const int64_t rows = x.size(0), n = x.size(1) / 2;
  if (!has_gated_kernel(kind, x)) {
    return activation_forward(kind, x.narrow(1, 0, n)) * x.narrow(1, n, n);
  }
  auto y = torch::empty({rows, n}, x.options().requires_grad(false));
  with_element(x.scalar_type(), [&](auto type) {
    const auto* from = data_of(x, type);
    auto* to = data_of(y, type);
    at::parallel_for(0, rows, row_grain(n), [&](int64_t begin, int64_t end) {
      kernels::silu_gate_forward(end - begin, n, from + 2 * begin * n, to + begin * n);
    });
  });
  return y;
}

torch::Tensor gated_backward(Activation kind, const torch::Tensor& x, const torch::Tensor& d_y) {
  const int64_t rows = x.size(0), n = x.size(1) / 2;
  if (!has_gated_kernel(kind, x)) {
    const auto gate = x.narrow(1, 0, n).contiguous(), value = x.narrow(1, n, n);
    return at::cat(
        {activation_backward(kind, gate, d_y * value), d_y * activation_forward(kind, gate)}, 1);
  }
  auto d_x = torch::empty_like(x);
  with_element(x.scalar_type(), [&](auto type) {
    const auto *from = data_of(x, type), *given = data_of(d_y, type);
    auto* to = data_of(d_x, type);
    at::parallel_for(0, rows, row_grain(n), [&](int64_t begin, int64_t end) {
      kernels::silu_gate_backward(end - begin, n, from + 2 * begin * n, given + begin * n,
                                  to + 2 * begin * n);
    });
  });
  return d_x;
}

torch::Tensor activate_gated(Activation kind, const torch::Tensor& x) {
  return Activate::apply(x.contiguous(), Activate::Form{kind, true});
}

torch::Tensor activate(Activation kind, const torch::Tensor& x) {
  return Activate::apply(x.contiguous(), Activate::Form{kind, false});
}

}  // namespace kindred::lm
