#include "lm/biased_attention.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "core/error.h"
#include "lm/by_head.h"
#include "lm/element.h"
#include "lm/for_heads.h"
#include "lm/kept.h"
#include "lm/kernels.h"

namespace kindred::lm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

int64_t extent(const std::vector<int64_t>& offsets, size_t sequence) {
  return offsets[sequence + 1] - offsets[sequence];
}

std::vector<KeyRows> rows_of(const torch::Tensor& keys_values,
                             const std::vector<int64_t>& offsets) {
  const int64_t width = keys_values.size(1) / 2;
  std::vector<KeyRows> rows;
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    const auto own = keys_values.narrow(0, offsets[s], extent(offsets, s));
    rows.push_back({own.narrow(1, 0, width), own.narrow(1, width, width)});
  }
  return rows;
}

// [H, n, m] out of the bias by distance.
torch::Tensor bias_matrix(const torch::Tensor& by_distance, int64_t n, int64_t m, bool causal) {
  const auto whole = torch::dtype(torch::kInt64);
  const int64_t first = causal ? m - n : 0, middle = by_distance.size(1) / 2;
  const auto distance =
      torch::arange(m, whole).unsqueeze(0) - torch::arange(first, first + n, whole).unsqueeze(1);
  return by_distance.index_select(1, (distance + middle).reshape({-1}).to(by_distance.device()))
      .view({by_distance.size(0), n, m});
}

// `bias` [H, n, m] or undefined.
torch::Tensor attend_plain(const torch::Tensor& queries, const KeyRows& read,
                           const torch::Tensor& bias, const BiasedShape& shape) {
  const auto k = by_head(read.keys, shape.heads), v = by_head(read.values, shape.heads);
  const int64_t n = queries.size(0), m = k.size(1);
  auto scores = torch::matmul(by_head(queries, shape.heads), k.transpose(1, 2));
  // fp64, in tests, stays as it is.
  if (scores.scalar_type() == torch::kBFloat16) scores = scores.to(torch::kFloat);
  if (bias.defined()) scores = scores + bias;
  if (shape.causal) {
    const auto future = torch::ones({n, m}, scores.options().dtype(torch::kBool)).triu(m - n + 1);
    scores = scores.masked_fill(future, -std::numeric_limits<float>::infinity());
  }
  auto weights = torch::softmax(scores, -1);
  if (shape.dropout.active()) weights = torch::dropout(weights, shape.dropout.probability, true);
  return torch::matmul(weights.to(v.scalar_type()), v)
      .transpose(0, 1)
      .reshape({n, queries.size(1)});
}

torch::Tensor over_plain(const torch::Tensor& queries, const std::vector<KeyRows>& read,
                         const BiasedShape& shape) {
  std::vector<torch::Tensor> outputs;
  for (size_t s = 0; s < read.size(); ++s) {
    const int64_t n = extent(shape.queries, s);
    if (n == 0) continue;
    torch::Tensor bias;
    if (!shape.matrices.empty()) {
      bias = shape.matrices[s];
    } else if (shape.bias.defined()) {
      bias = bias_matrix(shape.bias, n, read[s].keys.size(0), shape.causal);
    }
    outputs.push_back(attend_plain(queries.narrow(0, shape.queries[s], n), read[s], bias, shape));
  }
  return outputs.empty() ? queries : torch::cat(outputs);
}

// Head `head` of a sequence's queries with its keys.
template <class E>
kernels::AttentionHead<E> head_of(const torch::Tensor& queries, const KeyRows& read,
                                  const BiasedShape& shape, size_t sequence, int64_t head, E type) {
  const int64_t d = queries.size(1) / shape.heads, begin = shape.queries[sequence];
  const int64_t n = extent(shape.queries, sequence), m = read.keys.size(0);
  kernels::AttentionHead<E> made{
      .q = data_of(queries, type) + begin * queries.stride(0) + head * d,
      .k = data_of(read.keys, type) + head * d,
      .v = data_of(read.values, type) + head * d,
      .q_stride = queries.stride(0),
      .kv_stride = read.keys.stride(0),
      .queries = n,
      .keys = m,
      .head_dim = d,
      .scale = 1.0f,
      .dropout = shape.dropout,
      .first_row = static_cast<uint64_t>(shape.mask_row(sequence) * shape.heads + head),
      .row_step = static_cast<uint64_t>(shape.heads),
      .causal = shape.causal};
  if (shape.bias.defined()) {
    const int64_t row = shape.bias.size(1), last = shape.causal ? m : n;
    check(row / 2 + 1 >= std::max(n, m), "a bias for every distance");
    made.bias = shape.bias.const_data_ptr<float>() + head * row + row / 2 - (last - 1);
  }
  return made;
}

