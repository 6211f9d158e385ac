#include "lm/attention.h"

#include <ATen/Parallel.h>

#include "core/error.h"
#include "lm/attention_cuda.h"
#include "lm/by_head.h"
#include "lm/element.h"
#include "lm/for_heads.h"
#include "lm/kept.h"
#include "lm/kernels.h"

namespace kindred::lm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Where things lie in a row of qkv.
struct Widths {
  int64_t row, head, queries, keys, group;  // group: heads of queries to one of keys

  Widths(int64_t width, const AttentionShape& shape)
      : row(width),
        head(shape.head_dim(width)),
        queries(shape.heads * head),
        keys(shape.key_heads * head),
        group(shape.heads / shape.key_heads) {}
};

// Head `head` of the queries of a sequence with its keys.
template <class E>
kernels::AttentionHead<E> head_of(const E* qkv, const Widths& w, const AttentionShape& shape,
                                  size_t sequence, int64_t head) {
  const int64_t begin = shape.offsets[sequence], end = shape.offsets[sequence + 1];
  const E* first = qkv + begin * w.row;
  const E* keys = first + w.queries + head / w.group * w.head;
  return {.q = first + head * w.head,
          .k = keys,
          .v = keys + w.keys,
          .q_stride = w.row,
          .kv_stride = w.row,
          .queries = end - begin,
          .keys = end - begin,
          .head_dim = w.head,
          .scale = static_cast<float>(shape.scale),
          .dropout = shape.dropout,
          .first_row = static_cast<uint64_t>(shape.mask_row(sequence) * shape.heads + head),
          .row_step = static_cast<uint64_t>(shape.heads),
          .causal = shape.causal};
}

// Where each sequence's tokens that take a gradient begin among all of them.
std::vector<int64_t> begins_of(const AttentionShape& shape) {
  std::vector<int64_t> begins = shape.offsets;
  int64_t fixed = 0;
  for (size_t s = 0; s < shape.fixed.size(); ++s) {
    begins[s] -= fixed;
    fixed += shape.fixed[s];
  }
  return begins;
}

// Puts more rows behind the first `length`, where need be into twice the room.
void append_rows(torch::Tensor& rows, int64_t length, const torch::Tensor& more) {
  const int64_t n = more.size(0);
  if (!rows.defined() || rows.size(0) < length + n) {
    auto larger =
        torch::empty({std::max<int64_t>(2 * length, length + n), more.size(1)}, more.options());
    if (length > 0) larger.narrow(0, 0, length).copy_(rows.narrow(0, 0, length));
    rows = larger;
  }
  rows.narrow(0, length, n).copy_(more);
}

// Scores [H, n, m] of queries [H, n, d] against keys [H, m, d], of which the last n belong to the
// queries themselves -> probabilities, fp32.
torch::Tensor probabilities(const torch::Tensor& queries, const torch::Tensor& keys,
                            const AttentionShape& shape) {
  const int64_t n = queries.size(1), m = keys.size(1);
  auto scores = torch::matmul(queries, keys.transpose(1, 2)).to(torch::kFloat) * shape.scale;
  if (shape.causal) {
    const auto future = torch::ones({n, m}, queries.options().dtype(torch::kBool)).triu(m - n + 1);
    scores = scores.masked_fill(future, -INFINITY);
  }
  return torch::softmax(scores, -1);
}

// One sequence's new queries [n, H d] against all its keys, by ATen.
torch::Tensor attend_plain(const torch::Tensor& queries, const KeysValues& cache, const Widths& w,
                           const AttentionShape& shape) {
  const auto read = [&](const torch::Tensor& rows) {  // [H, m, d]
    return by_head(rows.narrow(0, 0, cache.length), shape.key_heads, w.group);
  };
  const auto keys = read(cache.keys), values = read(cache.values);
  const auto weights = probabilities(by_head(queries, shape.heads), keys, shape);  // [H, n, m]
  return torch::matmul(weights.to(values.scalar_type()), values)
      .transpose(0, 1)
      .reshape({queries.size(0), w.queries});
}

