#include "lm/low_rank.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "lm/element.h"
#include "lm/kernels.h"
#include "lm/linear.h"

namespace kindred::lm {

torch::Tensor dropped_rows(const torch::Tensor& x, const Dropout& dropout,
                           const torch::Tensor& drawn) {
  if (!dropout.active()) return x;
  auto result = x.to(torch::kFloat, false, true);
  const int64_t columns = x.size(1);
  const kernels::RowsDropout rows{dropout,
                                  drawn.defined() ? drawn.const_data_ptr<int64_t>() : nullptr, 0};
  float* data = result.data_ptr<float>();
  at::parallel_for(0, x.size(0), row_grain(columns), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      kernels::drop_row(dropout, rows.row(r), columns, data + r * columns);
    }
  });
  return result.to(x.scalar_type());
}

Additions::Additions(const Linear& layer, torch::ScalarType compute, const PassDropout& dropout,
                     size_t first)
    : first_(first) {
  for (const Linear::Addition& addition : layer.additions()) {
    const LowRank& given = *addition.low_rank;
    all_.push_back({addition.begin, given.b.size(0), given.a.detach().to(compute),
                    given.b.detach().to(compute), given.scale,
                    dropout.of_adapter(given.place, given.dropout), given.requires_grad()});
  }
}

bool Additions::trains() const {
  return std::ranges::any_of(all_, [](const One& one) { return one.trains; });
}

void Additions::forward(const torch::Tensor& x, torch::Tensor& y,
                        const torch::Tensor& drawn) const {
  for (const One& one : all_) {
    const auto inner = product_transposed(dropped_rows(x, one.dropout, drawn), one.a);
    y.narrow(1, one.begin, one.out).add_(product_transposed(inner, one.b), one.scale);
  }
}

void Additions::backward(const torch::Tensor& x, const torch::Tensor& d_y, torch::Tensor& d_x,
                         const torch::Tensor& drawn, std::vector<torch::Tensor>& gradients) const {
  for (size_t i = 0; i < all_.size(); ++i) {
    const One& one = all_[i];
    if (!one.trains && !d_x.defined()) continue;
    const auto d_out = d_y.narrow(1, one.begin, one.out);
    const auto d_inner = at::mm(d_out, one.b).mul_(one.scale);
    if (one.trains) {
      const auto input = dropped_rows(x, one.dropout, drawn);
      const auto inner = product_transposed(input, one.a).mul_(one.scale);
      gradients[first_ + 2 * i] = at::mm(d_inner.t(), input).to(torch::kFloat);
      gradients[first_ + 2 * i + 1] = at::mm(d_out.t(), inner).to(torch::kFloat);
    }
    if (d_x.defined()) d_x.add_(dropped_rows(at::mm(d_inner, one.a), one.dropout, drawn));
  }
}

}  // namespace kindred::lm
