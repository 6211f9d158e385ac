#include "lm/rotary.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "lm/element.h"
#include "lm/kept.h"
#include "lm/kernels.h"

namespace kindred::lm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Lengths beyond the original context that are remembered with their own angles.
constexpr size_t kRememberedLengths = 64;

// Long waves are slowed down by `factor`, short ones stay, those between are blended.
torch::Tensor llama3_frequencies(const torch::Tensor& plain, const RopeLayout& rope) {
  const auto original = static_cast<double>(rope.original_context);
  const auto waves = 2 * std::numbers::pi / plain;
  const auto blend = (original / waves - rope.low_frequency_factor) /
                     (rope.high_frequency_factor - rope.low_frequency_factor);
  const auto mixed = (1 - blend) * plain / rope.factor + blend * plain;
  const auto slowed =
      torch::where(waves > original / rope.low_frequency_factor, plain / rope.factor, mixed);
  return torch::where(waves < original / rope.high_frequency_factor, plain, slowed);
}

int64_t start_of(const std::vector<int64_t>& starts, size_t s) {
  return starts.empty() ? 0 : starts[s];
}

class Turn : public torch::autograd::Function<Turn> {
 public:
  // By what each packed sequence is turned.
  struct Turns {
    std::shared_ptr<const Rotary> rotary;
    std::vector<int64_t> offsets, starts;
  };
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& qkv,
                               const Turns& turns) {
    keep(context, turns);
    auto out = qkv.clone(at::MemoryFormat::Contiguous);
    turns.rotary->turn(out, turns.offsets, turns.starts, 1);
    return out;
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto& turns = kept<Turns>(context);
    auto d_qkv = gradients[0].clone(at::MemoryFormat::Contiguous);
    turns.rotary->turn(d_qkv, turns.offsets, turns.starts, -1);
    return {d_qkv, torch::Tensor()};
  }
};

}  // namespace

Rotary::Rotary(const RopeLayout& layout, const DecoderLayout& decoder)
    : layout_(layout),
      heads_(decoder.heads),
      key_heads_(decoder.key_heads),
      head_dim_(decoder.head_dim) {}

// In fp32 throughout, as `transformers` computes them: angles of far positions depend on it.
torch::Tensor Rotary::frequencies(int64_t length) const {
  double theta = layout_.theta;
  if (layout_.scaling == RopeScaling::dynamic && length > layout_.original_context) {
    const double stretch = layout_.factor * static_cast<double>(length) /
                               static_cast<double>(layout_.original_context) -
                           (layout_.factor - 1);
    const auto d = static_cast<double>(head_dim_);
    theta *= std::pow(stretch, d / (d - 2));
  }
  const auto exponents =
      torch::arange(0, head_dim_, 2, torch::kFloat) / static_cast<double>(head_dim_);
  const auto plain = 1.0 / torch::pow(theta, exponents);
  if (layout_.scaling == RopeScaling::linear) return plain / layout_.factor;
  if (layout_.scaling == RopeScaling::llama3) return llama3_frequencies(plain, layout_);
  return plain;
}

Rotary::Angles Rotary::angles(int64_t length) const {
  const std::lock_guard lock(mutex_);
  const bool own = layout_.scaling == RopeScaling::dynamic && length > layout_.original_context;
  const auto made = [&](int64_t positions) {
    const torch::NoGradGuard no_grad;
    const auto angles =
        torch::outer(torch::arange(0, positions, torch::kFloat), frequencies(length));
    return Angles{torch::cos(angles), torch::sin(angles)};
  };
  if (!own) {
    if (!shared_.cosines.defined() || shared_.cosines.size(0) < length) {
      shared_ = made(std::max<int64_t>(256, 2 * length));
    }
    return shared_;
  }
  const auto found = by_length_.find(length);
  if (found != by_length_.end()) return found->second;
  if (by_length_.size() >= kRememberedLengths) by_length_.clear();
  return by_length_[length] = made(length);
}

void Rotary::turn(torch::Tensor& qkv, const std::vector<int64_t>& offsets,
                  const std::vector<int64_t>& starts, float direction) const {
  const int64_t half = head_dim_ / 2, width = qkv.size(1);
  const auto turn_sequence = [&](size_t s) {
    const int64_t n = offsets[s + 1] - offsets[s], start = start_of(starts, s);
    if (n == 0) return;
    const Angles table = angles(start + n);
    const float* cosines = table.cosines.data_ptr<float>() + start * half;
    const float* sines = table.sines.data_ptr<float>() + start * half;
    with_element(qkv.scalar_type(), [&](auto type) {
      auto* rows = data_of(qkv, type) + offsets[s] * width;
      at::parallel_for(0, n, row_grain(width), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          kernels::rotate(heads_ + key_heads_, half, cosines + i * half, sines + i * half,
                          direction, rows + i * width);
        }
      });
    });
  };
  const auto sequences = static_cast<int64_t>(offsets.size()) - 1;
  at::parallel_for(0, sequences, 1, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) turn_sequence(static_cast<size_t>(s));
  });
}

torch::Tensor Rotary::turned_plain(const torch::Tensor& qkv, const std::vector<int64_t>& offsets,
                                   const std::vector<int64_t>& starts) const {
  std::vector<torch::Tensor> cosines, sines;
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    const int64_t n = offsets[s + 1] - offsets[s], start = start_of(starts, s);
    const Angles table = angles(start + n);
    cosines.push_back(table.cosines.narrow(0, start, n));
    sines.push_back(table.sines.narrow(0, start, n));
  }
  const auto c = torch::cat(cosines).to(qkv.device()).unsqueeze(1);
  const auto s = torch::cat(sines).to(qkv.device()).unsqueeze(1);
  const int64_t turned = (heads_ + key_heads_) * head_dim_, half = head_dim_ / 2;
  const auto heads =
      qkv.narrow(1, 0, turned).to(torch::kFloat).reshape({qkv.size(0), -1, head_dim_});
  const auto first = heads.narrow(2, 0, half), second = heads.narrow(2, half, half);
  const auto out = torch::cat({first * c - second * s, second * c + first * s}, 2)
                       .reshape({qkv.size(0), turned})
                       .to(qkv.scalar_type());
  return torch::cat({out, qkv.narrow(1, turned, qkv.size(1) - turned)}, 1);
}

torch::Tensor Rotary::turned(const torch::Tensor& qkv, const std::vector<int64_t>& offsets,
                             const std::vector<int64_t>& starts) const {
  if (qkv.size(0) == 0) return qkv;
  if (!qkv.device().is_cpu()) return turned_plain(qkv, offsets, starts);
  return Turn::apply(qkv, Turn::Turns{shared_from_this(), offsets, starts});
}

}  // namespace kindred::lm
