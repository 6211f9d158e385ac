#include "model/ensemble.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::model {
namespace {

/// Each row [B, C] with mean 0 and deviation 1 over its finite scores; others stay as they are.
torch::Tensor standardised(const torch::Tensor& scores) {
  const torch::Tensor finite = scores.isfinite();                // [B, C]
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

Ensemble::Ensemble(std::vector<std::shared_ptr<Recommender>> members, EnsembleScale scale,
                   std::vector<double> weights)
    : members_(std::move(members)), scale_(scale) {
  check(!members_.empty(), "an ensemble has members");
  for (const auto& member : members_) {
    if (scale_ != EnsembleScale::standardised && !member->capabilities().probabilities)
      throw Error(Exit::config, "ensemble",
                  cat("averages probabilities, and the scores of ", member->name(),
                      " are none; use ensemble.scale: standardised"));
    if (member->item_count() != item_count())
      throw Error(Exit::config, "ensemble",
                  cat("got members over ", item_count(), " and ", member->item_count(),
                      " items, expected the same items"));
  }
  if (weights.empty()) weights.assign(members_.size(), 1.0);
  set_weights(std::move(weights));
}

void Ensemble::set_weights(std::vector<double> weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  const auto wrong = [](double weight) { return !(weight >= 0); };
  if (weights.size() != members_.size() || !(sum > 0) || !std::isfinite(sum) ||
      std::any_of(weights.begin(), weights.end(), wrong)) {
    std::vector<std::string> got;
    for (const double weight : weights) got.push_back(number(weight));
    throw Error(Exit::config, "ensemble.weights",
                cat("got [", join(got, ", "), "], expected ", members_.size(),
                    " weights that are not negative, one of them positive"));
  }
  weights_ = std::move(weights);
  for (double& weight : weights_) weight /= sum;
}

Capabilities Ensemble::capabilities() const {
  const auto scores_all = [](const auto& member) {
    return member->capabilities().scores_all || member->capabilities().factorises;
  };
  return {.scores = true,
          .scores_all = std::all_of(members_.begin(), members_.end(), scores_all),
          .probabilities = scale_ != EnsembleScale::standardised};
}

torch::Tensor Ensemble::scaled(size_t member, const torch::Tensor& scores) const {
  if (scale_ == EnsembleScale::standardised) return standardised(scores.to(torch::kCPU));
  const torch::Tensor chances =
      members_[member]->probabilities(scores).to(torch::kCPU, torch::kDouble);
  return scale_ == EnsembleScale::probabilities ? chances : torch::logit(chances, 1e-7);
}

torch::Tensor Ensemble::score(std::span<const Query> queries, const torch::Tensor& candidates) {
  const torch::NoGradGuard no_gradient;
  if (scale_ == EnsembleScale::standardised && candidates.size(1) == 1)
    throw Error(Exit::config, "ensemble.scale",
                "got standardised, and one candidate alone has no scale; use probabilities or "
                "logits, of members that have them");
  torch::Tensor sum = torch::zeros(candidates.sizes(), torch::kDouble);
  for (size_t m = 0; m < members_.size(); ++m)
    sum += weights_[m] * scaled(m, members_[m]->score(queries, candidates));
  return sum.to(torch::kFloat);
}

void Ensemble::score_all(std::span<const Query> queries, torch::Tensor& out) {
  const torch::NoGradGuard no_gradient;
  torch::Tensor sum = torch::zeros(out.sizes(), torch::kDouble);
  torch::Tensor scores = torch::empty(out.sizes());
  for (size_t m = 0; m < members_.size(); ++m) {
    members_[m]->score_all(queries, scores);
    sum += weights_[m] * scaled(m, scores);
  }
  out.copy_(sum);
}

torch::Tensor Ensemble::probabilities(const torch::Tensor& scores) const {
  if (scale_ == EnsembleScale::standardised) lacks("probabilities");
  return scale_ == EnsembleScale::probabilities ? scores : torch::sigmoid(scores);
}

int64_t Ensemble::preferred_queries() const {
  int64_t fewest = members_.front()->preferred_queries();
  for (const auto& member : members_) fewest = std::min(fewest, member->preferred_queries());
  return fewest;
}

bool Ensemble::is_cold(Index item) const {
  return std::all_of(members_.begin(), members_.end(),
                     [item](const auto& member) { return member->is_cold(item); });
}

Json Ensemble::save(const std::filesystem::path&) const {
  throw Error(Exit::config, name(), "is made of saved runs; it is not saved itself");
}

}  // namespace kindred::model
