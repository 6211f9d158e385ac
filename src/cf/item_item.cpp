#include "cf/item_item.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>

#include "core/progress.h"
#include "data/histories.h"

namespace kindred::cf {
namespace {

constexpr Index block_items = 512;

}  // namespace

ItemWeights weights_from_rows(std::vector<WeightedItems> rows) {
  ItemWeights weights;
  for (WeightedItems& row : rows) {
    std::sort(row.begin(), row.end());
    for (const auto& [item, value] : row) {
      weights.targets.columns.push_back(item);
      weights.values.push_back(value);
    }
    weights.targets.offsets.push_back(weights.targets.nnz());
    WeightedItems().swap(row);
  }
  return weights;
}

ItemWeights weights_from_columns(const std::vector<WeightedItems>& columns) {
  std::vector<WeightedItems> rows(columns.size());
  for (size_t j = 0; j < columns.size(); ++j)
    for (const auto& [item, value] : columns[j])
      rows[item].emplace_back(static_cast<Index>(j), value);
  return weights_from_rows(std::move(rows));
}

void keep_largest(WeightedItems& items, int64_t k) {
  const auto larger = [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  };
  if (k <= 0 || static_cast<int64_t>(items.size()) <= k) {
    std::sort(items.begin(), items.end(), larger);
    return;
  }
  std::partial_sort(items.begin(), items.begin() + k, items.end(), larger);
  items.resize(static_cast<size_t>(k));
}

CooccurrenceRow::CooccurrenceRow(const data::Csr& users, const data::Csr& items,
                                 std::span<const double> user_weights)
    : users_(users),
      items_(items),
      user_weights_(user_weights),
      sums_(static_cast<size_t>(items.rows())) {}

std::span<const Index> CooccurrenceRow::compute(Index item) {
  for (const Index other : met_) sums_[other] = 0.0;
  met_.clear();
  for (const Index user : items_.row(item)) {
    const double weight = user_weights_.empty() ? 1.0 : user_weights_[user];
    if (weight == 0.0) continue;
    for (const Index other : users_.row(user)) {
      if (sums_[other] == 0.0) met_.push_back(other);
      sums_[other] += weight;
    }
  }
  return met_;
}

void for_item_blocks(Index items, const std::string& label, const std::stop_token& stop,
                     const std::function<void(Index, Index)>& work) {
  Progress progress(label, static_cast<uint64_t>(items), "items");
  for (Index begin = 0; begin < items; begin += block_items) {
    stop_if_asked(stop, label);
    const Index end = std::min<Index>(items, begin + block_items);
    at::parallel_for(begin, end, 8, [&](int64_t from, int64_t to) {
      work(static_cast<Index>(from), static_cast<Index>(to));
    });
    progress.tick(static_cast<uint64_t>(end - begin));
  }
  progress.finish();
}

ItemItemRecommender::ItemItemRecommender(const data::Dataset& dataset)
    : HistoryRecommender(data::distinct_positives(dataset, std::array{data::Part::train}),
                         dataset.item_count()) {
  weights_.targets.offsets.assign(static_cast<size_t>(dataset.item_count()) + 1, 0);
}

void ItemItemRecommender::score_all(std::span<const model::Query> queries, torch::Tensor& out) {
  const auto& [targets, values] = weights_;
  sum_rows(queries, out, [&](Index item, float* row) {
    for (int64_t k = targets.offsets[item]; k < targets.offsets[item + 1]; ++k)
      row[targets.columns[k]] += values[k];
  });
}

model::NamedTensors ItemItemRecommender::state() const {
  model::NamedTensors tensors = csr_tensors("weights", weights_.targets);
  // A view: it lives only until the file is written.
  auto* values = const_cast<float*>(weights_.values.data());
  tensors.emplace_back("weights.values", torch::from_blob(values, {weights_.targets.nnz()}));
  return tensors;
}

void ItemItemRecommender::put(const model::NamedTensors& state, const std::string& where) {
  const auto items = static_cast<Index>(item_count());
  ItemWeights weights;
  weights.targets = read_csr(state, "weights", items, items, where);
  const std::array<int64_t, 1> shape{weights.targets.nnz()};
  const auto values = model::find_tensor(state, "weights.values", shape, where);
  const auto* first = values.data_ptr<float>();
  weights.values.assign(first, first + values.numel());
  weights_ = std::move(weights);
}

Json ItemItemRecommender::save(const std::filesystem::path& folder) const {
  model::NamedTensors tensors = popularity_tensors();
  for (auto& tensor : state()) tensors.push_back(std::move(tensor));
  model::save_tensors(folder / "model.safetensors", tensors);
  return {{"name", name()}};
}

void ItemItemRecommender::read(const model::SavedModel& saved) {
  const std::string where = (saved.folder / "model.safetensors").string();
  const auto tensors = model::load_tensors(where);
  read_popularity(tensors, saved, where);
  put(tensors, where);
}

}  // namespace kindred::cf
