#include "eval/metrics/resample.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

#include "core/error.h"
#include "core/random.h"
#include "eval/metrics/row_order.h"

namespace kindred::eval {

namespace {

constexpr int width = resample_width;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
using Lanes = std::array<double, width>;

// A stratum laid out for the inner loop: one row a user that matters, one column a metric.
struct Layout {
  int64_t users = 0;
  int64_t metrics = 0;
  std::vector<int32_t> active;      // users with something to add, or all where an AUC needs them
  std::vector<double> differences;  // [active, metrics]
  std::vector<double> weights;      // [active, metrics]; read for uneven metrics only
  std::vector<uint8_t> uneven;      // [metrics]: weights are not all 1
};

bool all_ones(const std::vector<double>& weights) {
  return std::ranges::all_of(weights, [](double w) { return w == 1.0; });
}

Layout lay_out(const Stratum& stratum) {
  Layout layout;
  layout.users = stratum.users;
  layout.metrics = static_cast<int64_t>(stratum.differences.size());
  for (const auto& weights : stratum.weights) layout.uneven.push_back(all_ones(weights) ? 0 : 1);
  for (int64_t u = 0; u < stratum.users; ++u) {
    bool matters = false;
    for (int64_t m = 0; m < layout.metrics; ++m) {
      matters = matters || stratum.differences[m][u] != 0 ||
                (layout.uneven[m] != 0 && stratum.weights[m][u] != 0);
    }
    if (!matters) continue;
    layout.active.push_back(static_cast<int32_t>(u));
    for (int64_t m = 0; m < layout.metrics; ++m) {
      layout.differences.push_back(stratum.differences[m][u]);
      layout.weights.push_back(stratum.weights[m][u]);
    }
  }
  return layout;
}

// Two draws from each 64 bits: multiply-and-shift with the rejection that makes it unbiased.
void draw_counts(Random& random, uint32_t n, std::span<uint16_t> counts) {
  std::ranges::fill(counts, 0);
  const uint32_t threshold = (0u - n) % n;
  uint32_t drawn = 0;
  while (drawn < n) {
    const uint64_t bits = random();
    for (const uint32_t half : {static_cast<uint32_t>(bits), static_cast<uint32_t>(bits >> 32)}) {
      const uint64_t product = uint64_t{half} * n;
      if (static_cast<uint32_t>(product) < threshold || drawn == n) continue;
      ++counts[product >> 32];
      ++drawn;
    }
  }
}

// Counts of one block of resamples: by_user [users, width].
struct Counts {
  std::vector<uint16_t> drawn;  // [width, users]
  std::vector<float> by_user;

  void draw(uint64_t seed, uint64_t stratum, uint64_t first, int64_t users) {
    const auto n = static_cast<size_t>(users);
    drawn.resize(n * width);
    by_user.resize(n * width);
    for (int b = 0; b < width; ++b) {
      Random random(seed, "bootstrap", {stratum, first + static_cast<uint64_t>(b)});
      draw_counts(random, static_cast<uint32_t>(n), {drawn.data() + b * n, n});
    }
    for (size_t u = 0; u < n; ++u) {
      for (int b = 0; b < width; ++b) by_user[u * width + b] = drawn[b * n + u];
    }
  }
};

// sum over active users of count * value for one column, every lane apart.
Lanes weighted_sums(const Layout& layout, const std::vector<double>& values, int64_t column,
                    const Counts& counts) {
  Lanes sums{};
  for (size_t a = 0; a < layout.active.size(); ++a) {
    const double value = values[a * layout.metrics + column];
    const float* count = counts.by_user.data() + static_cast<size_t>(layout.active[a]) * width;
    for (int b = 0; b < width; ++b) sums[b] += value * count[b];
  }
  return sums;
}

Lanes statistic(const Stratum& stratum, const Layout& layout, int64_t metric,
                const Counts& counts) {
  Lanes values{};
  if (!stratum.auc[metric].empty()) {
    for (const auto& pair : stratum.auc[metric]) {
      Lanes one;
      pair->differences(counts.by_user, one);
      for (int b = 0; b < width; ++b) values[b] += one[b] / stratum.auc[metric].size();
    }
    return values;
  }
  values = weighted_sums(layout, layout.differences, metric, counts);
  if (layout.uneven[metric] == 0) {
    for (double& value : values) value /= static_cast<double>(layout.users);
    return values;
  }
  const Lanes weights = weighted_sums(layout, layout.weights, metric, counts);
  for (int b = 0; b < width; ++b) values[b] = weights[b] > 0 ? values[b] / weights[b] : nan;
  return values;
}

double observed_in(const Stratum& stratum, size_t metric) {
  if (!stratum.auc[metric].empty()) {
    double sum = 0;
    for (const auto& pair : stratum.auc[metric]) sum += pair->difference();
    return sum / static_cast<double>(stratum.auc[metric].size());
  }
  double difference = 0, weight = 0;
  for (int64_t u = 0; u < stratum.users; ++u) {
    difference += stratum.differences[metric][u];
    weight += stratum.weights[metric][u];
  }
  return weight > 0 ? difference / weight : nan;
}

}  // namespace

AucPair::AucPair(const PointwiseRows& run, const PointwiseRows& reference)
    : run_(sorted(run)), reference_(sorted(reference)) {
  for (const data::Index user : run.user) n_users_ = std::max<int64_t>(n_users_, user + 1);
}

AucPair::Sorted AucPair::sorted(const PointwiseRows& rows) {
  Sorted result;
  const std::vector<uint32_t> order = order_by_score(rows.score);
  for_tied_runs(order, rows.score, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      result.user.push_back(static_cast<uint32_t>(rows.user[order[i]]));
      result.positive.push_back(rows.label[order[i]] > 0 ? 1 : 0);
      result.last.push_back(i + 1 == end ? 1 : 0);
    }
  });
  return result;
}

