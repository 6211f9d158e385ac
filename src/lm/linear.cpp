#include "lm/linear.h"

namespace kindred::lm {

torch::Tensor Linear::forward(const torch::Tensor& x, torch::ScalarType compute) const {
  const auto input = x.to(compute);
  if (frozen_ != nullptr) return frozen_product(frozen_, input);
  std::vector<torch::Tensor> outputs;
  for (const Part& part : parts_) {
    const auto weight = part.matrix().to(compute);
    outputs.push_back(part.bias.defined() ? torch::addmm(part.bias.to(compute), input, weight)
                                          : torch::mm(input, weight));
  }
  return outputs.size() == 1 ? outputs[0] : torch::cat(outputs, 1);
}

}  // namespace kindred::lm
