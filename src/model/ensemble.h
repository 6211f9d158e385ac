#pragma once
// Several recommenders asked together.

#include <memory>
#include <vector>

#include "model/recommender.h"

namespace kindred::model {

/// The mean of its members. Scores of different recommenders have no common scale, so each member's
/// scores of a query are standardised over all items (mean 0, deviation 1) before they are
/// averaged; a member that scores every item alike adds nothing. An item that a member leaves out
/// (-inf) is left out. All members must number people and items alike.
class MeanEnsemble : public Recommender {
 public:
  /// Throws `config` naming a member that cannot score every item.
  explicit MeanEnsemble(std::vector<std::shared_ptr<Recommender>> members);

  std::string name() const override { return "ensemble"; }
  Capabilities capabilities() const override { return {.scores = true, .scores_all = true}; }
  int64_t item_count() const override { return members_.front()->item_count(); }
  void score_all(std::span<const Query> queries, torch::Tensor& out) override;
  int64_t preferred_queries() const override;
  /// An ensemble is made of saved runs and never saved itself: throws `config`.
  Json save(const std::filesystem::path& folder) const override;

 private:
  std::vector<std::shared_ptr<Recommender>> members_;
};

}  // namespace kindred::model
