#pragma once
// Pop: every person is offered the items with the most training interactions.
//
// Paper: none; the first row of every comparison (RecBole's `Pop`, Cremonesi et al. 2010's
// `TopPop`). Departures: none. Counts are kept as they are, not scaled to [0, 1].

#include "core/options.h"
#include "model/method.h"

namespace kindred::cf {

/// Pop has nothing to set.
struct PopOptions {
  template <class V>
  void visit(V&) {}
};

/// Score of item i for everybody: n_i, its number of (positive) training interactions.
class Pop final : public model::Recommender {
 public:
  Pop(const PopOptions& options, const data::Dataset& dataset);
  explicit Pop(torch::Tensor counts) : counts_(std::move(counts)) {}

  void solve(const data::Dataset& dataset, const std::stop_token& stop);
  model::NamedTensors state() const { return {{"items.interactions", counts_}}; }
  void put(const model::NamedTensors& state, const std::string& where);

  std::string name() const override { return "pop"; }
  model::Capabilities capabilities() const override;
  int64_t item_count() const override { return counts_.size(0); }
  void score_all(std::span<const model::Query> queries, torch::Tensor& out) override;
  bool is_cold(model::Index item) const override;
  Json save(const std::filesystem::path& folder) const override;

 private:
  torch::Tensor counts_;  ///< [N] float
};

/// Its line of the catalog.
model::CatalogEntry pop_entry();

}  // namespace kindred::cf
