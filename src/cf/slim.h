#pragma once
// SLIM: each item's column of the interactions explained by a few others, learned by regression.
//
// Paper: Ning and Karypis, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", ICDM 2011,
// eq. 3-4.
// Reference code: KarypisLab/SLIM; RecBole `SLIMElastic` (scikit-learn's ElasticNet a column, with
// alpha * l1_ratio * users = l1 and alpha * (1 - l1_ratio) * users = l2 of this file).
// Departures: none in the problem. It is solved on the Gram matrix of the interactions, where a
// coordinate step costs the items that two items share instead of the people, and only over items
// that can leave 0 at all (exact for non-negative weights).

#include "cf/item_item.h"
#include "core/options.h"

namespace kindred::cf {

struct SlimOptions {
  double l1 = 1.0;
  double l2 = 10.0;
  bool non_negative = true;
  int64_t max_iterations = 100;
  double tolerance = 1e-4;

  template <class V>
  void visit(V& v) {
    v("l1", l1, "weight of the absolute weights (lambda of eq. 3): larger, sparser", Bounds{0});
    v("l2", l2, "weight of half the squared weights (beta of eq. 3)", Bounds{0});
    v("non_negative", non_negative, "weights are at least 0, as in the paper");
    v("max_iterations", max_iterations, "sweeps over an item's weights at most", Bounds{1, 1e9});
    v("tolerance", tolerance,
      "a column is solved once no weight of a sweep moved by more than this share of the largest",
      Bounds{0, 1});
  }
};

/// Column j minimises  1/2 |x_j - X w|^2 + l2/2 |w|^2 + l1 |w|_1  with w_j = 0 (and w >= 0).
class Slim final : public ItemItemRecommender {
 public:
  Slim(const SlimOptions& options, const data::Dataset& dataset);
  explicit Slim(const model::SavedModel& saved) { read(saved); }

  /// Throws `config` when the Gram matrix of the interactions would not fit in memory.
  void solve(const data::Dataset& dataset, const std::stop_token& stop);
  std::string name() const override { return "slim"; }

 private:
  SlimOptions options_;
};

/// Its line of the catalog.
model::CatalogEntry slim_entry();

}  // namespace kindred::cf
