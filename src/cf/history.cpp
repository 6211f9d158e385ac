#include "cf/history.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "core/error.h"
#include "core/strings.h"

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

}  // namespace

data::Csr positives(const data::Dataset& dataset) {
  const data::InteractionTable& train = dataset.part(data::Part::train);
  if (train.label.empty()) return distinct_rows(train.user, train.item, dataset.user_count());
  std::vector<Index> users, items;
  for (size_t row = 0; row < train.user.size(); ++row) {
    if (train.label[row] <= 0.0f) continue;
    users.push_back(train.user[row]);
    items.push_back(train.item[row]);
  }
  return distinct_rows(users, items, dataset.user_count());
}

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

HistoryRecommender::HistoryRecommender(data::Csr users, Index items) {
  set_interactions(std::move(users), items);
}

std::vector<Index> HistoryRecommender::items_of(const model::Query& query) const {
  std::vector<Index> items(query.history);
  if (items.empty() && query.user) {
    check(*query.user >= 0 && *query.user < users_.rows(), "a query's user is known to the model");
    const auto row = users_.row(*query.user);
    return {row.begin(), row.end()};
  }
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  check(items.empty() || (items.front() >= 0 && items.back() < item_count()),
        "a query's history holds items of the model");
  return items;
}

void HistoryRecommender::set_interactions(data::Csr users, Index items) {
  users_ = std::move(users);
  popularity_.assign(static_cast<size_t>(items), 0);
  for (const Index item : users_.columns) ++popularity_[item];
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
