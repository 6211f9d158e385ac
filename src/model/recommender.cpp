#include "model/recommender.h"

#include "core/error.h"
#include "core/strings.h"

namespace kindred::model {

void Recommender::lacks(const char* capability) const {
  throw Error(Exit::config, name(), cat("does not have the capability '", capability, "'"));
}

torch::Tensor Recommender::score(std::span<const Query> queries, const torch::Tensor& candidates) {
  const int64_t rows = candidates.size(0);
  check(candidates.dim() == 2 && rows == static_cast<int64_t>(queries.size()),
        "candidates are [queries, C]");
  torch::NoGradGuard no_grad;
  if (capabilities().represents) {
    const torch::Tensor items = item_vectors();  // [N, D]
    const torch::Tensor picked = items.index_select(0, candidates.reshape({-1}).to(items.device()))
                                     .view({rows, candidates.size(1), items.size(1)});  // [B, C, D]
    return torch::bmm(picked, user_vectors(queries).unsqueeze(2)).squeeze(2);           // [B, C]
  }
  if (!capabilities().scores_all) lacks("scores");
  torch::Tensor scores = torch::empty({rows, item_count()});
  score_all(queries, scores);
  return scores.gather(1, candidates.to(scores.device()));
}

void Recommender::score_all(std::span<const Query> queries, torch::Tensor& out) {
  if (!capabilities().represents) lacks("scores_all");
  torch::NoGradGuard no_grad;
  check(out.dim() == 2 && out.size(0) == static_cast<int64_t>(queries.size()) &&
            out.size(1) == item_count(),
        "the block of scores is [queries, items]");
  out.copy_(torch::matmul(user_vectors(queries), item_vectors().t()));
}

torch::Tensor Recommender::user_vectors(std::span<const Query>) {
  lacks("represents");
}

torch::Tensor Recommender::item_vectors() {
  lacks("represents");
}

}  // namespace kindred::model
