#pragma once
// Bias: a shrunken mean for each item plus each user's mean residual; no interaction of the two.
//
// Paper: the baseline estimates of Koren, "Factor in the Neighbors", TKDD 2010, eq. 1, in their
// decoupled form (item means first, users' residuals second).
// Reference code: none; a reading of CoLLM's ML-1M split shows it above all collaborative models
// there, which is why it is a yardstick.
// Departures: the means shrink towards the global mean (items) and 0 (users) by pseudo-counts.

#include "core/options.h"
#include "model/method.h"

namespace kindred::cf {

struct BiasOptions {
  std::string target = "auto";
  double item_pseudo_counts = 5.0;
  double user_pseudo_counts = 10.0;

  template <class V>
  void visit(V& v) {
    v("target", target,
      "what is averaged: label (0/1), rating, interaction (1 for each interaction and 0 for every "
      "other pair: ranks as pop), or auto: the first of them the data has, ratings that are all "
      "equal counting as none",
      Choices{{"auto", "label", "rating", "interaction"}});
    v("item_pseudo_counts", item_pseudo_counts,
      "interactions at the global mean added to every item's mean", Bounds{0, 1e9});
    v("user_pseudo_counts", user_pseudo_counts,
      "residuals of 0 added to every user's mean residual", Bounds{0, 1e9});
  }
};

/// Score of item i for user u:  b_i + r_u, with
///   b_i = (sum_u y_ui + k_item * mean(y)) / (n_i + k_item),
///   r_u = sum_i (y_ui - b_i) / (n_u + k_user).
/// Somebody never seen in training has r_u = 0: a history says what was liked, not by how much.
class Bias final : public model::Recommender {
 public:
  /// Throws `config` where the data lacks the target asked for.
  Bias(const BiasOptions& options, const data::Dataset& dataset);
  /// Reads what save wrote. Throws `missing` or `bad_data`.
  explicit Bias(const model::SavedModel& saved);

  void solve(const data::Dataset& dataset, const std::stop_token& stop);
  model::NamedTensors state() const;
  void put(const model::NamedTensors& state, const std::string& where);

  std::string name() const override { return "bias"; }
  model::Capabilities capabilities() const override;
  int64_t item_count() const override { return items_.size(0); }
  void score_all(std::span<const model::Query> queries, torch::Tensor& out) override;
  torch::Tensor user_vectors(std::span<const model::Query> queries,
                             const torch::Tensor& items = {}) override;  ///< r_u [B, 1]
  torch::Tensor item_vectors(const torch::Tensor& ids = {}) override;    ///< b_i [n, 1]
  int64_t user_vector_size() const override { return 1; }
  int64_t item_vector_size() const override { return 1; }
  /// Where 0/1 labels were averaged, a score is a chance but for what lies outside [0, 1].
  torch::Tensor probabilities(const torch::Tensor& scores) const override;
  bool is_cold(model::Index item) const override;
  Json save(const std::filesystem::path& folder) const override;

 private:
  BiasOptions options_;
  torch::Tensor items_;   ///< b_i [N]
  torch::Tensor users_;   ///< r_u [U]
  torch::Tensor counts_;  ///< n_i [N]
  std::string target_;    ///< what was averaged; empty: not known (saved before this was kept)
};

/// Its line of the catalog.
model::CatalogEntry bias_entry();

}  // namespace kindred::cf
