#include "lm/relative_bias.h"

#include <cmath>
#include <limits>

namespace kindred::lm {

torch::Tensor RelativeBuckets::of(const torch::Tensor& distances) const {
  const int64_t side = both_ways ? buckets / 2 : buckets, exact = side / 2;
  const auto away = both_ways ? distances.abs() : (-distances).clamp_min(0);
  // In fp32 and by ATen's logarithm, as `transformers` does it: a distance on the border of two
  // buckets must fall as it does there.
  const double range = std::log(static_cast<double>(max_distance) / static_cast<double>(exact));
  const auto far =
      (torch::log(away.to(torch::kFloat) / exact) / range * (side - exact)).to(torch::kInt64) +
      exact;
  const auto bucket = torch::where(away.lt(exact), away, far.clamp_max(side - 1));
  return both_ways ? bucket + distances.gt(0).to(torch::kInt64) * side : bucket;
}

torch::Tensor relative_bias(const torch::Tensor& table, const RelativeBuckets& how, int64_t first,
                            int64_t n, int64_t m) {
  const auto whole = torch::dtype(torch::kInt64);
  // One number a distance, then the matrix picks among them: distances -(first + n - 1) .. m - 1.
  const int64_t nearest = first + n - 1;
  const auto distances = torch::arange(-nearest, m, whole);
  const auto by_distance =
      table.to(torch::kFloat).index_select(0, how.of(distances).to(table.device()));
  const auto distance =
      torch::arange(m, whole).unsqueeze(0) - torch::arange(first, first + n, whole).unsqueeze(1);
  auto bias = by_distance.index_select(0, (distance + nearest).reshape({-1}).to(table.device()))
                  .view({n, m, table.size(1)})
                  .permute({2, 0, 1});
  if (how.both_ways) return bias;
  return bias.masked_fill(distance.gt(0).to(table.device()),
                          -std::numeric_limits<float>::infinity());
}

}  // namespace kindred::lm
