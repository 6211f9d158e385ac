#include "lm/frozen_linear.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <string_view>
#include <utility>

#include "core/error.h"
#include "lm/activation.h"
#include "lm/kept.h"
#include "lm/precision.h"
#include "model/threads.h"

namespace kindred::lm {
namespace {

// A packing suits a number of rows; batches of this room have hundreds.
constexpr int64_t kTypicalRows = 512;

using Reorder = at::Tensor(const at::Tensor&, std::optional<int64_t>);
using Linear = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                          std::string_view, c10::List<std::optional<at::Scalar>>,
                          std::optional<std::string_view>);

// weight [out, in] -> oneDNN's own layout.
torch::Tensor reorder(const torch::Tensor& weight) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("mkldnn::_reorder_linear_weight", "")
                             .typed<Reorder>();
  return op.call(weight.contiguous(), kTypicalRows);
}

// `after` is what happens to the result before it is stored: "none", "relu" or "gelu" (`form`:
// "none" by the error function, "tanh").
torch::Tensor packed_linear(const torch::Tensor& x, const torch::Tensor& packed,
                            const std::optional<torch::Tensor>& bias,
                            std::string_view after = "none", std::string_view form = "") {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
                             .typed<Linear>();
  return op.call(x, packed, bias, after, c10::List<std::optional<at::Scalar>>(), form);
}

bool can_pack(const torch::Tensor& weight) {
  if (!weight.device().is_cpu() || !at::globalContext().hasMKLDNN()) return false;
  if (!c10::Dispatcher::singleton().findSchema({"mkldnn::_reorder_linear_weight", ""}))
    return false;
  return weight.scalar_type() == torch::kFloat ||
         (weight.scalar_type() == torch::kBFloat16 && multiplies_bf16());
}

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

class Product : public torch::autograd::Function<Product> {
 public:
  using Layer = std::shared_ptr<const FrozenLinear>;
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const Layer& linear) {
    keep(context, linear);
    return linear->forward(x);
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    return {kept<Layer>(context)->backward(gradients[0].contiguous()), torch::Tensor()};
  }
};

}  // namespace

torch::Tensor frozen_product(const std::shared_ptr<const FrozenLinear>& linear,
                             const torch::Tensor& x) {
  if (!torch::GradMode::is_enabled() || !x.requires_grad()) return linear->forward(x.detach());
  return Product::apply(x, linear);
}

torch::Tensor product_transposed(const torch::Tensor& x, const torch::Tensor& weight) {
  if (!can_pack(weight) || x.size(0) == 0) return at::mm(x, weight.t());
  return packed_linear(x, weight, std::nullopt);
}

FrozenLinear::FrozenLinear(torch::Tensor weight, torch::Tensor bias)
    : weight_(std::move(weight)), packs_(can_pack(weight_)) {
  if (bias.defined()) bias_ = std::move(bias);
}

FrozenLinear::FrozenLinear(std::shared_ptr<const Quantised> weight, torch::Tensor bias)
    : quantised_(std::move(weight)), packs_(false) {
  if (bias.defined()) bias_ = std::move(bias);
}

torch::Tensor FrozenLinear::forward(const torch::Tensor& x) const {
  model::secure_threads();
  if (quantised_ != nullptr) return quantised_->forward(x, bias_ ? *bias_ : torch::Tensor());
  if (!packs_ || x.size(0) == 0) {
    return bias_ ? at::addmm(*bias_, x, weight_) : at::mm(x, weight_);
  }
  return packed_linear(x, packed(), bias_);
}

torch::Tensor FrozenLinear::forward(const torch::Tensor& x, Activation activation) const {
  model::secure_threads();
  if (packs_ && x.size(0) > 0) {
    if (activation == Activation::gelu_erf)
      return packed_linear(x, packed(), bias_, "gelu", "none");
    if (activation == Activation::gelu_tanh)
      return packed_linear(x, packed(), bias_, "gelu", "tanh");
    if (activation == Activation::relu) return packed_linear(x, packed(), bias_, "relu");
  }
  return activation_forward(activation, forward(x));
}

const torch::Tensor& FrozenLinear::packed() const {
  std::call_once(forward_once_, [&] { forward_packed_ = reorder(weight_.t()); });
  return forward_packed_;
}

torch::Tensor FrozenLinear::backward(const torch::Tensor& d_y) const {
  model::secure_threads();
  if (quantised_ != nullptr) {
    throw Error(Exit::config, "precision",
                "got int8, which is for inference; train with auto, fp32 or bf16");
  }
  if (!packs_ || d_y.size(0) == 0) return at::mm(d_y, weight_.t());
  std::call_once(backward_once_, [&] { backward_packed_ = reorder(weight_); });
  return packed_linear(d_y, backward_packed_, std::nullopt);
}

}  // namespace kindred::lm
