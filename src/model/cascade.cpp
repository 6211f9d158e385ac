#include "model/cascade.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/strings.h"
#include "model/selection.h"

namespace kindred::model {
namespace {

constexpr float never = -std::numeric_limits<float>::infinity();

/// The lowest of some scores that is a number; 0 where none is.
float lowest(const std::vector<float>& scores) {
  float least = std::numeric_limits<float>::infinity();
  for (const float score : scores)
    if (std::isfinite(score)) least = std::min(least, score);
  return std::isfinite(least) ? least : 0.0f;
}

/// Candidates of each query as a tensor [B, longest]; shorter lists repeat their first item.
torch::Tensor padded(const std::vector<std::vector<Index>>& lists) {
  size_t longest = 1;
  for (const auto& list : lists) longest = std::max(longest, list.size());
  torch::Tensor ids = torch::zeros(
      {static_cast<int64_t>(lists.size()), static_cast<int64_t>(longest)}, torch::kLong);
  for (size_t b = 0; b < lists.size(); ++b) {
    int64_t* row = ids.data_ptr<int64_t>() + static_cast<int64_t>(b * longest);
    std::copy(lists[b].begin(), lists[b].end(), row);
    if (!lists[b].empty()) std::fill(row + lists[b].size(), row + longest, lists[b].front());
  }
  return ids;
}

/// One query's first items in the ranker's order, then the others as they stand.
void rerank(std::vector<Index>& items, std::vector<float>& scores, std::span<const float> ranked,
            std::span<const uint32_t> ties) {
  std::vector<std::pair<uint64_t, size_t>> order;
  for (size_t i = 0; i < ranked.size(); ++i) {
    const auto item = static_cast<size_t>(items[i]);
    order.emplace_back(
        BestItems::key(ranked[i], ties.empty() ? static_cast<uint32_t>(item) : ties[item]), i);
  }
  std::sort(order.begin(), order.end(), std::greater<>());
  std::vector<Index> sorted;
  std::vector<float> theirs;
  for (const auto& [key, i] : order) {
    sorted.push_back(items[i]);
    theirs.push_back(ranked[i]);
  }
  const float least = lowest(theirs);
  for (size_t i = ranked.size(); i < items.size(); ++i) {
    sorted.push_back(items[i]);
    theirs.push_back(least - static_cast<float>(i - ranked.size() + 1));
  }
  items = std::move(sorted);
  scores = std::move(theirs);
}

}  // namespace

Cascade::Cascade(std::shared_ptr<Recommender> retriever, std::shared_ptr<Recommender> ranker,
                 int64_t depth)
    : retriever_(std::move(retriever)), ranker_(std::move(ranker)), depth_(depth) {
  const Capabilities can = retriever_->capabilities();
  if (!can.scores_all && !can.factorises)
    throw Error(Exit::config, "retriever",
                cat("needs a recommender that scores every item (scores_all); ", retriever_->name(),
                    " does not"));
  const Capabilities ranks = ranker_->capabilities();
  if (!ranks.scores && !ranks.scores_all && !ranks.factorises)
    throw Error(Exit::config, "ranker",
                cat("needs a recommender that scores given candidates (scores); ", ranker_->name(),
                    " does not"));
  if (ranker_->item_count() != item_count())
    throw Error(Exit::config, "cascade",
                cat("got a retriever over ", item_count(), " and a ranker over ",
                    ranker_->item_count(), " items, expected the same items"));
}

TopItems Cascade::top(const TopRequest& request) {
  const torch::NoGradGuard no_gradient;
  TopRequest wider = request;
  wider.k = std::max(request.k, depth_);
  TopItems found = retriever_->top(wider);
  const size_t most = static_cast<size_t>(std::max<int64_t>(1, ranker_->preferred_queries()));
  for (size_t begin = 0; begin < found.items.size(); begin += most) {
    const size_t end = std::min(begin + most, found.items.size());
    std::vector<std::vector<Index>> first;
    for (size_t b = begin; b < end; ++b) {
      const auto& items = found.items[b];
      first.emplace_back(items.begin(),
                         items.begin() + std::min<int64_t>(depth_, std::ssize(items)));
    }
    const torch::Tensor ids = padded(first);
    const torch::Tensor scores = ranker_->score(request.queries.subspan(begin, end - begin), ids)
                                     .to(torch::kCPU, torch::kFloat)
                                     .contiguous();
    for (size_t b = begin; b < end; ++b) {
      const float* row =
          scores.const_data_ptr<float>() + static_cast<int64_t>(b - begin) * scores.size(1);
      rerank(found.items[b], found.scores[b], {row, first[b - begin].size()}, request.tie_ranks);
      const auto keep = std::min(found.items[b].size(), static_cast<size_t>(request.k));
      found.items[b].resize(keep);
      found.scores[b].resize(keep);
    }
  }
  return found;
}

torch::Tensor Cascade::score(std::span<const Query> queries, const torch::Tensor& candidates) {
  const torch::NoGradGuard no_gradient;
  const torch::Tensor asked = candidates.to(torch::kCPU, torch::kLong).contiguous();
  const torch::Tensor coarse =
      retriever_->score(queries, asked).to(torch::kCPU, torch::kFloat).contiguous();  // [B, C]
  const int64_t width = asked.size(1), first = std::min(depth_, width);
  torch::Tensor order = coarse.argsort(/*stable=*/true, /*dim=*/1, /*descending=*/true);
  const torch::Tensor best = order.narrow(1, 0, first);  // [B, n]
  const torch::Tensor fine = ranker_->score(queries, asked.gather(1, best)).to(coarse.options());
  torch::Tensor result = torch::empty_like(coarse);
  result.scatter_(1, best, fine);
  if (first == width) return result;
  const torch::Tensor rest = order.narrow(1, first, width - first);
  const torch::Tensor least =
      std::get<0>(torch::where(fine.isfinite(), fine, std::numeric_limits<float>::infinity())
                      .min(1, true));  // [B, 1]
  const torch::Tensor below = torch::where(least.isfinite(), least, 0.0f) -
                              torch::arange(1, width - first + 1, coarse.options());
  result.scatter_(1, rest, below);
  return torch::where(coarse == never, coarse, result);
}

void Cascade::score_all(std::span<const Query> queries, torch::Tensor& out) {
  const torch::Tensor every = torch::arange(item_count(), torch::kLong)
                                  .expand({static_cast<int64_t>(queries.size()), item_count()});
  out.copy_(score(queries, every));
}

Json Cascade::save(const std::filesystem::path&) const {
  throw Error(Exit::config, name(), "is made of saved runs; it is not saved itself");
}

}  // namespace kindred::model
