// Protocols that rank: every item, or candidates.
#include <algorithm>
#include <optional>

#include "core/error.h"
#include "core/strings.h"
#include "eval/metrics/ties.h"
#include "eval/protocols/candidates.h"
#include "eval/protocols/protocol.h"
#include "eval/queries.h"

namespace kindred::eval {
namespace {

using data::Part;

/// How many users are ranked between two looks at the stop token.
constexpr size_t block_users = 4096;

std::string mask_text(const EvaluationOptions& options, Part part) {
  if (options.mask == "none" || part == Part::train) return "none";
  return options.mask == "seen" && part == Part::test ? "train+valid" : "train";
}

/// Hands the ranked lists of its people to the collector and keeps what was asked for.
class Ranking : public ProtocolRunner {
 public:
  explicit Ranking(const Setting& setting) : setting_(setting) {}

  EvaluationOutcome judge(model::Recommender& recommender) override {
    people_ = setting_.people();
    ties_ = tie_ranks(setting_.data.items.tokens());
    const std::vector<Index>& users = judged();
    RankingSetup setup;
    for (const Index user : users) setup.users.push_back(setting_.data.users.token(user));
    setup.metrics = setting_.metrics();
    setup.n_items = setting_.data.item_count();
    setup.groups = setting_.groups(users);
    RankingCollector collector(std::move(setup));
    depth_ = std::max<int64_t>({collector.depth(), setting_.request.keep, 1});
    EvaluationOutcome outcome;
    for (size_t begin = 0; begin < users.size(); begin += block_users) {
      setting_.check_stop();
      const size_t count = std::min(block_users, users.size() - begin);
      std::vector<RankedList> lists = ranked(recommender, std::span(users).subspan(begin, count));
      for (size_t i = 0; i < lists.size(); ++i) {
        collector.add(static_cast<int64_t>(begin + i), lists[i].items, lists[i].relevant);
        if (setting_.request.keep > 0) outcome.lists.push_back(std::move(lists[i]));
      }
    }
    outcome.evaluation = collector.finish();
    describe_to(outcome.protocol);
    return outcome;
  }

 protected:
  /// The people judged.
  virtual const std::vector<Index>& judged() = 0;
  virtual std::vector<RankedList> ranked(model::Recommender& recommender,
                                         std::span<const Index> users) = 0;
  virtual void describe_to(Protocol& protocol) const = 0;

  const Setting setting_;
  std::optional<People> people_;
  std::vector<uint32_t> ties_;
  int64_t depth_ = 0;
};

class FullRanking : public Ranking {
 public:
  using Ranking::Ranking;

  std::string missing(const model::Capabilities& can) const override {
    return can.scores_all || can.factorises ? "" : "scores every item (scores_all)";
  }

 protected:
  const std::vector<Index>& judged() override { return people_->users(); }

  std::vector<RankedList> ranked(model::Recommender& recommender,
                                 std::span<const Index> users) override {
    std::vector<model::Query> queries;
    std::vector<std::vector<Index>> masked;
    std::vector<RankedList> lists;
    for (const Index user : users) {
      queries.push_back(people_->query(user));
      masked.push_back(people_->masked(user));
      lists.push_back({user, {}, {}, people_->relevant(user)});
    }
    model::TopItems top = recommender.top(
        {.queries = queries, .k = depth_, .masked = masked, .tie_ranks = ties_, .among = {}});
    for (size_t i = 0; i < lists.size(); ++i) {
      lists[i].items = std::move(top.items[i]);
      lists[i].scores = std::move(top.scores[i]);
    }
    return lists;
  }

  void describe_to(Protocol& protocol) const override {
    protocol.mask = mask_text(setting_.options, setting_.request.part);
  }
};

class CandidateRanking : public Ranking {
 public:
  using Ranking::Ranking;

  std::string missing(const model::Capabilities& can) const override {
    return can.scores || can.scores_all ? "" : "scores given candidates (scores)";
  }

 protected:
  const std::vector<Index>& judged() override {
    return candidates_.emplace(setting_, *people_).users();
  }

  std::vector<RankedList> ranked(model::Recommender& recommender,
                                 std::span<const Index> users) override {
    std::vector<RankedList> lists;
    const auto most = static_cast<size_t>(std::max<int64_t>(1, recommender.preferred_queries()));
    for (size_t begin = 0; begin < users.size(); begin += most) {
      const std::span<const Index> some =
          users.subspan(begin, std::min(most, users.size() - begin));
      std::vector<model::Query> queries;
      std::vector<std::vector<Index>> candidates;
      size_t widest = 1;
      for (const Index user : some) {
        queries.push_back(people_->query(user));
        candidates.push_back(candidates_->of(user));
        widest = std::max(widest, candidates.back().size());
      }
      const torch::Tensor scores = score(recommender, queries, candidates, widest);  // [B, widest]
      for (size_t i = 0; i < some.size(); ++i)
        lists.push_back(
            sorted(some[i], candidates[i], scores.const_data_ptr<float>() + i * widest));
    }
    return lists;
  }

  void describe_to(Protocol& protocol) const override { candidates_->describe_to(protocol); }

 private:
  static torch::Tensor score(model::Recommender& recommender, std::span<const model::Query> queries,
                             const std::vector<std::vector<Index>>& candidates, size_t widest) {
    const auto rows = static_cast<int64_t>(queries.size());
    torch::Tensor asked = torch::zeros({rows, static_cast<int64_t>(widest)}, torch::kLong);
    for (size_t i = 0; i < candidates.size(); ++i) {
      int64_t* row = asked.data_ptr<int64_t>() + i * widest;
      std::copy(candidates[i].begin(), candidates[i].end(), row);
      // Shorter lists are filled up with their first candidate; those scores are not read.
      std::fill(row + candidates[i].size(), row + widest, candidates[i].front());
    }
    return recommender.score(queries, asked).to(torch::kCPU, torch::kFloat).contiguous();
  }

  RankedList sorted(Index user, const std::vector<Index>& candidates, const float* scores) const {
    std::vector<size_t> order(candidates.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return ranks_before(scores[a], ties_[candidates[a]], scores[b], ties_[candidates[b]]);
    });
    RankedList list{user, {}, {}, people_->relevant(user)};
    for (const size_t at : order) {
      list.items.push_back(candidates[at]);
      list.scores.push_back(scores[at]);
    }
    return list;
  }

  std::optional<CandidateLists> candidates_;
};

}  // namespace

std::unique_ptr<ProtocolRunner> full_ranking(const Setting& setting) {
  return std::make_unique<FullRanking>(setting);
}

std::unique_ptr<ProtocolRunner> candidate_ranking(const Setting& setting) {
  return std::make_unique<CandidateRanking>(setting);
}

}  // namespace kindred::eval
