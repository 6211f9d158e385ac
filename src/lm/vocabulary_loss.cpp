#include "lm/vocabulary_loss.h"

#include <algorithm>

#include "core/error.h"

namespace kindred::lm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Rows whose logits exist together: 16 MiB of floats, which stays near the processor's caches.
int64_t block_rows(int64_t vocabulary) {
  return std::clamp<int64_t>((int64_t{1} << 22) / std::max<int64_t>(vocabulary, 1), 16, 4096);
}

class VocabularyLoss : public torch::autograd::Function<VocabularyLoss> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& hidden,
                               const torch::Tensor& weight, const torch::Tensor& targets) {
    const bool hidden_grad = hidden.requires_grad(), weight_grad = weight.requires_grad();
    const int64_t rows = hidden.size(0), step = block_rows(weight.size(0));
    const auto inputs = hidden.to(weight.scalar_type());
    torch::Tensor d_hidden, d_weight;
    if (hidden_grad) d_hidden = torch::empty_like(hidden);
    if (weight_grad) d_weight = torch::zeros_like(weight, torch::kFloat);
    double loss = 0;
    for (int64_t begin = 0; begin < rows; begin += step) {
      const int64_t n = std::min(step, rows - begin);
      const auto x = inputs.narrow(0, begin, n);
      const auto target = targets.narrow(0, begin, n).unsqueeze(1);
      auto scores = vocabulary_logits(x, weight);
      const auto log_sum = torch::logsumexp(scores, 1, true);
      loss += (log_sum - scores.gather(1, target)).sum(torch::kDouble).item<double>();
      if (!hidden_grad && !weight_grad) continue;
      scores.sub_(log_sum).exp_();
      scores.scatter_add_(1, target, torch::full_like(log_sum, -1));
      const auto d_scores = scores.to(weight.scalar_type());
      if (hidden_grad) d_hidden.narrow(0, begin, n).copy_(torch::mm(d_scores, weight));
      if (weight_grad) d_weight.add_(torch::mm(d_scores.t(), x));
    }
    context->saved_data["d_hidden"] = d_hidden;
    context->saved_data["d_weight"] = d_weight;
    return torch::scalar_tensor(loss, hidden.options().dtype(torch::kFloat).requires_grad(false));
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto d_hidden = context->saved_data["d_hidden"].toTensor();
    const auto d_weight = context->saved_data["d_weight"].toTensor();
    return {d_hidden.defined() ? d_hidden * gradients[0] : d_hidden,
            d_weight.defined() ? d_weight * gradients[0] : d_weight, torch::Tensor()};
  }
};

}  // namespace

torch::Tensor vocabulary_logits(const torch::Tensor& hidden, const torch::Tensor& weight) {
  return torch::mm(hidden.to(weight.scalar_type()), weight.t()).to(torch::kFloat);
}

torch::Tensor vocabulary_loss(const torch::Tensor& hidden, const torch::Tensor& weight,
                              const torch::Tensor& targets) {
  check(hidden.dim() == 2 && targets.dim() == 1 && hidden.size(0) == targets.size(0),
        "one target for each hidden row");
  if (targets.numel() > 0) {
    check(targets.min().item<int64_t>() >= 0 && targets.max().item<int64_t>() < weight.size(0),
          "targets lie inside the vocabulary");
  }
  return VocabularyLoss::apply(hidden, weight, targets);
}

}  // namespace kindred::lm