// Masks of the rows (token, head) of `n` tokens of which the first draws row `first`: [H, n, n].
torch::Tensor attention_mask(const AttentionShape& shape, int64_t first, int64_t n) {
  auto mask = torch::ones({shape.heads, n, n});
  for (int64_t h = 0; h < shape.heads; ++h) {
    for (int64_t i = 0; i < n; ++i) {
      kernels::drop_row(shape.dropout, static_cast<uint64_t>((first + i) * shape.heads + h), n,
                        mask.data_ptr<float>() + (h * n + i) * n);
    }
  }
  return mask;
}

class PackedAttention : public torch::autograd::Function<PackedAttention> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& qkv,
                               const AttentionShape& shape) {
    auto out = torch::empty({qkv.size(0), Widths(qkv.size(1), shape).queries},
                            qkv.options().requires_grad(false));
    torch::Tensor log_sums;
    if (qkv.requires_grad()) {
      log_sums = torch::empty({qkv.size(0), shape.heads}, torch::dtype(torch::kFloat));
    }
    const auto dense = qkv.contiguous();
    attention_forward(dense, shape, out, log_sums);
    keep(context, shape);
    context->save_for_backward({dense, out, log_sums});
    return out;
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    return {attention_backward(saved[0], kept<AttentionShape>(context), saved[1], saved[2],
                               gradients[0].contiguous()),
            torch::Tensor()};
  }
};

}  // namespace

void KeysValues::append(const torch::Tensor& more_keys, const torch::Tensor& more_values) {
  append_rows(keys, length, more_keys);
  append_rows(values, length, more_values);
  length += more_keys.size(0);
}

KeysValues KeysValues::copy() const {
  return {keys.defined() ? keys.clone() : keys, values.defined() ? values.clone() : values, length};
}

void attention_forward(const torch::Tensor& qkv, const AttentionShape& shape, torch::Tensor& out,
                       const torch::Tensor& log_sums) {
  const Widths w(qkv.size(1), shape);
  float* sums = log_sums.defined() ? log_sums.data_ptr<float>() : nullptr;
  with_element(qkv.scalar_type(), [&](auto type) {
    const auto* from = data_of(qkv, type);
    auto* to = data_of(out, type);
    for_heads(shape.offsets, shape.heads, [&](size_t s, int64_t head) {
      const int64_t begin = shape.offsets[s];
      kernels::attention_forward(
          head_of(from, w, shape, s, head), to + begin * w.queries + head * w.head, w.queries,
          sums == nullptr ? nullptr : sums + begin * shape.heads + head, shape.heads);
    });
  });
}

torch::Tensor attention_backward(const torch::Tensor& qkv, const AttentionShape& shape,
                                 const torch::Tensor& out, const torch::Tensor& log_sums,
                                 const torch::Tensor& d_out) {
  const Widths w(qkv.size(1), shape);
  auto d_qkv = torch::empty({d_out.size(0), qkv.size(1)}, qkv.options());
  const std::vector<int64_t> begins = begins_of(shape);
  with_element(qkv.scalar_type(), [&](auto type) {
    const auto *from = data_of(qkv, type), *mixed = data_of(out, type);
    const auto* given = data_of(d_out, type);
    auto* to = data_of(d_qkv, type);
    const float* sums = log_sums.data_ptr<float>();
    // A task is a head of keys with all heads of queries that read it: one writer for its gradient.
    for_heads(shape.offsets, shape.key_heads, [&](size_t s, int64_t key_head) {
      const int64_t begin = begins[s], head = key_head * w.group;
      const int64_t narrow = begin * w.queries + head * w.head;
      auto* row = to + begin * w.row;
      auto* keys = row + w.queries + key_head * w.head;
      auto task = head_of(from, w, shape, s, head);
      task.group = w.group;
      task.first = shape.fixed.empty() ? 0 : shape.fixed[s];
      kernels::attention_backward(task, kernels::AttentionGradient<decltype(type)>{
                                            .out = mixed + narrow,
                                            .d_out = given + narrow,
                                            .out_stride = w.queries,
                                            .log_sums = sums + begin * shape.heads + head,
                                            .log_stride = shape.heads,
                                            .d_q = row + head * w.head,
                                            .d_k = keys,
                                            .d_v = keys + w.keys,
                                            .d_stride = w.row,
                                            .d_kv_stride = w.row});
    });
  });
  return d_qkv;
}

