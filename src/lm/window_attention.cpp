#include "lm/window_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "lm/by_head.h"

namespace kindred::lm {
namespace {

// Queries handled together: at least the window, so that at most half of the scores are masked.
constexpr int64_t kLeastBlock = 32;

// Scores [H, n, m], some masked -> mixed values [n, H d].
torch::Tensor mix(const torch::Tensor& scores, const torch::Tensor& values, double dropout) {
  auto weights = torch::softmax(scores.to(torch::kFloat), -1).to(values.scalar_type());
  if (dropout > 0) weights = torch::dropout(weights, dropout, true);
  const auto mixed = torch::matmul(weights, values).transpose(0, 1);
  return mixed.reshape({mixed.size(0), -1});
}

// One sequence: its projections by head [H, n, d] and its global tokens, counted from its start.
struct Sequence {
  torch::Tensor queries, keys, values;
  torch::Tensor global;     // [g] int64
  torch::Tensor is_global;  // [n] bool
  int64_t length;
};

// Queries [begin, end) of a sequence against the global tokens and their neighbours.
torch::Tensor mix_block(const Sequence& s, const WindowShape& shape, int64_t begin, int64_t end) {
  const int64_t first = std::max<int64_t>(0, begin - shape.window);
  const int64_t last = std::min(s.length, end + shape.window);
  const auto keys =
      torch::cat({s.keys.index_select(1, s.global), s.keys.narrow(1, first, last - first)}, 1);
  const auto values =
      torch::cat({s.values.index_select(1, s.global), s.values.narrow(1, first, last - first)}, 1);
  const auto scores =
      torch::matmul(s.queries.narrow(1, begin, end - begin), keys.transpose(1, 2)) * shape.scale;
  const auto on = torch::dtype(torch::kInt64).device(keys.device());
  const auto distance = torch::arange(begin, end, on).unsqueeze(1) - torch::arange(first, last, on);
  // Global tokens are in front already, once.
  const auto far = (distance.abs() > shape.window)
                       .logical_or(s.is_global.narrow(0, first, last - first).unsqueeze(0));
  const auto near = torch::zeros({end - begin, s.global.size(0)}, far.options());
  const auto mask = torch::cat({near, far}, 1);
  return mix(scores.masked_fill(mask, -std::numeric_limits<float>::infinity()), values,
             shape.dropout);
}

torch::Tensor mix_windows(const Sequence& s, const WindowShape& shape) {
  const int64_t size = std::max(kLeastBlock, shape.window);
  std::vector<torch::Tensor> blocks;
  for (int64_t begin = 0; begin < s.length; begin += size) {
    blocks.push_back(mix_block(s, shape, begin, std::min(s.length, begin + size)));
  }
  return blocks.size() == 1 ? blocks[0] : torch::cat(blocks);
}

}  // namespace

torch::Tensor window_attention(const torch::Tensor& qkv, const WindowShape& shape,
                               const GlobalProjections& global) {
  const int64_t d = qkv.size(1) / 3;
  const auto device = qkv.device();
  std::vector<torch::Tensor> outputs;
  int64_t used = 0;
  for (size_t i = 0; i + 1 < shape.offsets.size(); ++i) {
    const int64_t begin = shape.offsets[i], n = shape.offsets[i + 1] - begin;
    if (n == 0) continue;
    std::vector<int64_t> here;
    for (auto at = static_cast<size_t>(used);
         at < shape.global.size() && shape.global[at] < begin + n; ++at) {
      here.push_back(shape.global[at] - begin);
    }
    const auto g = static_cast<int64_t>(here.size());
    const auto rows = qkv.narrow(0, begin, n);
    Sequence s{by_head(rows.narrow(1, 0, d), shape.heads),
               by_head(rows.narrow(1, d, d), shape.heads),
               by_head(rows.narrow(1, 2 * d, d), shape.heads),
               torch::tensor(here, torch::kInt64).to(device),
               {},
               n};
    s.is_global = torch::zeros({n}, torch::dtype(torch::kBool).device(device));
    if (g > 0) s.is_global.index_fill_(0, s.global, true);
    auto mixed = mix_windows(s, shape);
    if (g > 0) {
      const auto queries = by_head(global.queries.narrow(0, used, g), shape.heads);
      const auto all = global.keys_values.narrow(0, begin, n);
      const auto keys = by_head(all.narrow(1, 0, d), shape.heads);
      const auto values = by_head(all.narrow(1, d, d), shape.heads);
      const auto scores = torch::matmul(queries, keys.transpose(1, 2)) * shape.scale;
      mixed = mixed.index_copy(0, s.global, mix(scores, values, shape.dropout));
    }
    used += g;
    outputs.push_back(mixed);
  }
  return outputs.empty() ? qkv.narrow(1, 0, d) : torch::cat(outputs);
}

std::vector<int64_t> global_tokens(const std::vector<int64_t>& offsets, const torch::Tensor& mask) {
  std::vector<int64_t> places;
  if (!mask.defined()) {
    for (size_t i = 0; i + 1 < offsets.size(); ++i) {
      if (offsets[i + 1] > offsets[i]) places.push_back(offsets[i]);
    }
    return places;
  }
  check(mask.dim() == 1 && mask.size(0) == offsets.back(), "one mark for each token");
  const auto found = mask.to(torch::kCPU).nonzero().flatten().contiguous();
  const int64_t* data = found.const_data_ptr<int64_t>();
  places.assign(data, data + found.numel());
  return places;
}

}  // namespace kindred::lm
