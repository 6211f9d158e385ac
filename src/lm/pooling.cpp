#include "lm/pooling.h"

#include <cmath>

#include "core/error.h"

namespace kindred::lm {
namespace {

torch::Tensor pool_one(const torch::Tensor& states, Pooling kind) {
  const int64_t n = states.size(0);
  switch (kind) {
    case Pooling::cls:
      return states[0];
    case Pooling::last_token:
      return states[n - 1];
    case Pooling::max:
      return std::get<0>(states.max(0));
    case Pooling::mean:
      return states.sum(0) / static_cast<double>(n);
    case Pooling::mean_sqrt_len:
      return states.sum(0) / std::sqrt(static_cast<double>(n));
    case Pooling::weighted_mean: {
      const auto weights = torch::arange(1, n + 1, states.options().requires_grad(false));
      return torch::matmul(weights, states) / weights.sum();
    }
  }
  return states[0];
}

}  // namespace

torch::Tensor pool(const torch::Tensor& states, const std::vector<int64_t>& offsets, Pooling kind) {
  std::vector<torch::Tensor> vectors;
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    const int64_t begin = offsets[s], n = offsets[s + 1] - begin;
    check(n > 0, "a pooled sequence has tokens");
    vectors.push_back(pool_one(states.narrow(0, begin, n), kind));
  }
  return vectors.empty() ? states.narrow(0, 0, 0) : torch::stack(vectors);
}

}  // namespace kindred::lm
