#include "lm/attention.h"

namespace kindred::lm {

torch::Tensor attention_plain(const torch::Tensor& qkv, const AttentionShape& shape,
                              double dropout) {
  const int64_t d = qkv.size(1) / 3, head = d / shape.heads;
  std::vector<torch::Tensor> outputs;
  for (size_t s = 0; s + 1 < shape.offsets.size(); ++s) {
    const int64_t begin = shape.offsets[s], n = shape.offsets[s + 1] - begin;
    if (n == 0) continue;
    // [n, 3D] -> [3, H, n, D/H]
    const auto parts =
        qkv.narrow(0, begin, n).view({n, 3, shape.heads, head}).permute({1, 2, 0, 3});
    const auto future = torch::ones({n, n}, qkv.options().dtype(torch::kBool)).triu(1);
    auto scores = torch::matmul(parts[0], parts[1].transpose(1, 2)).to(torch::kFloat);
    scores = (scores * shape.scale).masked_fill(future, -INFINITY);
    auto weights = torch::softmax(scores, -1).to(qkv.scalar_type());
    if (dropout > 0) weights = torch::dropout(weights, dropout, true);
    outputs.push_back(torch::matmul(weights, parts[2]).transpose(0, 1).reshape({n, d}));
  }
  return outputs.empty() ? qkv.narrow(1, 0, d) : torch::cat(outputs);
}

}  // namespace kindred::lm
