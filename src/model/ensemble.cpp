#include "model/ensemble.h"

#include <algorithm>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::model {
namespace {

/// Each row [N] with mean 0 and deviation 1 over its finite scores; others stay as they are.
torch::Tensor standardised(const torch::Tensor& scores) {
  const torch::Tensor finite = scores.isfinite();                // [B, N]
  const torch::Tensor count = finite.sum(1, true).clamp_min(1);  // [B, 1]
  const torch::Tensor known = torch::where(finite, scores, 0.0).to(torch::kDouble);
  const torch::Tensor mean = known.sum(1, true) / count;
  const torch::Tensor centred = torch::where(finite, known - mean, 0.0);
  const torch::Tensor deviation = (centred.square().sum(1, true) / count).sqrt();
  // A row of equal scores has a deviation of rounding errors only: it says nothing.
  const torch::Tensor telling = deviation > 1e-7 * known.abs().amax(1, true);
  const torch::Tensor scaled = torch::where(telling, centred / deviation, 0.0);
  return torch::where(finite, scaled, scores.to(torch::kDouble));
}

}  // namespace

MeanEnsemble::MeanEnsemble(std::vector<std::shared_ptr<Recommender>> members)
    : members_(std::move(members)) {
  check(!members_.empty(), "an ensemble has members");
  for (const auto& member : members_) {
    const Capabilities can = member->capabilities();
    if (!can.scores_all && !can.represents)
      throw Error(
          Exit::config, "ensemble",
          cat("needs members that score every item (scores_all); ", member->name(), " does not"));
    if (member->item_count() != item_count())
      throw Error(Exit::config, "ensemble",
                  cat("got members over ", item_count(), " and ", member->item_count(),
                      " items, expected the same items"));
  }
}

void MeanEnsemble::score_all(std::span<const Query> queries, torch::Tensor& out) {
  const torch::NoGradGuard no_gradient;
  torch::Tensor sum = torch::zeros(out.sizes(), torch::kDouble);
  torch::Tensor scores = torch::empty(out.sizes());
  for (const auto& member : members_) {
    member->score_all(queries, scores);
    sum += standardised(scores.to(torch::kCPU));
  }
  out.copy_(sum / static_cast<double>(members_.size()));
}

int64_t MeanEnsemble::preferred_queries() const {
  int64_t fewest = members_.front()->preferred_queries();
  for (const auto& member : members_) fewest = std::min(fewest, member->preferred_queries());
  return fewest;
}

Json MeanEnsemble::save(const std::filesystem::path&) const {
  throw Error(Exit::config, name(), "is made of saved runs; it is not saved itself");
}

}  // namespace kindred::model