void AucPair::areas(const Sorted& rows, std::span<const float> counts, std::span<double> out) {
  Lanes area{}, positives{}, negatives{}, tied_positives{}, tied_negatives{};
  for (size_t r = 0; r < rows.user.size(); ++r) {
    const float* count = counts.data() + static_cast<size_t>(rows.user[r]) * width;
    Lanes& side = rows.positive[r] != 0 ? tied_positives : tied_negatives;
    for (int b = 0; b < width; ++b) side[b] += count[b];
    if (rows.last[r] == 0) continue;
    for (int b = 0; b < width; ++b) {
      area[b] += tied_negatives[b] * (positives[b] + 0.5 * tied_positives[b]);
      positives[b] += tied_positives[b];
      negatives[b] += tied_negatives[b];
      tied_positives[b] = tied_negatives[b] = 0;
    }
  }
  for (int b = 0; b < width; ++b) {
    const double pairs = positives[b] * negatives[b];
    out[b] = pairs > 0 ? area[b] / pairs : nan;
  }
}

void AucPair::differences(std::span<const float> counts, std::span<double> out) const {
  Lanes run, reference;
  areas(run_, counts, run);
  areas(reference_, counts, reference);
  for (int b = 0; b < width; ++b) out[b] = run[b] - reference[b];
}

double AucPair::difference() const {
  const std::vector<float> once(static_cast<size_t>(n_users_) * width, 1.0f);
  Lanes values;
  differences(once, values);
  return values[0];
}

std::vector<double> observed(const PairedRuns& pair) {
  std::vector<double> values(pair.metrics.size(), 0);
  for (size_t m = 0; m < values.size(); ++m) {
    for (const Stratum& stratum : pair.strata) values[m] += observed_in(stratum, m);
    values[m] /= static_cast<double>(pair.strata.size());  // 0/0 without strata: not defined
  }
  return values;
}

std::vector<std::vector<double>> resampled(const PairedRuns& pair, int resamples, uint64_t seed,
                                           int threads) {
  std::vector<Layout> layouts;
  for (const Stratum& stratum : pair.strata) {
    check(stratum.users > 0 && stratum.users < std::numeric_limits<int32_t>::max(),
          "a stratum has users");
    layouts.push_back(lay_out(stratum));
  }
  const int blocks = (resamples + width - 1) / width;
  std::vector<std::vector<double>> values(
      pair.metrics.size(), std::vector<double>(static_cast<size_t>(blocks) * width, 0));
  std::atomic<int> next{0};
  const auto work = [&] {
    Counts counts;
    for (int block = next++; block < blocks; block = next++) {
      for (size_t s = 0; s < pair.strata.size(); ++s) {
        counts.draw(seed, s, static_cast<uint64_t>(block) * width, pair.strata[s].users);
        for (size_t m = 0; m < values.size(); ++m) {
          const Lanes one = statistic(pair.strata[s], layouts[s], static_cast<int64_t>(m), counts);
          for (int b = 0; b < width; ++b) {
            values[m][static_cast<size_t>(block) * width + b] += one[b] / pair.strata.size();
          }
        }
      }
    }
  };
  std::vector<std::jthread> pool;
  for (int t = 1; t < std::min(threads, blocks); ++t) pool.emplace_back(work);
  work();
  pool.clear();  // joins
  for (auto& column : values) column.resize(static_cast<size_t>(resamples));
  return values;
}

}  // namespace kindred::eval
