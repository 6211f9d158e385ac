#pragma once
// What the collaborative models on ids know of people: the items they interacted with.

#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "model/method.h"

namespace kindred::cf {

using data::Index;

/// The users of each item, ascending; `items` is the number of rows of the answer.
data::Csr transposed(const data::Csr& users, Index items);

/// Throws `interrupted` naming `where` once a stop was asked for.
void stop_if_asked(const std::stop_token& stop, const std::string& where);

/// A recommender that reads what somebody interacted with, a query's history and nothing else: a
/// person never seen is served as a known one is.
class HistoryRecommender : public model::Recommender {
 public:
  int64_t item_count() const override { return static_cast<int64_t>(popularity_.size()); }
  bool is_cold(Index item) const override { return popularity_.at(static_cast<size_t>(item)) == 0; }

  /// The training interactions by user; without rows in a recommender that was loaded.
  const data::Csr& interactions() const { return users_; }
  /// Training users of each item [N].
  const std::vector<int32_t>& popularity() const { return popularity_; }

  /// The distinct items of a query's history, ascending. Throws `internal` for an item outside the
  /// model.
  std::vector<Index> items_of(const model::Query& query) const;

 protected:
  HistoryRecommender() = default;
  HistoryRecommender(data::Csr users, Index items);

  /// `popularity()` as a tensor to be saved: `items.interactions` [N] int32.
  model::NamedTensors popularity_tensors() const;
  /// Reads it back, or counts it in the histories by user that earlier versions saved. Throws
  /// `bad_data` naming `where`.
  void read_popularity(const model::NamedTensors& tensors, const model::SavedModel& saved,
                       const std::string& where);

  /// Writes into `out` [B, N] float, for each query in parallel, the sum of what `add(item, row)`
  /// adds to a zeroed row [N] for each of the query's items.
  void sum_rows(std::span<const model::Query> queries, torch::Tensor& out,
                const std::function<void(Index item, float* row)>& add) const;

 private:
  void count_popularity(const data::Csr& users, Index items);

  data::Csr users_;
  std::vector<int32_t> popularity_;
};

/// The items of queries as bags: ids of all queries one after another, and where each begins.
struct ItemBags {
  torch::Tensor items;    ///< [nnz] int64
  torch::Tensor offsets;  ///< [B] int64, the start of each bag
  torch::Tensor rows;     ///< [nnz] int64, the bag of each item
};
ItemBags item_bags(std::span<const std::vector<Index>> lists);

}  // namespace kindred::cf
