#include "lm/vocabulary_loss.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "core/error.h"
#include "core/strings.h"
#include "lm/element.h"
#include "lm/frozen_linear.h"
#include "lm/kept.h"
#include "lm/kernels.h"

namespace kindred::lm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Scores that exist at once: as many rows as reuse the weights well, as many words as keep a block
// (2 to 4 MiB) near the processor's caches.
constexpr int64_t kRows = 512, kWords = 2048;

torch::Tensor target_scores(const torch::Tensor& x, const torch::Tensor& weight,
                            const torch::Tensor& targets) {
  return (x.to(torch::kFloat) * weight.index_select(0, targets).to(torch::kFloat)).sum(1);
}

// The loss of up to kRows rows and, when asked, its gradient: words arrive in blocks, each block's
// exponentials weigh its own embeddings into the expected embedding, rescaled when the running
// maximum moves. One pass over the weights and nothing of size [rows, V].
class OnlineLoss {
 public:
  OnlineLoss(const torch::Tensor& x, const torch::Tensor& weight, bool gradient)
      : x_(x), weight_(weight), states_(static_cast<size_t>(x.size(0)), {-INFINITY, 0}) {
    if (gradient) expected_ = torch::zeros({x.size(0), x.size(1)}, torch::kFloat);
  }

  void run() {
    for (int64_t begin = 0; begin < weight_.size(0); begin += kWords) {
      take(weight_.narrow(0, begin, std::min(kWords, weight_.size(0) - begin)));
    }
  }

  // The target's log-probability in every row: its score less the log-sum-exp.
  std::vector<double> log_probabilities(const torch::Tensor& targets) const {
    const auto scores = target_scores(x_, weight_, targets);
    const float* score = scores.data_ptr<float>();
    std::vector<double> result(states_.size());
    for (size_t r = 0; r < states_.size(); ++r) {
      result[r] = score[r] - (static_cast<double>(states_[r].maximum) + std::log(states_[r].sum));
    }
    return result;
  }
  double loss(const torch::Tensor& targets) const {
    double total = 0;
    for (const double one : log_probabilities(targets)) total -= one;
    return total;
  }

  // Expected embedding less the target's.
  torch::Tensor gradient(const torch::Tensor& targets) const {
    auto sums = torch::empty({x_.size(0), 1}, torch::kFloat);
    for (size_t r = 0; r < states_.size(); ++r) {
      sums.data_ptr<float>()[r] = states_[r].sum;
    }
    return expected_ / sums - weight_.index_select(0, targets).to(torch::kFloat);
  }

 private:
  void take(const torch::Tensor& words) {
    auto scores = product_transposed(x_, words);
    const int64_t n = words.size(0), d = x_.size(1), rows = x_.size(0);
    std::vector<float> factors(states_.size());
    with_element(scores.scalar_type(), [&](auto type) {
      auto* data = data_of(scores, type);
      at::parallel_for(0, rows, row_grain(n), [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          const auto row = static_cast<size_t>(r);
          factors[row] = kernels::extend_softmax(states_[row], n, data + r * n);
        }
      });
    });
    if (!expected_.defined()) return;
    const auto added = product_transposed(scores, words.t());
    with_element(added.scalar_type(), [&](auto type) {
      const auto* data = data_of(added, type);
      float* total = expected_.data_ptr<float>();
      at::parallel_for(0, rows, row_grain(d), [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          kernels::scale_add(d, factors[static_cast<size_t>(r)], data + r * d, total + r * d);
        }
      });
    });
  }

  torch::Tensor x_, weight_, expected_;
  std::vector<kernels::RunningSoftmax> states_;
};

// A block of rows whose scores of all words are kept: the weights' gradient needs the finished
// softmax, and an accelerator wants large products. An undefined gradient is not wanted.
double loss_of_block(const torch::Tensor& x, const torch::Tensor& weight,
                     const torch::Tensor& targets, const torch::Tensor& d_hidden,
                     torch::Tensor& d_weight) {
  const auto target = targets.unsqueeze(1);
  auto scores = vocabulary_logits(x, weight);
  const auto log_sum = torch::logsumexp(scores, 1, true);
  const double loss = (log_sum - scores.gather(1, target)).sum(torch::kDouble).item<double>();
  if (!d_hidden.defined() && !d_weight.defined()) return loss;
  scores.sub_(log_sum).exp_();
  scores.scatter_add_(1, target, torch::full_like(log_sum, -1));
  const auto d_scores = scores.to(weight.scalar_type());
  if (d_hidden.defined()) d_hidden.copy_(torch::mm(d_scores, weight));
  if (d_weight.defined()) d_weight.add_(torch::mm(d_scores.t(), x));
  return loss;
}

