#include "lm/biased_attention.h"

namespace kindred::lm {
namespace {

// rows [n, H d] -> [H, n, d]
torch::Tensor by_head(const torch::Tensor& rows, int64_t heads) {
  return rows.reshape({rows.size(0), heads, rows.size(1) / heads}).transpose(0, 1);
}

}  // namespace

torch::Tensor biased_attention(const torch::Tensor& queries, const torch::Tensor& keys,
                               const torch::Tensor& values, const torch::Tensor& bias,
                               const BiasedShape& shape) {
  const auto k = by_head(keys, shape.heads), v = by_head(values, shape.heads);
  auto scores = torch::matmul(by_head(queries, shape.heads), k.transpose(1, 2)).to(torch::kFloat);
  if (bias.defined()) scores = scores + bias;
  auto weights = torch::softmax(scores, -1);
  if (shape.dropout > 0) weights = torch::dropout(weights, shape.dropout, true);
  return torch::matmul(weights.to(v.scalar_type()), v)
      .transpose(0, 1)
      .reshape({queries.size(0), queries.size(1)});
}

torch::Tensor biased_attention_packed(const torch::Tensor& queries,
                                      const torch::Tensor& keys_values, const BiasedShape& shape) {
  const int64_t width = queries.size(1);
  std::vector<torch::Tensor> outputs;
  for (size_t s = 0; s + 1 < shape.queries.size(); ++s) {
    const int64_t n = shape.queries[s + 1] - shape.queries[s];
    const int64_t m = shape.keys[s + 1] - shape.keys[s];
    if (n == 0) continue;
    const auto rows = keys_values.narrow(0, shape.keys[s], m);
    outputs.push_back(biased_attention(queries.narrow(0, shape.queries[s], n),
                                       rows.narrow(1, 0, width), rows.narrow(1, width, width),
                                       shape.biases.empty() ? torch::Tensor() : shape.biases[s],
                                       shape));
  }
  return outputs.empty() ? queries : torch::cat(outputs);
}

}  // namespace kindred::lm
