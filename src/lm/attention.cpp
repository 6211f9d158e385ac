#include "lm/attention.h"

#include <ATen/Parallel.h>

#include <atomic>

#include "lm/element.h"
#include "lm/kernels.h"

namespace kindred::lm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Runs task(sequence, head) for every sequence and head. Lengths differ, so threads draw tasks
// one by one; each writes its own part of the output, hence the result does not depend on who ran
// it.
template <class Task>
void for_heads(const AttentionShape& shape, const Task& task) {
  const int64_t sequences = static_cast<int64_t>(shape.offsets.size()) - 1;
  const int64_t tasks = sequences * shape.heads;
  std::atomic<int64_t> next{0};
  at::parallel_for(0, std::min<int64_t>(tasks, at::get_num_threads()), 1, [&](int64_t, int64_t) {
    for (int64_t i = next.fetch_add(1); i < tasks; i = next.fetch_add(1)) {
      const auto s = static_cast<size_t>(i / shape.heads);
      if (shape.offsets[s + 1] > shape.offsets[s]) {
        task(s, i % shape.heads);
      }
    }
  });
}

template <class E>
kernels::AttentionHead<E> head_of(const E* qkv, int64_t d, const AttentionShape& shape,
                                  size_t sequence, int64_t head) {
  const int64_t begin = shape.offsets[sequence], end = shape.offsets[sequence + 1];
  const int64_t size = d / shape.heads;
  const E* first = qkv + begin * 3 * d + head * size;
  return {first,
          first + d,
          first + 2 * d,
          3 * d,
          3 * d,
          end - begin,
          end - begin,
          size,
          static_cast<float>(shape.scale),
          shape.dropout,
          static_cast<uint64_t>(begin * shape.heads + head),
          static_cast<uint64_t>(shape.heads)};
}

// Makes room for `n` more rows, twice what is held so that appending stays linear.
void append(torch::Tensor& rows, int64_t length, const torch::Tensor& more) {
  const int64_t n = more.size(0);
  if (!rows.defined() || rows.size(0) < length + n) {
    auto larger =
        torch::empty({std::max<int64_t>(2 * length, length + n), more.size(1)}, more.options());
    if (length > 0) larger.narrow(0, 0, length).copy_(rows.narrow(0, 0, length));
    rows = larger;
  }
  rows.narrow(0, length, n).copy_(more);
}

// One sequence's new queries [n, D] against all its keys, by ATen.
torch::Tensor attend_plain(const torch::Tensor& queries, const KeysValues& cache, int64_t heads,
                           double scale) {
  const int64_t n = queries.size(0), d = queries.size(1), total = cache.length;
  const auto by_head = [&](const torch::Tensor& rows) {
    return rows.reshape({rows.size(0), heads, d / heads}).transpose(0, 1);
  };
  const auto keys = by_head(cache.keys.narrow(0, 0, total));
  const auto values = by_head(cache.values.narrow(0, 0, total));
  const auto future =
      torch::ones({n, total}, queries.options().dtype(torch::kBool)).triu(total - n + 1);
  const auto scores = torch::matmul(by_head(queries), keys.transpose(1, 2)).to(torch::kFloat);
  const auto weights = torch::softmax((scores * scale).masked_fill(future, -INFINITY), -1);
  return torch::matmul(weights.to(values.scalar_type()), values).transpose(0, 1).reshape({n, d});
}

// Masks of the rows (token, head) of `n` tokens from `begin` on: [H, n, n].
torch::Tensor attention_mask(const AttentionShape& shape, int64_t begin, int64_t n) {
  auto mask = torch::ones({shape.heads, n, n});
  for (int64_t h = 0; h < shape.heads; ++h) {
    for (int64_t i = 0; i < n; ++i) {
      kernels::drop_row(shape.dropout, static_cast<uint64_t>((begin + i) * shape.heads + h), n,
                        mask.data_ptr<float>() + (h * n + i) * n);
    }
  }
  return mask;
}

class PackedAttention : public torch::autograd::Function<PackedAttention> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& qkv,
                               const AttentionShape& shape) {
    auto out = torch::empty({qkv.size(0), qkv.size(1) / 3}, qkv.options().requires_grad(false));
    torch::Tensor log_sums;
    if (qkv.requires_grad()) {
      log_sums = torch::empty({qkv.size(0), shape.heads}, torch::dtype(torch::kFloat));
    }
    const auto dense = qkv.contiguous();
    attention_forward(dense, shape, out, log_sums);
    context->saved_data["offsets"] = shape.offsets;
    context->saved_data["heads"] = shape.heads;
    context->saved_data["scale"] = shape.scale;
    context->saved_data["key"] = static_cast<int64_t>(shape.dropout.key);
    context->saved_data["probability"] = static_cast<double>(shape.dropout.probability);
    context->save_for_backward({dense, out, log_sums});
    return out;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const AttentionShape shape{context->saved_data["offsets"].toIntVector(),
                               context->saved_data["heads"].toInt(),
                               context->saved_data["scale"].toDouble(),
                               {static_cast<uint64_t>(context->saved_data["key"].toInt()),
                                static_cast<float>(context->saved_data["probability"].toDouble())}};
    return {attention_backward(saved[0], shape, saved[1], saved[2], gradients[0].contiguous()),
            torch::Tensor()};
  }
};

}  // namespace

