#include "lm/quantised.h"

#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <cmath>
#include <string_view>

#include "lm/element.h"
#include "model/threads.h"

namespace kindred::lm {
namespace {

constexpr float kLargest = 127;
// Inputs are stored as unsigned bytes around it, the form oneDNN has fast products for.
constexpr int64_t kZeroPoint = 128;

// An operator of LibTorch's, called by its schema: what its types are in C++ differs between
// versions.
std::optional<c10::OperatorHandle> find(const char* name) {
  if (!at::globalContext().hasMKLDNN()) return std::nullopt;
  return c10::Dispatcher::singleton().findSchema({name, ""});
}

template <class... Arguments>
torch::Tensor call(const c10::OperatorHandle& op, Arguments&&... arguments) {
  torch::jit::Stack stack;
  (stack.emplace_back(std::forward<Arguments>(arguments)), ...);
  op.callBoxed(stack);
  return stack.front().toTensor();
}

// Whether the processor adds products of bytes in 32 bits. Older ones add pairs of them in 16,
// which hold no two products of full bytes: sums are cut off, and errors of a tenth go unnoticed.
bool multiplies_bytes() {
#if defined(__x86_64__)
  static const bool can = __builtin_cpu_supports("avx512vnni") || __builtin_cpu_supports("avxvnni");
  return can;
#else
  return true;
#endif
}

// Scales of rows: their largest magnitude becomes 127.
torch::Tensor scales_of(const torch::Tensor& rows) {
  return rows.abs().amax(1).div_(kLargest).clamp_min_(1e-30);
}

// Bytes [T, in] of x, and the scale of each row.
struct Rounded {
  torch::Tensor bytes, scales;
};

Rounded round_rows(const torch::Tensor& x) {
  const int64_t rows = x.size(0), n = x.size(1);
  Rounded result{torch::empty({rows, n}, torch::kUInt8), torch::empty({rows}, torch::kFloat)};
  const float* from = x.const_data_ptr<float>();
  auto* bytes = result.bytes.data_ptr<uint8_t>();
  float* scales = result.scales.data_ptr<float>();
  at::parallel_for(0, rows, row_grain(n), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float* row = from + r * n;
      uint8_t* to = bytes + r * n;
      float largest = 1e-30f;
#pragma omp simd reduction(max : largest)
      for (int64_t i = 0; i < n; ++i) largest = std::max(largest, std::abs(row[i]));
      const float factor = kLargest / largest;
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) {
        // Rounds to even, and adds the zero point, in one addition.
        to[i] = static_cast<uint8_t>(static_cast<int32_t>(std::nearbyintf(row[i] * factor)) +
                                     static_cast<int>(kZeroPoint));
      }
      scales[r] = largest / kLargest;
    }
  });
  return result;
}

}  // namespace

Quantised::Quantised(const torch::Tensor& weight) : scales_(scales_of(weight)) {
  integers_ = (weight / scales_.unsqueeze(1)).round_().clamp_(-kLargest, kLargest).to(torch::kInt8);
  zeros_ = torch::zeros({weight.size(0)}, torch::kInt64);
  static const auto prepack = find("onednn::qlinear_prepack");
  if (!multiplies_bytes() || !prepack || !find("onednn::qlinear_pointwise")) return;
  constexpr int64_t kTypicalRows = 512;
  packed_ = call(*prepack, integers_, std::vector<int64_t>{kTypicalRows, weight.size(1)});
  integers_ = torch::Tensor();
}

torch::Tensor Quantised::forward(const torch::Tensor& x, const torch::Tensor& bias) const {
  model::secure_threads();
  const auto input = x.to(torch::kFloat).contiguous();
  if (x.size(0) == 0) return torch::empty({0, scales_.size(0)}, x.options());
  torch::Tensor y;
  if (packed_.defined()) {
    static const auto product = find("onednn::qlinear_pointwise");
    const Rounded rounded = round_rows(input);
    const torch::IValue nothing;
    y = call(*product, rounded.bytes, 1.0, kZeroPoint, packed_, scales_, zeros_, nothing, 1.0,
             int64_t{0}, at::kFloat, "none", c10::List<std::optional<at::Scalar>>(), "");
    y.mul_(rounded.scales.unsqueeze(1));
  } else {
    y = torch::mm(input, (integers_.to(torch::kFloat) * scales_.unsqueeze(1)).t());
  }
  if (bias.defined()) y.add_(bias);
  return y.to(x.scalar_type());
}

}  // namespace kindred::lm