void forward_over(const torch::Tensor& queries, const std::vector<KeyRows>& read,
                  const BiasedShape& shape, torch::Tensor& out, const torch::Tensor& log_sums) {
  const int64_t width = queries.size(1), d = width / shape.heads;
  float* sums = log_sums.defined() ? log_sums.data_ptr<float>() : nullptr;
  with_element(queries.scalar_type(), [&](auto type) {
    auto* to = data_of(out, type);
    for_heads(shape.queries, shape.heads, [&](size_t s, int64_t head) {
      if (read[s].keys.size(0) == 0) return;  // the output is zero there
      const int64_t begin = shape.queries[s];
      kernels::attention_forward(
          head_of(queries, read[s], shape, s, head, type), to + begin * width + head * d, width,
          sums == nullptr ? nullptr : sums + begin * shape.heads + head, shape.heads);
    });
  });
}

class BiasedAttention : public torch::autograd::Function<BiasedAttention> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& queries,
                               const torch::Tensor& keys_values, const BiasedShape& shape) {
    auto out = torch::zeros(queries.sizes(), queries.options().requires_grad(false));
    auto log_sums = torch::empty({queries.size(0), shape.heads}, torch::dtype(torch::kFloat));
    forward_over(queries, rows_of(keys_values, shape.keys), shape, out, log_sums);
    keep(context, shape);
    context->save_for_backward({queries, keys_values, out, log_sums});
    return out;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto& shape = kept<BiasedShape>(context);
    const torch::Tensor &queries = saved[0], &keys_values = saved[1], &out = saved[2];
    const auto given = gradients[0].contiguous();
    const auto read = rows_of(keys_values, shape.keys);
    auto d_queries = torch::zeros(queries.sizes(), queries.options());
    auto d_keys_values = torch::zeros(keys_values.sizes(), keys_values.options());
    const int64_t width = queries.size(1), d = width / shape.heads;
    with_element(queries.scalar_type(), [&](auto type) {
      const float* sums = saved[3].const_data_ptr<float>();
      for_heads(shape.queries, shape.heads, [&](size_t s, int64_t head) {
        if (read[s].keys.size(0) == 0) return;
        const int64_t begin = shape.queries[s], narrow = begin * width + head * d;
        auto* keys = data_of(d_keys_values, type) + shape.keys[s] * 2 * width + head * d;
        kernels::attention_backward(head_of(queries, read[s], shape, s, head, type),
                                    kernels::AttentionGradient<decltype(type)>{
                                        .out = data_of(out, type) + narrow,
                                        .d_out = data_of(given, type) + narrow,
                                        .out_stride = width,
                                        .log_sums = sums + begin * shape.heads + head,
                                        .log_stride = shape.heads,
                                        .d_q = data_of(d_queries, type) + narrow,
                                        .d_k = keys,
                                        .d_v = keys + width,
                                        .d_stride = width,
                                        .d_kv_stride = 2 * width});
      });
    });
    return {d_queries, d_keys_values, torch::Tensor()};
  }
};

}  // namespace

std::vector<torch::Tensor> bias_matrices(const BiasedShape& shape) {
  std::map<std::pair<int64_t, int64_t>, torch::Tensor> by_size;
  std::vector<torch::Tensor> matrices;
  for (size_t s = 0; s + 1 < shape.queries.size(); ++s) {
    const int64_t n = extent(shape.queries, s), m = extent(shape.keys, s);
    torch::Tensor& matrix = by_size[{n, m}];
    if (!matrix.defined()) matrix = bias_matrix(shape.bias, n, m, shape.causal);
    matrices.push_back(matrix);
  }
  return matrices;
}

torch::Tensor biased_attention_plain(const torch::Tensor& queries, const torch::Tensor& keys_values,
                                     const BiasedShape& shape) {
  return over_plain(queries, rows_of(keys_values, shape.keys), shape);
}

torch::Tensor biased_attention(const torch::Tensor& queries, const torch::Tensor& keys_values,
                               const BiasedShape& shape) {
  if (!queries.device().is_cpu()) return biased_attention_plain(queries, keys_values, shape);
  return BiasedAttention::apply(queries, keys_values, shape);
}

torch::Tensor biased_attention_over(const torch::Tensor& queries, const std::vector<KeyRows>& read,
                                    const BiasedShape& shape) {
  if (!queries.device().is_cpu()) return over_plain(queries, read, shape);
  auto out = torch::zeros(queries.sizes(), queries.options());
  forward_over(queries, read, shape, out, {});
  return out;
}

}  // namespace kindred::lm
