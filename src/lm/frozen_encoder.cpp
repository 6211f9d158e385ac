#include "lm/frozen_encoder.h"

#include <ATen/Parallel.h>

#include "lm/attention.h"
#include "lm/element.h"
#include "lm/kernels.h"

namespace kindred::lm {
namespace {

// Tokens of whole sequences computed together: enough for products to run at full speed, few enough
// for their inputs and outputs to stay in the last-level cache.
constexpr int64_t kTokensAtOnce = 1024;

// x = norm(x + added), in place; returns x in the products' type.
torch::Tensor add_norm(const FrozenEncoder& encoder, const NormWeights& weights,
                       const torch::Tensor& added, torch::Tensor& x) {
  const int64_t rows = x.size(0), d = x.size(1);
  const kernels::Norm norm{weights.weight.data_ptr<float>(), data_of(weights.bias, float{}), d,
                           static_cast<float>(encoder.epsilon)};
  const bool copies = encoder.compute != torch::kFloat;
  auto copy = copies ? torch::empty({rows, d}, torch::dtype(encoder.compute)) : torch::Tensor();
  with_element(encoder.compute, [&](auto type) {
    const auto* more = data_of(added, type);
    auto* to = data_of(copy, type);
    float* stream = x.data_ptr<float>();
    at::parallel_for(0, rows, row_grain(d), [&](int64_t begin, int64_t end) {
      kernels::add_norm_into(norm, end - begin, more + begin * d, stream + begin * d,
                             to == nullptr ? nullptr : to + begin * d);
    });
  });
  return copies ? copy : x;
}

// Sequences [first, last), whose states are x.
void run_blocks(const FrozenEncoder& encoder, torch::Tensor x, std::vector<int64_t> offsets) {
  const AttentionShape shape{
      std::move(offsets), encoder.heads, encoder.heads, encoder.attention_scale, {}, false};
  auto input = x.to(encoder.compute);
  for (const FrozenEncoderBlock& block : encoder.blocks) {
    const auto qkv = block.qkv->frozen()->forward(input);
    auto mixed = torch::empty({x.size(0), x.size(1)}, qkv.options());
    attention_forward(qkv, shape, mixed, {});
    input = add_norm(encoder, block.norm_1, block.out->frozen()->forward(mixed), x);
    const auto inner = block.up->frozen()->forward(input, encoder.activation);
    input = add_norm(encoder, block.norm_2, block.down->frozen()->forward(inner), x);
  }
}

}  // namespace

torch::Tensor frozen_states(const FrozenEncoder& encoder, torch::Tensor x,
                            const std::vector<int64_t>& offsets) {
  const torch::NoGradGuard no_grad;
  for (size_t first = 0; first + 1 < offsets.size();) {
    std::vector<int64_t> own = {0};
    size_t last = first;
    while (last + 1 < offsets.size() &&
           (last == first || offsets[last + 1] - offsets[first] <= kTokensAtOnce)) {
      own.push_back(offsets[++last] - offsets[first]);
    }
    const int64_t tokens = own.back();
    if (tokens > 0) {
      run_blocks(encoder, x.narrow(0, offsets[first], tokens), std::move(own));
    }
    first = last;
  }
  return x;
}

}  // namespace kindred::lm