torch::Tensor attention(const torch::Tensor& qkv, const AttentionShape& shape) {
  if (attention_cuda_serves(qkv, shape)) return attention_cuda(qkv, shape);
  if (!qkv.device().is_cpu()) return attention_plain(qkv, shape);
  return PackedAttention::apply(qkv, shape);
}

torch::Tensor attention_cached(const torch::Tensor& qkv, const AttentionShape& shape,
                               std::span<KeysValues* const> caches) {
  const Widths w(qkv.size(1), shape);
  const bool on_processor = qkv.device().is_cpu();
  auto out = torch::empty({qkv.size(0), w.queries}, qkv.options());
  for (size_t s = 0; s < caches.size(); ++s) {
    const int64_t begin = shape.offsets[s], n = shape.offsets[s + 1] - begin;
    const auto rows = qkv.narrow(0, begin, n);
    caches[s]->append(rows.narrow(1, w.queries, w.keys),
                      rows.narrow(1, w.queries + w.keys, w.keys));
    if (!on_processor) {
      out.narrow(0, begin, n)
          .copy_(attend_plain(rows.narrow(1, 0, w.queries), *caches[s], w, shape));
    }
  }
  if (!on_processor) return out;
  with_element(qkv.scalar_type(), [&](auto type) {
    const auto* from = data_of(qkv, type);
    auto* to = data_of(out, type);
    for_heads(shape.offsets, shape.heads, [&](size_t s, int64_t head) {
      const int64_t begin = shape.offsets[s], key_offset = head / w.group * w.head;
      auto task = head_of(from, w, shape, s, head);
      task.k = data_of(caches[s]->keys, type) + key_offset;
      task.v = data_of(caches[s]->values, type) + key_offset;
      task.kv_stride = w.keys;
      task.keys = caches[s]->length;
      kernels::attention_forward(task, to + begin * w.queries + head * w.head, w.queries, nullptr,
                                 0);
    });
  });
  return out;
}

namespace {

// Sequences `first` .. `last` - 1 are behind the same prefix.
struct Group {
  size_t first, last;
};

std::vector<Group> groups_of(std::span<const KeysValues* const> prefixes) {
  std::vector<Group> groups;
  for (size_t s = 0; s < prefixes.size(); ++s) {
    if (s == 0 || prefixes[s] != prefixes[s - 1]) groups.push_back({s, s});
    groups.back().last = s + 1;
  }
  return groups;
}

// What the prefixes alone give to the queries behind them; `log_sums` as attention_forward.
torch::Tensor attend_prefixes(const torch::Tensor& qkv, const AttentionShape& shape,
                              std::span<const KeysValues* const> prefixes,
                              torch::Tensor& log_sums) {
  const Widths w(qkv.size(1), shape);
  const std::vector<Group> groups = groups_of(prefixes);
  AttentionShape grouped = shape;
  grouped.offsets = {0};
  for (const Group& group : groups) grouped.offsets.push_back(shape.offsets[group.last]);
  auto out = torch::empty({qkv.size(0), w.queries}, qkv.options());
  with_element(qkv.scalar_type(), [&](auto type) {
    const auto* from = data_of(qkv, type);
    auto* to = data_of(out, type);
    float* sums = log_sums.data_ptr<float>();
    for_heads(grouped.offsets, shape.heads, [&](size_t g, int64_t head) {
      const KeysValues& prefix = *prefixes[groups[g].first];
      const int64_t begin = grouped.offsets[g], key_offset = head / w.group * w.head;
      auto task = head_of(from, w, grouped, g, head);
      task.k = data_of(prefix.keys, type) + key_offset;
      task.v = data_of(prefix.values, type) + key_offset;
      task.kv_stride = w.keys;
      task.keys = prefix.length;
      task.causal = false;
      kernels::attention_forward(task, to + begin * w.queries + head * w.head, w.queries,
                                 sums + begin * shape.heads + head, shape.heads);
    });
  });
  return out;
}

// The same by ATen, one sequence after another.
torch::Tensor attend_behind_plain(const torch::Tensor& qkv, const AttentionShape& shape,
                                  std::span<const KeysValues* const> prefixes) {
  const Widths w(qkv.size(1), shape);
  std::vector<torch::Tensor> outputs;
  for (size_t s = 0; s < prefixes.size(); ++s) {
    const KeysValues& prefix = *prefixes[s];
    const auto rows = qkv.narrow(0, shape.offsets[s], shape.offsets[s + 1] - shape.offsets[s]);
    KeysValues all{
        torch::cat({prefix.keys.narrow(0, 0, prefix.length), rows.narrow(1, w.queries, w.keys)}),
        torch::cat({prefix.values.narrow(0, 0, prefix.length),
                    rows.narrow(1, w.queries + w.keys, w.keys)}),
        prefix.length + rows.size(0)};
    outputs.push_back(attend_plain(rows.narrow(1, 0, w.queries), all, w, shape));
  }
  return torch::cat(outputs);
}

}  // namespace

