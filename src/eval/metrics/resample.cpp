#include "eval/metrics/resample.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
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

// A stratum laid out for the inner loop: one row a user that matters, one column a sum to be taken.
struct Layout {
  int64_t users = 0;
  int64_t columns = 0;                 // metrics, then the weights of uneven ones
  std::vector<int32_t> active;         // users with something to add
  std::vector<double> values;          // [columns, active]
  std::vector<int64_t> weight_column;  // [metrics]; -1 where every weight is 1
};

bool all_ones(const std::vector<double>& weights) {
  return std::ranges::all_of(weights, [](double w) { return w == 1.0; });
}

Layout lay_out(const Stratum& stratum) {
  std::vector<const std::vector<double>*> columns;
  columns.reserve(stratum.differences.size() + stratum.weights.size());
  for (const auto& differences : stratum.differences) columns.push_back(&differences);
  Layout layout;
  for (const auto& weights : stratum.weights) {
    const bool uneven = !all_ones(weights);
    layout.weight_column.push_back(uneven ? static_cast<int64_t>(columns.size()) : -1);
    if (uneven) columns.push_back(&weights);
  }
  layout.users = stratum.users;
  layout.columns = static_cast<int64_t>(columns.size());
  for (int64_t u = 0; u < stratum.users; ++u) {
    if (std::ranges::any_of(columns, [&](const auto* column) { return (*column)[u] != 0; })) {
      layout.active.push_back(static_cast<int32_t>(u));
    }
  }
  for (const auto* column : columns) {
    for (const int32_t u : layout.active) layout.values.push_back((*column)[u]);
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

// Four lanes as one register; a user's counts are four of them.
using Four = double __attribute__((vector_size(32)));
using FourFloats = float __attribute__((vector_size(16)));
constexpr int quads = width / 4;

// sum over active users of count * value for two columns at once (the second may be the first
// again).
void sum_two(const Layout& layout, const Counts& counts, int64_t first, int64_t second,
             Lanes* out) {
  const auto n = static_cast<int64_t>(layout.active.size());
  const double* a = layout.values.data() + first * n;
  const double* b = layout.values.data() + second * n;
  Four sums[2][quads] = {};
  for (int64_t u = 0; u < n; ++u) {
    const float* count = counts.by_user.data() + static_cast<int64_t>(layout.active[u]) * width;
    for (int q = 0; q < quads; ++q) {
      FourFloats narrow;
      std::memcpy(&narrow, count + int64_t{4} * q, sizeof narrow);
      const Four wide = __builtin_convertvector(narrow, Four);
      sums[0][q] += wide * a[u];
      sums[1][q] += wide * b[u];
    }
  }
  std::memcpy(out[first].data(), sums[0], sizeof sums[0]);
  std::memcpy(out[second].data(), sums[1], sizeof sums[1]);
}

std::vector<Lanes> weighted_sums(const Layout& layout, const Counts& counts) {
  std::vector<Lanes> sums(static_cast<size_t>(layout.columns));
  for (int64_t c = 0; c < layout.columns; c += 2) {
    sum_two(layout, counts, c, std::min(c + 1, layout.columns - 1), sums.data());
  }
  return sums;
}

Lanes pooled_statistic(const std::vector<std::shared_ptr<const PooledPair>>& pairs,
                       const Counts& counts) {
  Lanes values{};
  for (const auto& pair : pairs) {
    Lanes one;
    pair->differences(counts.by_user, one);
    for (int b = 0; b < width; ++b) values[b] += one[b] / static_cast<double>(pairs.size());
  }
  return values;
}

// The statistic of every metric in one block of resamples: [metrics].
std::vector<Lanes> statistics(const Stratum& stratum, const Layout& layout, const Counts& counts) {
  std::vector<Lanes> sums = weighted_sums(layout, counts);
  for (size_t m = 0; m < stratum.pooled.size(); ++m) {
    if (!stratum.pooled[m].empty()) {
      sums[m] = pooled_statistic(stratum.pooled[m], counts);
      continue;
    }
    const int64_t column = layout.weight_column[m];
    for (int b = 0; b < width; ++b) {
      const double weight = column < 0 ? static_cast<double>(layout.users) : sums[column][b];
      sums[m][b] = weight > 0 ? sums[m][b] / weight : nan;
    }
  }
  sums.resize(stratum.pooled.size());
  return sums;
}

double observed_in(const Stratum& stratum, size_t metric) {
  if (!stratum.pooled[metric].empty()) {
    double sum = 0;
    for (const auto& pair : stratum.pooled[metric]) sum += pair->difference();
    return sum / static_cast<double>(stratum.pooled[metric].size());
  }
  double difference = 0, weight = 0;
  for (int64_t u = 0; u < stratum.users; ++u) {
    difference += stratum.differences[metric][u];
    weight += stratum.weights[metric][u];
  }
  return weight > 0 ? difference / weight : nan;
}

}  // namespace

PooledPair::PooledPair(const PointwiseRows& rows) {
  for (const data::Index user : rows.user) n_users_ = std::max<int64_t>(n_users_, user + 1);
}

double PooledPair::difference() const {
  const std::vector<float> once(static_cast<size_t>(n_users_) * width, 1.0f);
  Lanes values;
  differences(once, values);
  return values[0];
}

AucPair::AucPair(const PointwiseRows& run, const PointwiseRows& reference)
    : PooledPair(run), run_(sorted(run)), reference_(sorted(reference)) {}

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

EcePair::EcePair(const PointwiseRows& run, const PointwiseRows& reference, int bins)
    : PooledPair(run),
      bins_(bins),
      user_(run.user),
      run_(binned(run)),
      reference_(binned(reference)) {}

EcePair::Binned EcePair::binned(const PointwiseRows& rows) const {
  Binned result;
  for (size_t r = 0; r < rows.user.size(); ++r) {
    result.bin.push_back(probability_bin(rows.score[r], bins_));
    result.gap.push_back(double{rows.label[r]} - double{rows.score[r]});
  }
  return result;
}

void EcePair::errors(const Binned& rows, std::span<const float> counts,
                     std::span<double> out) const {
  std::vector<Lanes> gaps(static_cast<size_t>(bins_));  // summed over the rows of a bin
  Lanes drawn{}, sum{};
  for (size_t r = 0; r < user_.size(); ++r) {
    const float* count = counts.data() + static_cast<size_t>(user_[r]) * width;
    Lanes& gap = gaps[static_cast<size_t>(rows.bin[r])];
    for (int b = 0; b < width; ++b) {
      gap[b] += count[b] * rows.gap[r];
      drawn[b] += count[b];
    }
  }
  for (const Lanes& gap : gaps)
    for (int b = 0; b < width; ++b) sum[b] += std::abs(gap[b]);
  for (int b = 0; b < width; ++b) out[b] = drawn[b] > 0 ? sum[b] / drawn[b] : nan;
}

void EcePair::differences(std::span<const float> counts, std::span<double> out) const {
  Lanes run, reference;
  errors(run_, counts, run);
  errors(reference_, counts, reference);
  for (int b = 0; b < width; ++b) out[b] = run[b] - reference[b];
}

std::vector<double> observed(const PairedRuns& pair) {
  std::vector<double> values(pair.metrics.size(), 0);
  for (size_t m = 0; m < values.size(); ++m) {
    for (const Stratum& stratum : pair.strata) values[m] += observed_in(stratum, m);
    values[m] /= static_cast<double>(pair.strata.size());  // 0/0 without strata: not defined
  }
  return values;
}

namespace {

// All resamples of a family of pairs, filled block by block.
class Resampling {
 public:
  Resampling(std::span<const PairedRuns> pairs, int blocks) : pairs_(pairs) {
    for (const PairedRuns& pair : pairs) {
      auto& row = layouts_.emplace_back();
      for (const Stratum& stratum : pair.strata) {
        check(stratum.users > 0 && stratum.users < INT32_MAX, "a stratum has users");
        row.push_back(lay_out(stratum));
      }
      strata_ = std::max(strata_, pair.strata.size());
      values_.emplace_back(pair.metrics.size(),
                           std::vector<double>(static_cast<size_t>(blocks) * width));
    }
  }

  // Threads may fill different blocks at once.
  void fill(int block, uint64_t seed, Counts& counts) {
    const size_t first = static_cast<size_t>(block) * width;
    for (size_t s = 0; s < strata_; ++s) {
      int64_t drawn = 0;  // users that the counts at hand are for
      for (size_t p = 0; p < pairs_.size(); ++p) {
        if (s >= pairs_[p].strata.size()) continue;
        const int64_t users = pairs_[p].strata[s].users;
        if (users != drawn) counts.draw(seed, s, first, users);
        drawn = users;
        add(p, s, first, counts);
      }
    }
  }

  std::vector<std::vector<std::vector<double>>> take(int resamples) {
    for (auto& pair : values_) {
      for (auto& column : pair) column.resize(static_cast<size_t>(resamples));
    }
    return std::move(values_);
  }

 private:
  void add(size_t p, size_t s, size_t first, const Counts& counts) {
    const std::vector<Lanes> block = statistics(pairs_[p].strata[s], layouts_[p][s], counts);
    const auto strata = static_cast<double>(pairs_[p].strata.size());
    for (size_t m = 0; m < block.size(); ++m) {
      for (int b = 0; b < width; ++b) values_[p][m][first + b] += block[m][b] / strata;
    }
  }

  std::span<const PairedRuns> pairs_;
  std::vector<std::vector<Layout>> layouts_;
  std::vector<std::vector<std::vector<double>>> values_;
  size_t strata_ = 0;
};

}  // namespace

std::vector<std::vector<std::vector<double>>> resampled(std::span<const PairedRuns> pairs,
                                                        int resamples, uint64_t seed, int threads) {
  const int blocks = (resamples + width - 1) / width;
  Resampling resampling(pairs, blocks);
  std::atomic<int> next{0};
  const auto work = [&] {
    Counts counts;
    for (int block = next++; block < blocks; block = next++) resampling.fill(block, seed, counts);
  };
  std::vector<std::jthread> pool;
  for (int t = 1; t < std::min(threads, blocks); ++t) pool.emplace_back(work);
  work();
  pool.clear();  // joins
  return resampling.take(resamples);
}

}  // namespace kindred::eval
