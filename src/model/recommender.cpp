#include "model/recommender.h"

#include "core/error.h"
#include "core/strings.h"

namespace kindred::model {

void Recommender::lacks(const char* capability) const {
  throw Error(Exit::config, name(), cat("does not have the capability '", capability, "'"));
}

namespace {

/// Vectors whose inner product is the score: with a bias, one dimension more.
torch::Tensor with_ones(const torch::Tensor& users, const torch::Tensor& biases) {
  if (!biases.defined()) return users;
  return torch::cat({users, torch::ones({users.size(0), 1}, users.options())}, 1);
}

torch::Tensor with_biases(const torch::Tensor& items, const torch::Tensor& biases) {
  return biases.defined() ? torch::cat({items, biases.unsqueeze(1)}, 1) : items;
}

}  // namespace

torch::Tensor Recommender::query_factors(std::span<const Query> queries) {
  return with_ones(user_vectors(queries), item_biases());
}

torch::Tensor Recommender::item_factors() {
  return with_biases(item_vectors(), item_biases());
}

torch::Tensor Recommender::score(std::span<const Query> queries, const torch::Tensor& candidates) {
  const int64_t rows = candidates.size(0);
  check(candidates.dim() == 2 && rows == static_cast<int64_t>(queries.size()),
        "candidates are [queries, C]");
  torch::NoGradGuard no_grad;
  if (capabilities().factorises) {
    const torch::Tensor items = item_factors();  // [N, D]
    const torch::Tensor picked = items.index_select(0, candidates.reshape({-1}).to(items.device()))
                                     .view({rows, candidates.size(1), items.size(1)});  // [B, C, D]
    return torch::bmm(picked, query_factors(queries).unsqueeze(2)).squeeze(2);          // [B, C]
  }
  if (!capabilities().scores_all) lacks("scores");
  torch::Tensor scores = torch::empty({rows, item_count()});
  score_all(queries, scores);
  return scores.gather(1, candidates.to(scores.device()));
}

void Recommender::score_all(std::span<const Query> queries, torch::Tensor& out) {
  if (!capabilities().factorises) lacks("scores_all");
  torch::NoGradGuard no_grad;
  check(out.dim() == 2 && out.size(0) == static_cast<int64_t>(queries.size()) &&
            out.size(1) == item_count(),
        "the block of scores is [queries, items]");
  out.copy_(torch::matmul(query_factors(queries), item_factors().t()));
}

torch::Tensor Recommender::user_vectors(std::span<const Query>, const torch::Tensor&) {
  lacks("represents");
}

torch::Tensor Recommender::item_vectors(const torch::Tensor&) {
  lacks("represents");
}

torch::Tensor Recommender::probabilities(const torch::Tensor&) const {
  lacks("probabilities");
}

std::vector<std::string> Recommender::answer(const AnswerRequest&) {
  lacks("answers");
}

}  // namespace kindred::model