void attention_forward(const torch::Tensor& qkv, const AttentionShape& shape, torch::Tensor& out,
                       const torch::Tensor& log_sums) {
  const int64_t d = qkv.size(1) / 3, size = d / shape.heads;
  float* sums = log_sums.defined() ? log_sums.data_ptr<float>() : nullptr;
  with_element(qkv.scalar_type(), [&](auto type) {
    const auto* from = data_of(qkv, type);
    auto* to = data_of(out, type);
    for_heads(shape, [&](size_t s, int64_t head) {
      const int64_t begin = shape.offsets[s];
      kernels::attention_forward(head_of(from, d, shape, s, head), to + begin * d + head * size, d,
                                 sums == nullptr ? nullptr : sums + begin * shape.heads + head,
                                 shape.heads);
    });
  });
}

torch::Tensor attention_backward(const torch::Tensor& qkv, const AttentionShape& shape,
                                 const torch::Tensor& out, const torch::Tensor& log_sums,
                                 const torch::Tensor& d_out) {
  const int64_t d = qkv.size(1) / 3, size = d / shape.heads;
  auto d_qkv = torch::empty_like(qkv);
  with_element(qkv.scalar_type(), [&](auto type) {
    const auto *from = data_of(qkv, type), *mixed = data_of(out, type);
    const auto* given = data_of(d_out, type);
    auto* to = data_of(d_qkv, type);
    const float* sums = log_sums.data_ptr<float>();
    for_heads(shape, [&](size_t s, int64_t head) {
      const int64_t begin = shape.offsets[s];
      const int64_t narrow = begin * d + head * size, wide = begin * 3 * d + head * size;
      kernels::attention_backward(
          head_of(from, d, shape, s, head),
          kernels::AttentionGradient<decltype(type)>{
              mixed + narrow, given + narrow, d, sums + begin * shape.heads + head, shape.heads,
              to + wide, to + wide + d, to + wide + 2 * d, 3 * d});
    });
  });
  return d_qkv;
}

torch::Tensor attention(const torch::Tensor& qkv, const AttentionShape& shape) {
  if (!qkv.device().is_cpu()) return attention_plain(qkv, shape);
  return PackedAttention::apply(qkv, shape);
}

torch::Tensor attention_cached(const torch::Tensor& qkv, const AttentionShape& shape,
                               std::span<KeysValues* const> caches) {
  const int64_t d = qkv.size(1) / 3, size = d / shape.heads;
  const bool on_processor = qkv.device().is_cpu();
  auto out = torch::empty({qkv.size(0), d}, qkv.options());
  for (size_t s = 0; s < caches.size(); ++s) {
    const int64_t begin = shape.offsets[s], n = shape.offsets[s + 1] - begin;
    const auto rows = qkv.narrow(0, begin, n);
    append(caches[s]->keys, caches[s]->length, rows.narrow(1, d, d));
    append(caches[s]->values, caches[s]->length, rows.narrow(1, 2 * d, d));
    caches[s]->length += n;
    if (!on_processor) {
      out.narrow(0, begin, n)
          .copy_(attend_plain(rows.narrow(1, 0, d), *caches[s], shape.heads, shape.scale));
    }
  }
  if (!on_processor) return out;
  with_element(qkv.scalar_type(), [&](auto type) {
    const auto* from = data_of(qkv, type);
    auto* to = data_of(out, type);
    for_heads(shape, [&](size_t s, int64_t head) {
      const int64_t begin = shape.offsets[s], offset = head * size;
      const kernels::AttentionHead<decltype(type)> task{from + begin * 3 * d + offset,
                                                        data_of(caches[s]->keys, type) + offset,
                                                        data_of(caches[s]->values, type) + offset,
                                                        3 * d,
                                                        d,
                                                        shape.offsets[s + 1] - begin,
                                                        caches[s]->length,
                                                        size,
                                                        static_cast<float>(shape.scale)};
      kernels::attention_forward(task, to + begin * d + offset, d, nullptr, 0);
    });
  });
  return out;
}

torch::Tensor dropped(const torch::Tensor& x, const Dropout& dropout) {
  if (!dropout.active()) return x;
  if (!x.device().is_cpu()) return torch::dropout(x, dropout.probability, true);
  auto mask = torch::ones(x.sizes(), torch::kFloat);
  const int64_t rows = x.size(0), columns = rows > 0 ? x.numel() / rows : 0;
  float* data = mask.data_ptr<float>();
  at::parallel_for(
      0, rows, row_grain(std::max<int64_t>(1, columns)), [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          kernels::drop_row(dropout, static_cast<uint64_t>(r), columns, data + r * columns);
        }
      });
  return x * mask.to(x.scalar_type());
}

torch::Tensor attention_plain(const torch::Tensor& qkv, const AttentionShape& shape) {
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
    if (shape.dropout.active()) {
      weights = qkv.device().is_cpu()
                    ? weights * attention_mask(shape, begin, n).to(weights.scalar_type())
                    : torch::dropout(weights, shape.dropout.probability, true);
    }
    outputs.push_back(torch::matmul(weights, parts[2]).transpose(0, 1).reshape({n, d}));
  }
  return outputs.empty() ? qkv.narrow(1, 0, d) : torch::cat(outputs);
}

}  // namespace kindred::lm
