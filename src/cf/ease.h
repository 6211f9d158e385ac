#pragma once
// EASE: a linear autoencoder without hidden layer, solved in closed form.
//
// Paper: Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019, eq. 8 (its
// algorithm 1).
// Reference code: the paper's listing; RecBole `EASE`.
// Departures: none. The inverse comes from a Cholesky factor (X'X + lambda I is positive definite)
// and in double precision where it fits in memory.

#include "cf/history.h"
#include "core/options.h"
#include "model/method.h"

namespace kindred::cf {

struct EaseOptions {
  double l2 = 250.0;
  std::string precision = "auto";

  template <class V>
  void visit(V& v) {
    v("l2", l2, "weight of the squared weights (lambda of eq. 1)", Bounds{1e-6, 1e12});
    v("precision", precision,
      "in which the inverse is computed: fp64, fp32 (half the memory), or auto: fp64 where it fits",
      Choices{{"auto", "fp32", "fp64"}});
  }
};

/// Bytes that solving for `items` items takes at its peak with elements of `element` bytes.
uint64_t ease_memory(int64_t items, int64_t element);

/// B = I - P diag(1 / P_jj) with P = (X'X + l2 I)^-1, so that B_jj = 0; score of item j: x_u B.
class Ease final : public HistoryRecommender {
 public:
  Ease(const EaseOptions& options, const data::Dataset& dataset);
  explicit Ease(const model::SavedModel& saved);

  /// Throws `config` when the N x N matrices would not fit in memory.
  void solve(const data::Dataset& dataset, const std::stop_token& stop);
  model::NamedTensors state() const { return {{"weights", weights_}}; }
  void put(const model::NamedTensors& state, const std::string& where);

  std::string name() const override { return "ease"; }
  model::Capabilities capabilities() const override { return {.scores = true, .scores_all = true}; }
  void score_all(std::span<const model::Query> queries, torch::Tensor& out) override;
  Json save(const std::filesystem::path& folder) const override;

  /// B [N, N] float; row i is what item i of a history gives to every item.
  const torch::Tensor& weights() const { return weights_; }

 private:
  EaseOptions options_;
  torch::Tensor weights_;
};

/// Its line of the catalog.
model::CatalogEntry ease_entry();

}  // namespace kindred::cf
