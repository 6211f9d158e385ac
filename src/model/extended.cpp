#include "model/extended.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/error.h"

namespace kindred::model {
namespace {

/// The least finite score of each row [B, C] among the places of `asked` [B, C] bool; +inf where
/// there is none. [B, 1]
torch::Tensor least(const torch::Tensor& scores, const torch::Tensor& asked) {
  const torch::Tensor counted = asked.logical_and(scores.isfinite());
  const torch::Tensor values =
      torch::where(counted, scores, std::numeric_limits<float>::infinity());
  return values.amin(1, /*keepdim=*/true);
}

/// The ranks of the first `count` items among themselves: a permutation again.
std::vector<uint32_t> ranks_of_first(std::span<const uint32_t> ranks, Index count) {
  if (ranks.empty()) return {};
  std::vector<Index> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), Index{0});
  std::ranges::sort(order, {}, [&](Index item) { return ranks[static_cast<size_t>(item)]; });
  std::vector<uint32_t> result(order.size());
  for (size_t rank = 0; rank < order.size(); ++rank)
    result[static_cast<size_t>(order[rank])] = static_cast<uint32_t>(rank);
  return result;
}

}  // namespace

Extended::Extended(std::shared_ptr<Recommender> trained, Index known_users, Index items)
    : trained_(std::move(trained)), known_users_(known_users), items_(items) {
  check(items_ >= known_items(), "new items come after those that were trained");
}

Capabilities Extended::capabilities() const {
  const Capabilities can = trained_->capabilities();
  return {.scores = can.scores || can.scores_all || can.factorises,
          .scores_all = can.scores_all || can.factorises,
          .probabilities = can.probabilities};
}

std::vector<Query> Extended::readable(std::span<const Query> queries) const {
  std::vector<Query> result(queries.begin(), queries.end());
  for (Query& query : result) {
    if (query.user && *query.user >= known_users_) query.user.reset();
    const bool timed = query.times.size() == query.history.size();
    size_t kept = 0;
    for (size_t i = 0; i < query.history.size(); ++i) {
      if (query.history[i] >= known_items()) continue;
      query.history[kept] = query.history[i];
      if (timed) query.times[kept] = query.times[i];
      ++kept;
    }
    query.history.resize(kept);
    if (timed) query.times.resize(kept);
  }
  return result;
}

torch::Tensor Extended::score(std::span<const Query> queries, const torch::Tensor& candidates) {
  const torch::NoGradGuard no_gradient;
  const torch::Tensor ids = candidates.to(torch::kCPU, torch::kLong);
  const torch::Tensor known = ids.lt(known_items());  // [B, C]
  const torch::Tensor scores = trained_->score(readable(queries), torch::where(known, ids, 0))
                                   .to(torch::kCPU, torch::kFloat);
  if (known.all().item<bool>()) return scores;
  const torch::Tensor of_known = scores.masked_select(known.logical_and(scores.isfinite()));
  const torch::Tensor usual =
      of_known.numel() > 0 ? of_known.mean() : torch::zeros({}, scores.options());
  const torch::Tensor below = least(scores, known) - 1;
  return torch::where(known, scores, torch::where(below.isfinite(), below, usual));
}

void Extended::score_all(std::span<const Query> queries, torch::Tensor& out) {
  const torch::NoGradGuard no_gradient;
  torch::Tensor scores =
      torch::empty({static_cast<int64_t>(queries.size()), known_items()}, out.options());
  trained_->score_all(readable(queries), scores);
  out.narrow(1, 0, known_items()).copy_(scores);
  const torch::Tensor below = least(scores, torch::ones_like(scores, torch::kBool)) - 1;  // [B, 1]
  out.narrow(1, known_items(), items_ - known_items())
      .copy_(torch::where(below.isfinite(), below, 0.0f));
}

TopItems Extended::top(const TopRequest& request) {
  const auto first_new = [this](std::span<const Index> sorted) {
    return std::lower_bound(sorted.begin(), sorted.end(), known_items());
  };
  const std::vector<Query> queries = readable(request.queries);
  TopRequest known = request;
  known.queries = queries;
  known.among = {request.among.begin(), first_new(request.among)};
  std::vector<std::vector<Index>> masked;
  for (const std::vector<Index>& items : request.masked)
    masked.emplace_back(items.begin(),
                        items.begin() + (first_new(items) - std::span(items).begin()));
  known.masked = masked;
  const std::vector<uint32_t> ranks = ranks_of_first(request.tie_ranks, known_items());
  known.tie_ranks = ranks;
  TopItems found{std::vector<std::vector<Index>>(queries.size()),
                 std::vector<std::vector<float>>(queries.size())};
  // An empty `among` means every item; one of new items alone asks nothing of the trained ones.
  if (request.among.empty() || !known.among.empty()) found = trained_->top(known);
  std::vector<Index> fresh(first_new(request.among), request.among.end());
  for (Index item = known_items(); request.among.empty() && item < items_; ++item)
    fresh.push_back(item);
  if (!request.tie_ranks.empty())
    std::ranges::sort(fresh, {}, [&](Index item) { return request.tie_ranks[item]; });
  for (size_t q = 0; q < queries.size(); ++q) add_new(q, request, fresh, found);
  return found;
}

void Extended::add_new(size_t query, const TopRequest& request, std::span<const Index> fresh,
                       TopItems& found) const {
  std::vector<Index>& items = found.items[query];
  std::vector<float>& scores = found.scores[query];
  const float below = scores.empty() ? 0.0f : scores.back() - 1;
  for (const Index item : fresh) {
    if (std::ssize(items) >= request.k) return;
    if (!request.masked.empty() && std::ranges::binary_search(request.masked[query], item))
      continue;
    items.push_back(item);
    scores.push_back(below);
  }
}

Json Extended::save(const std::filesystem::path&) const {
  throw Error(Exit::config, name(), "was extended for one command; it is not saved itself");
}

}  // namespace kindred::model
