#include "cf/history.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cstring>

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

constexpr const char* popularity_name = "items.interactions";

template <class T>
torch::Tensor as_tensor(const std::vector<T>& values, torch::ScalarType type) {
  torch::Tensor tensor = torch::empty({static_cast<int64_t>(values.size())}, type);
  if (!values.empty()) std::memcpy(tensor.data_ptr(), values.data(), values.size() * sizeof(T));
  return tensor;
}

template <class T>
std::vector<T> read_vector(const model::NamedTensors& tensors, const std::string& name,
                           torch::ScalarType type, const std::string& where) {
  constexpr std::array<int64_t, 1> any{-1};
  const torch::Tensor tensor = model::find_tensor(tensors, name, any, where);
  if (tensor.scalar_type() != type)
    throw Error(Exit::bad_data, where,
                cat("tensor '", name, "': got type ", c10::toString(tensor.scalar_type()),
                    ", expected ", c10::toString(type)));
  const auto* values = tensor.data_ptr<T>();
  return {values, values + tensor.numel()};
}

}  // namespace

data::Csr transposed(const data::Csr& users, Index items) {
  std::vector<Index> rows(users.columns.size());
  for (int64_t u = 0; u < users.rows(); ++u)
    std::fill(rows.begin() + users.offsets[u], rows.begin() + users.offsets[u + 1],
              static_cast<Index>(u));
  return distinct_rows(users.columns, rows, items);
}

model::NamedTensors csr_tensors(const std::string& name, const data::Csr& rows) {
  return {{name + ".offsets", as_tensor(rows.offsets, torch::kInt64)},
          {name + ".items", as_tensor(rows.columns, torch::kInt32)}};
}

data::Csr read_csr(const model::NamedTensors& tensors, const std::string& name, Index items,
                   int64_t count, const std::string& where) {
  data::Csr rows;
  rows.offsets = read_vector<int64_t>(tensors, name + ".offsets", torch::kInt64, where);
  rows.columns = read_vector<Index>(tensors, name + ".items", torch::kInt32, where);
  const bool whole = !rows.offsets.empty() && rows.offsets.front() == 0 &&
                     rows.offsets.back() == rows.nnz() && (count < 0 || rows.rows() == count) &&
                     std::is_sorted(rows.offsets.begin(), rows.offsets.end());
  const auto outside = [items](Index item) { return item < 0 || item >= items; };
  if (!whole || std::any_of(rows.columns.begin(), rows.columns.end(), outside))
    throw Error(Exit::bad_data, where,
                cat("'", name, "': offsets and items do not fit together, expected ",
                    count < 0 ? "" : cat(count, " "), "rows of items below ", items));
  return rows;
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
  return {{popularity_name, as_tensor(popularity_, torch::kInt32)}};
}

void HistoryRecommender::read_popularity(const model::NamedTensors& tensors,
                                         const model::SavedModel& saved, const std::string& where) {
  const Index items = saved.items->size();
  const bool saved_before = std::ranges::any_of(
      tensors, [](const auto& tensor) { return tensor.first == "users.offsets"; });
  if (saved_before) {
    count_popularity(read_csr(tensors, "users", items, saved.users->size(), where), items);
    return;
  }
  popularity_ = read_vector<int32_t>(tensors, popularity_name, torch::kInt32, where);
  if (static_cast<Index>(popularity_.size()) != items)
    throw Error(Exit::bad_data, where,
                cat("tensor '", popularity_name, "': got ", popularity_.size(), " items, expected ",
                    items));
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
