#include "lm/linear.h"

#include "lm/attention.h"

namespace kindred::lm {

torch::Tensor Linear::forward(const torch::Tensor& x, torch::ScalarType compute,
                              const PassDropout& dropout) const {
  const auto input = x.to(compute);
  torch::Tensor output;
  if (frozen_ != nullptr && !replaced_) {
    output = frozen_product(frozen_, input);
  } else {
    std::vector<torch::Tensor> outputs;
    for (const Part& part : parts_) {
      const auto weight = part.matrix().to(compute);
      outputs.push_back(part.bias.defined() ? torch::addmm(part.bias.to(compute), input, weight)
                                            : torch::mm(input, weight));
    }
    output = outputs.size() == 1 ? outputs[0] : torch::cat(outputs, 1);
  }
  for (const Addition& addition : additions_) {
    const LowRank& one = *addition.low_rank;
    const auto kept = dropped(input, dropout.of_adapter(one.place, one.dropout), dropout.tokens());
    const auto inner = torch::mm(kept, one.a.t().to(compute));
    const auto added = torch::mm(inner, one.b.t().to(compute)) * one.scale;
    // Zeros before and behind, rather than adding in place: outputs may be needed by their
    // products.
    const int64_t behind = output.size(1) - addition.begin - added.size(1);
    output = output + torch::constant_pad_nd(added, {addition.begin, behind});
  }
  return output;
}

void Linear::repack() {
  if (frozen_ != nullptr) frozen_ = frozen_->unpacked();
}

}  // namespace kindred::lm
