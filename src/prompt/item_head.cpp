#include "prompt/item_head.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "core/error.h"

namespace kindred::prompt {
void ItemTargets::to(torch::Device device) {
  rows = rows.to(device);
  items = items.to(device);
  counts = counts.to(device);
}

void ItemSample::to(torch::Device device) {
  items = items.to(device);
  log_expected = log_expected.to(device);
  hit_rows = hit_rows.to(device);
  hit_columns = hit_columns.to(device);
}

torch::Tensor sampled_item_cross_entropy_sum(const torch::Tensor& hidden, model::Table& table,
                                             const ItemTargets& targets, const ItemSample& sample) {
  const int64_t pairs = targets.items.size(0);
  const torch::Tensor vectors = table.lookup(torch::cat({targets.items, sample.items}));
  const torch::Tensor own = vectors.slice(0, 0, pairs);                            // [P, D]
  const torch::Tensor hits = (hidden.index_select(0, targets.rows) * own).sum(1);  // [P]
  torch::Tensor others = torch::mm(hidden, vectors.slice(0, pairs).t()) -          // [R, S]
                         sample.log_expected.unsqueeze(0);
  if (sample.hit_rows.numel() > 0) {
    torch::Tensor mask = torch::zeros_like(others, torch::kBool);
    mask.index_put_({sample.hit_rows, sample.hit_columns}, torch::tensor(true, mask.options()));
    others = others.masked_fill(mask, -std::numeric_limits<float>::infinity());
  }
  const torch::Tensor top = std::get<0>(others.detach().max(1)).clamp_min(-1e30);
  const torch::Tensor shift = top.scatter_reduce(0, targets.rows, hits.detach(), "amax");  // [R]
  const torch::Tensor sum =
      (others - shift.unsqueeze(1))
          .exp()
          .sum(1)
          .index_add(0, targets.rows, (hits - shift.index_select(0, targets.rows)).exp());
  return (targets.counts * (sum.log() + shift)).sum() - hits.sum();
}

ItemSampler::ItemSampler(const std::vector<double>& weights) {
  double total = 0;
  for (const double weight : weights) {
    check(weight > 0 && std::isfinite(weight), "positive sampling weights");
    total += weight;
  }
  const size_t n = weights.size();
  probability_.resize(n);
  slots_.resize(n);
  std::vector<double> scaled(n), threshold(n, 1.0);
  std::vector<int32_t> small, large;
  for (size_t i = 0; i < n; ++i) {
    probability_[i] = weights[i] / total;
    scaled[i] = probability_[i] * static_cast<double>(n);
    slots_[i].alias = static_cast<int32_t>(i);
    (scaled[i] < 1.0 ? small : large).push_back(static_cast<int32_t>(i));
  }
  while (!small.empty() && !large.empty()) {
    const size_t s = static_cast<size_t>(small.back()), l = static_cast<size_t>(large.back());
    small.pop_back();
    threshold[s] = scaled[s];
    slots_[s].alias = static_cast<int32_t>(l);
    scaled[l] -= 1.0 - scaled[s];
    if (scaled[l] < 1.0) {
      large.pop_back();
      small.push_back(static_cast<int32_t>(l));
    }
  }
  const auto log_q = [&](size_t item) { return static_cast<float>(std::log(probability_[item])); };
  for (size_t i = 0; i < n; ++i) {
    slots_[i].threshold = static_cast<float>(threshold[i]);
    slots_[i].log_own = log_q(i);
    slots_[i].log_alias = log_q(static_cast<size_t>(slots_[i].alias));
  }
}

ItemSample ItemSampler::draw(int64_t size, const ItemTargets& targets, Random& random) const {
  std::unordered_multimap<int64_t, int64_t> rows_of;  // target item -> its rows
  const auto rows = targets.rows.accessor<int64_t, 1>();
  const auto items = targets.items.accessor<int64_t, 1>();
  for (int64_t p = 0; p < rows.size(0); ++p) rows_of.emplace(items[p], rows[p]);
  // Chance first, so that the slots arrive from memory all at once.
  std::vector<std::pair<size_t, float>> chosen(static_cast<size_t>(size));
  for (auto& [slot, share] : chosen) {
    slot = random.below(slots_.size());
    share = static_cast<float>(random.uniform());
    __builtin_prefetch(&slots_[slot]);
  }
  const float log_size = std::log(static_cast<float>(size));
  std::vector<int64_t> drawn, hit_rows, hit_columns;
  std::vector<float> log_expected;
  for (const auto& [number, share] : chosen) {
    const Slot& slot = slots_[number];
    const bool own = share < slot.threshold;
    const int64_t item = own ? static_cast<int64_t>(number) : slot.alias;
    const auto [first, last] = rows_of.equal_range(item);
    for (auto hit = first; hit != last; ++hit) {
      hit_rows.push_back(hit->second);
      hit_columns.push_back(static_cast<int64_t>(drawn.size()));
    }
    drawn.push_back(item);
    log_expected.push_back(log_size + (own ? slot.log_own : slot.log_alias));
  }
  const auto ints = [](const std::vector<int64_t>& v) { return torch::tensor(v, torch::kInt64); };
  return {ints(drawn), torch::tensor(log_expected), ints(hit_rows), ints(hit_columns)};
}

}  // namespace kindred::prompt
