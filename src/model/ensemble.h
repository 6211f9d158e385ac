#pragma once
// Several recommenders asked together. Legend: M members, B queries, C candidates, N items.

#include <memory>
#include <string>
#include <vector>

#include "model/recommender.h"

namespace kindred::model {

/// What of a member is averaged; scores of different recommenders have no scale in common.
enum class EnsembleScale {
  standardised,   ///< its scores of what was asked, with mean 0 and deviation 1 per query
  probabilities,  ///< its chances of a positive label
  logits,         ///< their log odds, for members surer than others to weigh more
};

/// The weighted mean of its members. Only what is asked is scored: given candidates need no member
/// that scores every item. A member whose scores of a query are all alike adds nothing to it; an
/// item that a member leaves out (-inf) is left out. All members must number people and items
/// alike.
class Ensemble : public Recommender {
 public:
  /// `weights` [M], of which only the proportions count; empty: equal. Throws `config` naming a
  /// member over other items, or without probabilities where they are averaged, and for weights
  /// that are negative, all zero, or of another number.
  explicit Ensemble(std::vector<std::shared_ptr<Recommender>> members,
                    EnsembleScale scale = EnsembleScale::standardised,
                    std::vector<double> weights = {});

  std::string name() const override { return "ensemble"; }
  Capabilities capabilities() const override;
  int64_t item_count() const override { return members_.front()->item_count(); }
  /// Throws `config` where one candidate is asked about and scores are standardised: it has no
  /// scale.
  torch::Tensor score(std::span<const Query> queries, const torch::Tensor& candidates) override;
  void score_all(std::span<const Query> queries, torch::Tensor& out) override;
  torch::Tensor probabilities(const torch::Tensor& scores) const override;
  int64_t preferred_queries() const override;
  /// An item is cold where it is for every member.
  bool is_cold(Index item) const override;
  /// Members are saved by whoever made the ensemble: throws `config`.
  Json save(const std::filesystem::path& folder) const override;

  const std::vector<std::shared_ptr<Recommender>>& members() const { return members_; }
  const std::vector<double>& weights() const { return weights_; }  ///< [M], their sum 1
  void set_weights(std::vector<double> weights);
  /// Member m's scores [B, …] on the ensemble's scale, as double.
  torch::Tensor scaled(size_t member, const torch::Tensor& scores) const;

 private:
  std::vector<std::shared_ptr<Recommender>> members_;
  EnsembleScale scale_;
  std::vector<double> weights_;
};

}  // namespace kindred::model
