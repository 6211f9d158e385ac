#include "eval/metrics/ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace kindred::eval {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double discount(int64_t position) {
  return 1.0 / std::log2(static_cast<double>(position) + 2.0);
}

// discounts[p] and their running sums for the positions met in practice; beyond them they are
// computed.
struct DiscountTable {
  static constexpr int64_t size = 4096;
  std::vector<double> at, sum;  // sum[n]: of the first n

  DiscountTable() : at(size), sum(size + 1, 0.0) {
    for (int64_t p = 0; p < size; ++p) {
      at[p] = discount(p);
      sum[p + 1] = sum[p] + at[p];
    }
  }
  double gain(int64_t position) const {
    return position < size ? at[position] : discount(position);
  }
  double ideal(int64_t n) const {
    double total = sum[std::min(n, size)];
    for (int64_t p = size; p < n; ++p) total += discount(p);
    return total;
  }
};

const DiscountTable& discounts() {
  static const DiscountTable table;
  return table;
}

int64_t hits_within(const Hits& hits, int k) {
  return std::ranges::lower_bound(hits.positions, k) - hits.positions.begin();
}

int64_t reachable(const Hits& hits, int k) {
  return std::min<int64_t>(k, hits.relevant);
}

}  // namespace

double recall_at(const Hits& hits, int k) {
  if (hits.relevant == 0) return nan;
  return static_cast<double>(hits_within(hits, k)) / static_cast<double>(hits.relevant);
}

double truncated_recall_at(const Hits& hits, int k) {
  if (hits.relevant == 0) return nan;
  return static_cast<double>(hits_within(hits, k)) / static_cast<double>(reachable(hits, k));
}

double hit_at(const Hits& hits, int k) {
  if (hits.relevant == 0) return nan;
  return !hits.positions.empty() && hits.positions.front() < k ? 1.0 : 0.0;
}

double ndcg_at(const Hits& hits, int k) {
  if (hits.relevant == 0) return nan;
  const DiscountTable& table = discounts();
  double gain = 0;
  for (const int32_t position : hits.positions) {
    if (position >= k) break;
    gain += table.gain(position);
  }
  return gain / table.ideal(reachable(hits, k));
}

double mrr_at(const Hits& hits, int k) {
  if (hits.relevant == 0) return nan;
  if (hits.positions.empty() || hits.positions.front() >= k) return 0;
  return 1.0 / (1.0 + hits.positions.front());
}

double map_at(const Hits& hits, int k) {
  if (hits.relevant == 0) return nan;
  double sum = 0;
  int64_t found = 0;
  for (const int32_t position : hits.positions) {
    if (position >= k) break;
    sum += static_cast<double>(++found) / (1.0 + position);
  }
  return sum / static_cast<double>(reachable(hits, k));
}

double precision_at(const Hits& hits, int k) {
  if (hits.relevant == 0) return nan;
  return static_cast<double>(hits_within(hits, k)) / k;
}

double ranking_metric(const Metric& metric, const Hits& hits) {
  switch (metric.kind) {
    case MetricKind::recall:
      return recall_at(hits, metric.k);
    case MetricKind::truncated_recall:
      return truncated_recall_at(hits, metric.k);
    case MetricKind::hit:
      return hit_at(hits, metric.k);
    case MetricKind::ndcg:
      return ndcg_at(hits, metric.k);
    case MetricKind::mrr:
      return mrr_at(hits, metric.k);
    case MetricKind::map:
      return map_at(hits, metric.k);
    case MetricKind::precision:
      return precision_at(hits, metric.k);
    default:
      return nan;
  }
}

HitFinder::HitFinder(int64_t n_items) : stamps_(static_cast<size_t>(n_items), 0) {}

uint32_t HitFinder::next_stamp() {
  if (++stamp_ == 0) {  // wrapped: old stamps could be taken for new ones
    std::ranges::fill(stamps_, 0);
    stamp_ = 1;
  }
  return stamp_;
}

Hits HitFinder::find(std::span<const Index> ranked, std::span<const Index> relevant,
                     std::span<const uint8_t> group) {
  const uint32_t stamp = next_stamp();
  const auto slot = [&](Index item) -> uint32_t& {
    check(item >= 0 && static_cast<size_t>(item) < stamps_.size(), "items are in the catalogue");
    return stamps_[static_cast<size_t>(item)];
  };
  Hits hits;
  for (const Index item : relevant) {
    uint32_t& mark = slot(item);
    if (mark == stamp || (!group.empty() && group[static_cast<size_t>(item)] == 0)) continue;
    mark = stamp;
    ++hits.relevant;
  }
  positions_.clear();
  for (size_t p = 0; p < ranked.size(); ++p) {
    uint32_t& mark = slot(ranked[p]);
    if (mark != stamp) continue;
    positions_.push_back(static_cast<int32_t>(p));
    mark = 0;
  }
  hits.positions = positions_;
  return hits;
}

Coverage::Coverage(std::vector<int> cutoffs, int64_t n_items)
    : cutoffs_(std::move(cutoffs)),
      seen_(cutoffs_.size(), std::vector<uint8_t>(static_cast<size_t>(n_items), 0)),
      n_items_(n_items) {}

void Coverage::add(std::span<const Index> ranked) {
  any_ = true;
  for (size_t c = 0; c < cutoffs_.size(); ++c) {
    std::vector<uint8_t>& seen = seen_[c];
    for (const Index item : ranked.first(std::min<size_t>(ranked.size(), cutoffs_[c]))) {
      check(item >= 0 && item < n_items_, "items are in the catalogue");
      seen[static_cast<size_t>(item)] = 1;
    }
  }
}

void Coverage::merge(const Coverage& other) {
  check(cutoffs_ == other.cutoffs_ && n_items_ == other.n_items_, "merged coverages count alike");
  any_ = any_ || other.any_;
  for (size_t c = 0; c < cutoffs_.size(); ++c) {
    for (size_t i = 0; i < seen_[c].size(); ++i) seen_[c][i] |= other.seen_[c][i];
  }
}

double Coverage::at(int k, std::span<const uint8_t> group) const {
  const auto found = std::ranges::find(cutoffs_, k);
  if (!any_ || found == cutoffs_.end()) return nan;
  const std::vector<uint8_t>& seen = seen_[static_cast<size_t>(found - cutoffs_.begin())];
  int64_t covered = 0, size = 0;
  for (size_t i = 0; i < seen.size(); ++i) {
    if (!group.empty() && group[i] == 0) continue;
    ++size;
    covered += seen[i];
  }
  return size == 0 ? nan : static_cast<double>(covered) / static_cast<double>(size);
}

}  // namespace kindred::eval
