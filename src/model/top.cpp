// The default Recommender::top: blocks of scores that stay in cache, partial selection, no score
// matrix. Each thread takes some queries and walks all items once.

#include <ATen/Parallel.h>

#include <algorithm>

#include "core/error.h"
#include "core/strings.h"
#include "model/recommender.h"
#include "model/selection.h"

namespace kindred::model {
namespace {

// A tile of 64 x 1024 scores is 256 KiB: with its item block it fits an L2 cache of 1 MiB.
constexpr int64_t tile_queries = 64;
constexpr int64_t tile_items = 1024;
constexpr int64_t block_bytes = int64_t{256} << 20;  // of a [queries, N] block where one is needed

/// Queries `begin..begin+count` of a request being answered.
struct Work {
  const TopRequest& request;
  int64_t item_count;
  std::vector<data::Index> item_of_tie;  // [N]; empty when ties go by number
  TopItems& result;

  std::span<const data::Index> masked(int64_t query) const {
    if (request.masked.empty()) return {};
    return request.masked[static_cast<size_t>(query)];
  }
  void put(int64_t query, BestItems& best) const {
    auto& items = result.items[static_cast<size_t>(query)];
    auto& scores = result.scores[static_cast<size_t>(query)];
    const auto keys = best.finish();
    items.reserve(keys.size());
    scores.reserve(keys.size());
    for (const uint64_t key : keys) {
      const uint32_t tie = BestItems::tie_of(key);
      items.push_back(item_of_tie.empty() ? static_cast<data::Index>(tie) : item_of_tie[tie]);
      scores.push_back(BestItems::score_of(key));
    }
  }
};

/// Queries of one thread against all items.
void rank_vectors(const Work& work, const torch::Tensor& users, const torch::Tensor& items,
                  std::array<int64_t, 2> range) {
  const auto [begin, end] = range;
  torch::NoGradGuard no_grad;
  std::vector<BestItems> best;
  for (int64_t q = begin; q < end; ++q) best.emplace_back(work.request.k, work.masked(q));
  torch::Tensor tile = torch::empty({tile_queries, tile_items}, torch::kFloat32);
  for (int64_t first = 0; first < items.size(0); first += tile_items) {
    const int64_t width = std::min(tile_items, items.size(0) - first);
    const torch::Tensor block = items.narrow(0, first, width).t();  // [D, width]
    for (int64_t q = begin; q < end; q += tile_queries) {
      const int64_t height = std::min(tile_queries, end - q);
      torch::Tensor scores = tile.flatten().narrow(0, 0, height * width).view({height, width});
      at::mm_out(scores, users.narrow(0, q, height), block);
      const float* data = scores.const_data_ptr<float>();
      for (int64_t r = 0; r < height; ++r) {
        BestItems::Block row{{data + r * width, static_cast<size_t>(width)},
                             static_cast<data::Index>(first),
                             {},
                             work.request.tie_ranks};
        if (!work.request.among.empty())
          row.items =
              work.request.among.subspan(static_cast<size_t>(first), static_cast<size_t>(width));
        best[static_cast<size_t>(q - begin + r)].add(row);
      }
    }
  }
  for (int64_t q = begin; q < end; ++q) work.put(q, best[static_cast<size_t>(q - begin)]);
}

/// Rows of a block of scores [b, N or |among|], the first of which belongs to query `begin`.
void rank_scores(const Work& work, const torch::Tensor& block, int64_t begin) {
  const torch::Tensor scores = block.to(torch::kCPU, torch::kFloat32).contiguous();
  const int64_t width = scores.size(1);
  const float* data = scores.const_data_ptr<float>();
  at::parallel_for(0, scores.size(0), 1, [&](int64_t from, int64_t to) {
    for (int64_t r = from; r < to; ++r) {
      BestItems best(work.request.k, work.masked(begin + r));
      best.add({{data + r * width, static_cast<size_t>(width)},
                0,
                work.request.among,
                work.request.tie_ranks});
      work.put(begin + r, best);
    }
  });
}

torch::Tensor index_tensor(std::span<const data::Index> items) {
  return torch::tensor(at::ArrayRef<data::Index>(items.data(), items.size())).to(torch::kLong);
}

torch::Tensor plain_floats(const torch::Tensor& vectors) {
  return vectors.detach().to(torch::kCPU, torch::kFloat32).contiguous();
}

void top_by_vectors(Recommender& model, const Work& work) {
  const auto queries = work.request.queries;
  torch::Tensor items = plain_floats(model.item_factors());
  if (!work.request.among.empty()) items = items.index_select(0, index_tensor(work.request.among));
  const int64_t count = static_cast<int64_t>(queries.size());
  const int64_t step = std::max<int64_t>(1, model.preferred_queries());
  std::vector<torch::Tensor> parts;
  for (int64_t q = 0; q < count; q += step)
    parts.push_back(plain_floats(model.query_factors(
        queries.subspan(static_cast<size_t>(q), static_cast<size_t>(std::min(step, count - q))))));
  const torch::Tensor users = parts.size() == 1 ? parts[0] : torch::cat(parts);
  check(users.size(0) == count && users.size(1) == items.size(1),
        "user vectors [B, D] and item vectors [N, D] have the same D");
  const int64_t groups = (count + tile_queries - 1) / tile_queries;
  at::parallel_for(0, groups, 1, [&](int64_t from, int64_t to) {
    rank_vectors(work, users, items, {from * tile_queries, std::min(count, to * tile_queries)});
  });
}

void top_by_scores(Recommender& model, const Work& work) {
  const auto queries = work.request.queries;
  const bool every = model.capabilities().scores_all;
  const torch::Tensor among = index_tensor(work.request.among);
  const int64_t width = every ? work.item_count : among.size(0);
  const int64_t count = static_cast<int64_t>(queries.size());
  const int64_t fitting =
      block_bytes / static_cast<int64_t>(sizeof(float)) / std::max<int64_t>(1, width);
  const int64_t step =
      std::clamp<int64_t>(model.preferred_queries(), 1, std::max<int64_t>(1, fitting));
  torch::Tensor block;
  for (int64_t q = 0; q < count; q += step) {
    const int64_t height = std::min(step, count - q);
    const auto part = queries.subspan(static_cast<size_t>(q), static_cast<size_t>(height));
    if (!every) {
      rank_scores(work, model.score(part, among.expand({height, width}).contiguous()), q);
      continue;
    }
    if (!block.defined() || block.size(0) != height) block = torch::empty({height, width});
    model.score_all(part, block);
    rank_scores(work, work.request.among.empty() ? block : block.index_select(1, among), q);
  }
}

}  // namespace

TopItems Recommender::top(const TopRequest& request) {
  torch::NoGradGuard no_grad;
  const size_t count = request.queries.size();
  check(request.masked.empty() || request.masked.size() == count, "one masked list a query");
  check(request.tie_ranks.empty() || static_cast<int64_t>(request.tie_ranks.size()) == item_count(),
        "one tie rank an item");
  TopItems result;
  result.items.resize(count);
  result.scores.resize(count);
  if (count == 0) return result;
  Work work{request, item_count(), {}, result};
  work.item_of_tie.resize(request.tie_ranks.size());
  for (size_t item = 0; item < request.tie_ranks.size(); ++item)
    work.item_of_tie.at(request.tie_ranks[item]) = static_cast<data::Index>(item);
  const Capabilities can = capabilities();
  if (can.factorises) {
    top_by_vectors(*this, work);
  } else if (can.scores_all || (can.scores && !request.among.empty())) {
    top_by_scores(*this, work);
  } else {
    lacks("scores_all");
  }
  return result;
}

}  // namespace kindred::model
