#include "cf/history.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/strings.h"
#include "model/csr.h"

namespace kindred::cf {
namespace {

/// Rows of a column list, counted first and filled second; each row sorted, its items once.
data::Csr distinct_rows(std::span<const Index> rows, std::span<const Index> columns,
                        int64_t count) {
  data::Csr table;
  table.offsets.assign(static_cast<size_t>(count) + 1, 0);
  for (const Index row : rows) ++table.offsets[row + 1];
  for (int64_t r = 0; r < count; ++r) table.offsets[r + 1] += table.offsets[r];
  table.columns.resize(rows.size());
  std::vector<int64_t> next(table.offsets.begin(), table.offsets.end() - 1);
  for (size_t k = 0; k < rows.size(); ++k) table.columns[next[rows[k]]++] = columns[k];

  int64_t kept = 0;
  for (int64_t r = 0; r < count; ++r) {
    const auto begin = table.columns.begin() + table.offsets[r];
    const auto end = table.columns.begin() + table.offsets[r + 1];
    std::sort(begin, end);
    const auto last = std::unique(begin, end);
    table.offsets[r] = kept;
    kept = std::move(begin, last, table.columns.begin() + kept) - table.columns.begin();
  }
  table.offsets[count] = kept;
  table.columns.resize(static_cast<size_t>(kept));
  return table;
}

constexpr const char* popularity_name = "items.interactions";

}  // namespace

data::Csr transposed(const data::Csr& users, Index items) {
  std::vector<Index> rows(users.columns.size());
  for (int64_t u = 0; u < users.rows(); ++u)
    std::fill(rows.begin() + users.offsets[u], rows.begin() + users.offsets[u + 1],
              static_cast<Index>(u));
  return distinct_rows(users.columns, rows, items);
}

void stop_if_asked(const std::stop_token& stop, const std::string& where) {
  if (stop.stop_requested())
    throw Error(Exit::interrupted, where, "stopped before the model was solved; run it again");
}

HistoryRecommender::HistoryRecommender(data::Csr users, Index items) : users_(std::move(users)) {
  count_popularity(users_, items);
}

std::vector<Index> HistoryRecommender::items_of(const model::Query& query) const {
  std::vector<Index> items(query.history);
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  check(items.empty() || (items.front() >= 0 && items.back() < item_count()),
        "a query's history holds items of the model");
  return items;
}

void HistoryRecommender::count_popularity(const data::Csr& users, Index items) {
  popularity_.assign(static_cast<size_t>(items), 0);
  for (const Index item : users.columns) ++popularity_[item];
}

model::NamedTensors HistoryRecommender::popularity_tensors() const {
  return {{popularity_name, torch::tensor(popularity_, torch::kInt32)}};
}

void HistoryRecommender::read_popularity(const model::NamedTensors& tensors,
                                         const model::SavedModel& saved, const std::string& where) {
  const Index items = saved.items->size();
  const bool saved_before = std::ranges::any_of(
      tensors, [](const auto& tensor) { return tensor.first == "users.offsets"; });
  if (saved_before) {
    count_popularity(model::read_csr(tensors, "users", items, saved.users->size(), where), items);
    return;
  }
  const std::array<int64_t, 1> shape{items};
  const torch::Tensor counts =
      model::find_tensor(tensors, popularity_name, shape, where).to(torch::kInt32).contiguous();
  popularity_.assign(counts.const_data_ptr<int32_t>(), counts.const_data_ptr<int32_t>() + items);
}

void HistoryRecommender::sum_rows(std::span<const model::Query> queries, torch::Tensor& out,
                                  const std::function<void(Index, float*)>& add) const {
  const int64_t count = static_cast<int64_t>(queries.size()), items = item_count();
  check(out.dim() == 2 && out.size(0) == count && out.size(1) == items,
        "the block of scores is [queries, items]");
  const bool direct = out.is_cpu() && out.is_contiguous() && out.scalar_type() == torch::kFloat32;
  torch::Tensor block = direct ? out : torch::empty({count, items});
  float* scores = block.data_ptr<float>();
  at::parallel_for(0, count, 1, [&](int64_t from, int64_t to) {
    for (int64_t b = from; b < to; ++b) {
      float* row = scores + b * items;
      std::fill(row, row + items, 0.0f);
      for (const Index item : items_of(queries[static_cast<size_t>(b)])) add(item, row);
    }
  });
  if (!direct) out.copy_(block);
}

ItemBags item_bags(std::span<const std::vector<Index>> lists) {
  int64_t total = 0;
  for (const auto& list : lists) total += static_cast<int64_t>(list.size());
  const auto count = static_cast<int64_t>(lists.size());
  ItemBags bags{torch::empty({total}, torch::kInt64), torch::empty({count}, torch::kInt64),
                torch::empty({total}, torch::kInt64)};
  auto* items = bags.items.data_ptr<int64_t>();
  auto* offsets = bags.offsets.data_ptr<int64_t>();
  auto* rows = bags.rows.data_ptr<int64_t>();
  int64_t at = 0;
  for (int64_t b = 0; b < count; ++b) {
    offsets[b] = at;
    for (const Index item : lists[b]) {
      items[at] = item;
      rows[at++] = b;
    }
  }
  return bags;
}

}  // namespace kindred::cf