class VocabularyLoss : public torch::autograd::Function<VocabularyLoss> {
 public:
  // For a loss of gradient 1; undefined where none is asked for.
  struct Gradients {
    torch::Tensor d_hidden, d_weight;
  };
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& hidden,
                               const torch::Tensor& weight, const torch::Tensor& targets) {
    const bool weight_grad = weight.requires_grad();
    const bool cpu = weight.device().is_cpu(), online = !weight_grad && cpu;
    // Where a row's scores are all needed at once, 32 MiB of them at a time; 512 on an accelerator.
    const int64_t all_words =
        std::clamp<int64_t>((int64_t{1} << (cpu ? 23 : 27)) / std::max<int64_t>(weight.size(0), 1),
                            64, cpu ? 4096 : 1 << 16);
    const int64_t rows = hidden.size(0), step = online ? kRows : all_words;
    const auto inputs = hidden.to(weight.scalar_type()).contiguous();
    torch::Tensor d_hidden, d_weight;
    if (hidden.requires_grad()) d_hidden = torch::empty_like(hidden);
    if (weight_grad) d_weight = torch::zeros_like(weight, torch::kFloat);
    double loss = 0;
    for (int64_t begin = 0; begin < rows; begin += step) {
      const int64_t n = std::min(step, rows - begin);
      const auto x = inputs.narrow(0, begin, n), target = targets.narrow(0, begin, n);
      const auto part = d_hidden.defined() ? d_hidden.narrow(0, begin, n) : torch::Tensor();
      if (online) {
        OnlineLoss block(x, weight, part.defined());
        block.run();
        loss += block.loss(target);
        if (part.defined()) part.copy_(block.gradient(target));
      } else {
        loss += loss_of_block(x, weight, target, part, d_weight);
      }
    }
    if (weight_grad) d_weight = d_weight.to(weight.scalar_type());
    keep(context, Gradients{d_hidden, d_weight});
    return torch::scalar_tensor(loss, hidden.options().dtype(torch::kFloat).requires_grad(false));
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto& [d_hidden, d_weight] = kept<Gradients>(context);
    return {d_hidden.defined() ? d_hidden * gradients[0] : d_hidden,
            d_weight.defined() ? d_weight * gradients[0] : d_weight, torch::Tensor()};
  }
};

void check_targets(const torch::Tensor& hidden, const torch::Tensor& weight,
                   const torch::Tensor& targets) {
  check(hidden.dim() == 2 && targets.dim() == 1 && hidden.size(0) == targets.size(0),
        "one target for each hidden row");
  if (targets.numel() == 0) return;
  check(targets.min().item<int64_t>() >= 0 && targets.max().item<int64_t>() < weight.size(0),
        "targets lie inside the vocabulary");
}

}  // namespace

torch::Tensor vocabulary_logits(const torch::Tensor& hidden, const torch::Tensor& weight) {
  return torch::mm(hidden.to(weight.scalar_type()), weight.t()).to(torch::kFloat);
}

torch::Tensor word_logits(const torch::Tensor& hidden, const torch::Tensor& weight,
                          const torch::Tensor& words, torch::ScalarType compute) {
  check(hidden.dim() == 2 && words.dim() == 1, "states [R, D] and words [n]");
  if (words.numel() > 0) {
    for (const int64_t word : {words.min().item<int64_t>(), words.max().item<int64_t>()}) {
      if (word >= 0 && word < weight.size(0)) continue;
      throw Error(Exit::bad_data, "words of an answer",
                  cat("got token ", word, ", expected one from 0 to ", weight.size(0) - 1));
    }
  }
  // The rows first: a trainable head would be rounded whole.
  return vocabulary_logits(hidden, weight.index_select(0, words.to(weight.device())).to(compute));
}

torch::Tensor vocabulary_log_probabilities(const torch::Tensor& hidden, const torch::Tensor& weight,
                                           const torch::Tensor& targets) {
  const torch::NoGradGuard no_grad;
  check_targets(hidden, weight, targets);
  const auto inputs = hidden.to(weight.scalar_type()).contiguous();
  auto result = torch::empty({hidden.size(0)}, torch::kFloat);
  for (int64_t begin = 0; begin < hidden.size(0); begin += kRows) {
    const int64_t n = std::min(kRows, hidden.size(0) - begin);
    const auto x = inputs.narrow(0, begin, n), target = targets.narrow(0, begin, n);
    if (!weight.device().is_cpu()) {
      const auto scores = torch::log_softmax(vocabulary_logits(x, weight), 1);
      result.narrow(0, begin, n).copy_(scores.gather(1, target.unsqueeze(1)).squeeze(1));
      continue;
    }
    OnlineLoss block(x, weight, false);
    block.run();
    const auto found = block.log_probabilities(target);
    std::ranges::copy(found, result.data_ptr<float>() + begin);
  }
  return result;
}

torch::Tensor vocabulary_loss(const torch::Tensor& hidden, const torch::Tensor& weight,
                              const torch::Tensor& targets) {
  check_targets(hidden, weight, targets);
  return VocabularyLoss::apply(hidden, weight, targets);
}

}  // namespace kindred::lm
