#include "lm/frozen_encoder.h"

#include <ATen/Parallel.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "lm/attention.h"
#include "lm/element.h"
#include "lm/kernels.h"

// Beside frozen_encoder.h's legend: R rows asked for, F feed-forward width.

namespace kindred::lm {
namespace {

// Tokens of whole sequences computed together: enough for products to run at full speed, few enough
// for their inputs and outputs to stay in cache.
constexpr int64_t kTokensAtOnce = 512;

// x [T, D] = norm(x + added), in place; returns x in the products' type.
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

// While it lives, what the calling thread starts runs on this thread alone: a product divides
// itself by the threads that OpenMP promises, and inside a team it gets one.
class OneThread {
 public:
  OneThread() { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_ = omp_get_max_threads();
};

// Whole sequences side by side.
struct Stretch {
  int64_t begin = 0;                   // first token
  std::vector<int64_t> offsets = {0};  // counted from there
};

std::vector<Stretch> stretches_of(const std::vector<int64_t>& offsets) {
  std::vector<Stretch> stretches;
  for (size_t first = 0; first + 1 < offsets.size();) {
    Stretch stretch{offsets[first]};
    size_t last = first;
    while (last + 1 < offsets.size() &&
           (last == first || offsets[last + 1] - offsets[first] <= kTokensAtOnce)) {
      stretch.offsets.push_back(offsets[++last] - offsets[first]);
    }
    if (stretch.offsets.back() > 0) stretches.push_back(std::move(stretch));
    first = last;
  }
  return stretches;
}

void run_blocks(const FrozenEncoder& encoder, const torch::Tensor& states, Stretch stretch) {
  auto x = states.narrow(0, stretch.begin, stretch.offsets.back());  // [T, D]
  const AttentionShape shape{
      std::move(stretch.offsets), encoder.heads, encoder.heads, encoder.attention_scale, {}, false};
  auto input = x.to(encoder.compute);
  for (const FrozenEncoderBlock& block : encoder.blocks) {
    const auto qkv = block.qkv->frozen()->forward(input);              // [T, 3 D]
    auto mixed = torch::empty({x.size(0), x.size(1)}, qkv.options());  // [T, D]
    attention_forward(qkv, shape, mixed, {});
    input = add_norm(encoder, block.norm_1, block.out->frozen()->forward(mixed), x);
    const auto inner = block.up->frozen()->forward(input, encoder.activation);  // [T, F]
    input = add_norm(encoder, block.norm_2, block.down->frozen()->forward(inner), x);
  }
}

}  // namespace

torch::Tensor frozen_states(const FrozenEncoder& encoder, torch::Tensor x,
                            const std::vector<int64_t>& offsets) {
  std::vector<Stretch> stretches = stretches_of(offsets);
  const auto count = static_cast<int64_t>(stretches.size());
  const int64_t workers = std::min<int64_t>(count, at::get_num_threads());
  std::atomic<int64_t> next{0};
  const auto work = [&] {
    const torch::NoGradGuard no_grad;
    for (int64_t i = next++; i < count; i = next++) {
      run_blocks(encoder, x, std::move(stretches[static_cast<size_t>(i)]));
    }
  };
  if (workers < 2) {
    work();
    return x;
  }
  // Each thread takes stretches of its own, so that none waits for another within a block.
  at::parallel_for(0, workers, 1, [&](int64_t, int64_t) {
    const OneThread one;
    work();
  });
  return x;
}

}  // namespace kindred::lm
