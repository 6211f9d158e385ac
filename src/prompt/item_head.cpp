#include "prompt/item_head.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "core/error.h"

namespace kindred::prompt {
namespace {

// Logits held at a time: 4 Mi floats stay near the cache and bound the memory for any catalogue.
constexpr int64_t logits_at_a_time = int64_t{1} << 22;

// One block of rows: adds its loss to `loss`, and where gradients are wanted its part of both.
struct FullSoftmax {
  torch::Tensor hidden, table, rows, items, counts;
  torch::Tensor grad_hidden, grad_table;  // undefined: not wanted

  double block(int64_t begin, int64_t end) {
    const torch::Tensor h = hidden.slice(0, begin, end);
    const torch::Tensor weight = counts.slice(0, begin, end);
    const torch::Tensor chosen =
        begin == 0 && end == hidden.size(0)
            ? torch::Tensor()
            : torch::logical_and(rows.ge(begin), rows.lt(end)).nonzero().squeeze(1);
    const torch::Tensor r = (chosen.defined() ? rows.index_select(0, chosen) : rows) - begin;
    const torch::Tensor t = chosen.defined() ? items.index_select(0, chosen) : items;
    torch::Tensor logits = torch::mm(h, table.t());
    const torch::Tensor normaliser = torch::logsumexp(logits, 1);
    const torch::Tensor hits = logits.index({r, t});
    const double loss =
        ((weight * normaliser).sum(torch::kFloat64) - hits.sum(torch::kFloat64)).item<double>();
    if (!grad_hidden.defined()) return loss;
    // d loss / d logits = counts * softmax - targets
    logits.sub_(normaliser.unsqueeze(1)).exp_().mul_(weight.unsqueeze(1));
    logits.index_put_({r, t}, torch::full({r.size(0)}, -1.0f, logits.options()), true);
    grad_hidden.slice(0, begin, end).copy_(torch::mm(logits, table));
    grad_table.addmm_(logits.t(), h);
    return loss;
  }
};

// Makes the gradients while the logits are at hand, so that backward only scales them.
class ItemCrossEntropy : public torch::autograd::Function<ItemCrossEntropy> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context,
                               const torch::Tensor& hidden, const torch::Tensor& table,
                               const ItemTargets& targets, bool gradients) {
    FullSoftmax softmax{hidden, table, targets.rows, targets.items, targets.counts, {}, {}};
    if (gradients) {
      softmax.grad_hidden = torch::empty_like(hidden);
      softmax.grad_table = torch::zeros_like(table);
    }
    const int64_t step =
        std::max<int64_t>(1, logits_at_a_time / std::max<int64_t>(1, table.size(0)));
    double loss = 0;
    for (int64_t begin = 0; begin < hidden.size(0); begin += step) {
      loss += softmax.block(begin, std::min(begin + step, hidden.size(0)));
    }
    if (gradients) context->save_for_backward({softmax.grad_hidden, softmax.grad_table});
    return torch::full({}, loss, hidden.options());
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list outputs) {
    const auto saved = context->get_saved_variables();
    return {saved[0] * outputs[0], saved[1] * outputs[0], {}, {}};
  }
};

}  // namespace

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

torch::Tensor item_cross_entropy_sum(const torch::Tensor& hidden, const torch::Tensor& table,
                                     const ItemTargets& targets) {
  check(hidden.dim() == 2 && table.dim() == 2 && hidden.size(1) == table.size(1),
        "hidden [R, D] and table [N, D]");
  const bool gradients =
      torch::GradMode::is_enabled() && (hidden.requires_grad() || table.requires_grad());
  return ItemCrossEntropy::apply(hidden, table, targets, gradients);
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
