#pragma once
// Sparse item-to-item weights, and the recommender that sums the weights of a person's items.

#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "cf/history.h"
#include "model/method.h"

namespace kindred::cf {

/// Row i holds the weights W[i, j] that item i of a history gives to items j.
struct ItemWeights {
  data::Csr targets;          ///< rows = history items, columns = scored items, ascending
  std::vector<float> values;  ///< [nnz]
};

/// One row's entries, or one column's: (item, weight).
using WeightedItems = std::vector<std::pair<Index, float>>;

/// Weights whose *rows* are given (each sorted here by item).
ItemWeights weights_from_rows(std::vector<WeightedItems> rows);
/// Weights whose *columns* are given: columns[j] holds (i, W[i, j]).
ItemWeights weights_from_columns(const std::vector<WeightedItems>& columns);

/// The k largest weights, larger first, among equals the smaller item; k = 0 keeps all.
void keep_largest(WeightedItems& items, int64_t k);

/// How two items meet in people's histories, an item at a time: never an N x N matrix.
/// Thread-compatible: one a thread. `user_weights` [U] may be empty (all 1).
class CooccurrenceRow {
 public:
  CooccurrenceRow(const data::Csr& users, const data::Csr& items,
                  std::span<const double> user_weights);
  /// sum_u w_u x_ui x_uj for every item j that meets item i (i itself included), in no order.
  std::span<const Index> compute(Index item);
  double operator[](Index other) const { return sums_[static_cast<size_t>(other)]; }

 private:
  const data::Csr& users_;
  const data::Csr& items_;
  std::span<const double> user_weights_;
  std::vector<double> sums_;
  std::vector<Index> met_;
};

/// Calls `work(begin, end)` over blocks of items from several threads, with progress, stopping
/// between blocks when asked. `work` must depend on nothing but its range.
void for_item_blocks(Index items, const std::string& label, const std::stop_token& stop,
                     const std::function<void(Index begin, Index end)>& work);

/// Score of item j:  sum over the history's items i of W[i, j].
class ItemItemRecommender : public HistoryRecommender {
 public:
  model::Capabilities capabilities() const override { return {.scores = true, .scores_all = true}; }
  void score_all(std::span<const model::Query> queries, torch::Tensor& out) override;
  Json save(const std::filesystem::path& folder) const override;

  const ItemWeights& weights() const { return weights_; }
  model::NamedTensors state() const;
  void put(const model::NamedTensors& state, const std::string& where);

 protected:
  ItemItemRecommender() = default;
  explicit ItemItemRecommender(const data::Dataset& dataset);
  /// Reads what save wrote. Throws `missing` or `bad_data`.
  void read(const model::SavedModel& saved);

  ItemWeights weights_;
};

}  // namespace kindred::cf
