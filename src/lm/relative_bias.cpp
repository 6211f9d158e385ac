#include "lm/relative_bias.h"

#include <cmath>

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

torch::Tensor relative_bias(const torch::Tensor& table, const RelativeBuckets& how,
                            int64_t length) {
  const auto distances = torch::arange(1 - length, length, torch::dtype(torch::kInt64));
  const auto rows = table.index_select(0, how.of(distances).to(table.device()));
  return rows.to(torch::kFloat).t().contiguous();
}

}  // namespace kindred::lm
