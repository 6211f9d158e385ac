#include "lm/attention_cuda.h"

#include <algorithm>

namespace kindred::lm {

bool attention_cuda_serves(const torch::Tensor& qkv, const AttentionShape& shape) {
  // The kernel reads a head's numbers eight at a time.
  return qkv.is_cuda() && qkv.size(0) > 0 && shape.head_dim(qkv.size(1)) % 8 == 0;
}

torch::Tensor attention_cuda(const torch::Tensor& qkv, const AttentionShape& shape) {
  const int64_t tokens = qkv.size(0), d = shape.head_dim(qkv.size(1));
  std::vector<int32_t> ends(shape.offsets.begin(), shape.offsets.end());
  int64_t longest = 0;
  for (size_t s = 0; s + 1 < ends.size(); ++s) {
    longest = std::max<int64_t>(longest, ends[s + 1] - ends[s]);
  }
  const auto borders = torch::tensor(ends, torch::kInt32).to(qkv.device());
  const auto rows = qkv.reshape({1, tokens, shape.heads + 2 * shape.key_heads, d});
  const auto heads = [&](int64_t from, int64_t count) { return rows.narrow(2, from, count); };
  auto keys = heads(shape.heads, shape.key_heads);
  auto values = heads(shape.heads + shape.key_heads, shape.key_heads);
  if (const int64_t group = shape.heads / shape.key_heads; group > 1) {
    keys = keys.repeat_interleave(group, 2);
    values = values.repeat_interleave(group, 2);
  }
  const bool learns = torch::GradMode::is_enabled() && qkv.requires_grad();
  constexpr int64_t no_mask = 0, causal_from_top_left = 1;
  const auto out = std::get<0>(at::_efficient_attention_forward(
      heads(0, shape.heads), keys, values, /*bias=*/std::nullopt, borders, borders, longest,
      longest, shape.dropout.active() ? shape.dropout.probability : 0.0,
      shape.causal ? causal_from_top_left : no_mask, /*compute_log_sumexp=*/learns, shape.scale));
  return out.reshape({tokens, shape.heads * d});
}

}  // namespace kindred::lm