torch::Tensor attention_behind(const torch::Tensor& qkv, const AttentionShape& shape,
                               std::span<const KeysValues* const> prefixes) {
  if (!qkv.device().is_cpu()) return attend_behind_plain(qkv, shape, prefixes);
  const Widths w(qkv.size(1), shape);
  const auto floats = torch::dtype(torch::kFloat);
  auto before_sums = torch::empty({qkv.size(0), shape.heads}, floats);
  auto own_sums = torch::empty({qkv.size(0), shape.heads}, floats);
  auto own = torch::empty({qkv.size(0), w.queries}, qkv.options());
  const auto before = attend_prefixes(qkv, shape, prefixes, before_sums);
  attention_forward(qkv, shape, own, own_sums);
  // Two softmaxes over parts of the keys, weighed by their sums, are the softmax over all.
  const auto heads = [&](const torch::Tensor& rows) {  // [T, H d] -> [H, T, d]
    return by_head(rows.to(torch::kFloat), shape.heads);
  };
  const auto share = torch::sigmoid(before_sums - own_sums).transpose(0, 1).unsqueeze(2);
  return torch::lerp(heads(own), heads(before), share)
      .transpose(0, 1)
      .reshape({qkv.size(0), w.queries})
      .to(qkv.scalar_type());
}

torch::Tensor dropped(const torch::Tensor& x, const Dropout& dropout,
                      std::span<const int64_t> rows) {
  if (!dropout.active()) return x;
  if (!x.device().is_cpu()) return torch::dropout(x, dropout.probability, true);
  auto mask = torch::ones(x.sizes(), torch::kFloat);
  const int64_t count = x.size(0), columns = count > 0 ? x.numel() / count : 0;
  check(rows.empty() || static_cast<int64_t>(rows.size()) == count, "a row of the mask for each");
  float* data = mask.data_ptr<float>();
  at::parallel_for(
      0, count, row_grain(std::max<int64_t>(1, columns)), [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          const int64_t row = rows.empty() ? r : rows[static_cast<size_t>(r)];
          kernels::drop_row(dropout, static_cast<uint64_t>(row), columns, data + r * columns);
        }
      });
  return x * mask.to(x.scalar_type());
}

torch::Tensor attention_plain(const torch::Tensor& qkv, const AttentionShape& shape) {
  const Widths w(qkv.size(1), shape);
  std::vector<torch::Tensor> outputs;
  for (size_t s = 0; s + 1 < shape.offsets.size(); ++s) {
    const int64_t begin = shape.offsets[s], n = shape.offsets[s + 1] - begin;
    if (n == 0) continue;
    const auto rows = qkv.narrow(0, begin, n);
    const auto read = [&](int64_t first) {  // [H, n, d]
      return by_head(rows.narrow(1, first, w.keys), shape.key_heads, w.group);
    };
    const auto queries = by_head(rows.narrow(1, 0, w.queries), shape.heads);
    const auto keys = read(w.queries), values = read(w.queries + w.keys);
    auto weights = probabilities(queries, keys, shape).to(qkv.scalar_type());
    if (shape.dropout.active()) {
      weights =
          qkv.device().is_cpu()
              ? weights * attention_mask(shape, shape.mask_row(s), n).to(weights.scalar_type())
              : torch::dropout(weights, shape.dropout.probability, true);
    }
    outputs.push_back(torch::matmul(weights, values).transpose(0, 1).reshape({n, w.queries}));
  }
  return outputs.empty() ? qkv.narrow(1, 0, w.queries) : torch::cat(outputs);
}

}  // namespace kindred::lm
