#pragma once
// ItemKNN: items alike in who took them; a person's scores are the similarities of their items.
//
// Paper: Deshpande and Karypis, "Item-Based Top-N Recommendation Algorithms", TOIS 2004.
// Reference code: RecBole `ItemKNN` (similarity: cosine, neighbors_of: target, shrinkage) and
// benfred/implicit `ItemItemRecommender` (neighbors_of: history), whose choices are options here.
// Departures: equal similarities at the k-th place are settled by the smaller item number, where
// those two leave it to their partial sort. Shrinkage is added to the denominator.

#include "cf/item_item.h"
#include "core/options.h"

namespace kindred::cf {

struct ItemKnnOptions {
  int64_t neighbors = 100;
  std::string similarity = "cosine";
  double shrinkage = 0.0;
  double alpha = 0.5;
  std::string user_weight = "none";
  std::string neighbors_of = "history";
  bool normalize = false;

  template <class V>
  void visit(V& v) {
    v("neighbors", neighbors, "similar items kept for each item, 0: all of them", Bounds{0, 1e9});
    v("similarity", similarity,
      "cosine c/sqrt(a b), jaccard c/(a+b-c), dice 2c/(a+b), conditional c/(a b^alpha), for items "
      "that a and b people took and c took both",
      Choices{{"cosine", "jaccard", "dice", "conditional"}});
    v("shrinkage", shrinkage, "added to the denominator of the similarity", Bounds{0, 1e9});
    v("alpha", alpha, "how much conditional holds back popular items", Bounds{0, 1});
    v("user_weight", user_weight,
      "none; unit: each person's row has length 1, so that those with many items count less; idf: "
      "log(N / (1 + n_u))",
      Choices{{"none", "unit", "idf"}});
    v("neighbors_of", neighbors_of,
      "whose neighbours are kept: those of a history's item (the paper) or those of a scored item "
      "(RecBole)",
      Choices{{"history", "target"}});
    v("normalize", normalize, "each item's kept similarities are scaled to sum to 1");
  }
};

/// Weights W[i, j] = sim(i, j) for j among the k most similar of i (or i of j), else 0; no
/// diagonal.
class ItemKnn final : public ItemItemRecommender {
 public:
  ItemKnn(const ItemKnnOptions& options, const data::Dataset& dataset);
  explicit ItemKnn(const model::SavedModel& saved) { read(saved); }

  void solve(const data::Dataset& dataset, const std::stop_token& stop);
  std::string name() const override { return "item-knn"; }

 private:
  ItemKnnOptions options_;
};

/// Its line of the catalog.
model::CatalogEntry item_knn_entry();

}  // namespace kindred::cf
