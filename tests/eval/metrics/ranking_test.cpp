// Ranking metrics against values computed by hand, and the order of ties.
#include "eval/metrics/ranking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/hash.h"
#include "core/random.h"
#include "eval/metrics/evaluation.h"
#include "eval/metrics/ties.h"

namespace kindred::eval {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

// Four users, lists of three. Their hits, and the numbers of relevant items:
//   0 0 0 of 1      0 0 1 of 3      1 1 0 of 4      1 0 1 of 2
const std::vector<std::vector<int32_t>> positions{{}, {2}, {0, 1}, {0, 2}};
const std::vector<int64_t> relevant{1, 3, 4, 2};

std::vector<double> at_cutoffs_1_to_3(const MetricKind kind) {
  std::vector<double> values;
  for (size_t u = 0; u < 4; ++u) {
    for (int k = 1; k <= 3; ++k)
      values.push_back(ranking_metric({kind, k}, {positions[u], relevant[u]}));
  }
  return values;
}

void expect_matrix(MetricKind kind, const std::vector<double>& expected) {
  EXPECT_THAT(at_cutoffs_1_to_3(kind), Pointwise(testing::DoubleEq(), expected))
      << metric_name({kind, 3});
}

TEST(Ranking, HandComputedHitMatrix) {
  const double d1 = 1, d2 = 1 / std::log2(3.0), d3 = 0.5;
  expect_matrix(MetricKind::recall,
                {0, 0, 0, 0, 0, 1. / 3, 1. / 4, 2. / 4, 2. / 4, 1. / 2, 1. / 2, 1});
  expect_matrix(MetricKind::truncated_recall, {0, 0, 0, 0, 0, 1. / 3, 1, 1, 2. / 3, 1, 1. / 2, 1});
  expect_matrix(MetricKind::hit, {0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1});
  expect_matrix(MetricKind::ndcg,
                {0, 0, 0, 0, 0, d3 / (d1 + d2 + d3), 1, 1, (d1 + d2) / (d1 + d2 + d3), 1,
                 d1 / (d1 + d2), (d1 + d3) / (d1 + d2)});
  expect_matrix(MetricKind::mrr, {0, 0, 0, 0, 0, 1. / 3, 1, 1, 1, 1, 1, 1});
  expect_matrix(MetricKind::map,
                {0, 0, 0, 0, 0, (1. / 3) / 3, 1, 1, 2. / 3, 1, 1. / 2, (1 + 2. / 3) / 2});
  expect_matrix(MetricKind::precision, {0, 0, 0, 0, 0, 1. / 3, 1, 1, 2. / 3, 1, 1. / 2, 2. / 3});
}

TEST(Ranking, NothingRelevantIsNotDefined) {
  for (const MetricInfo& info : all_metrics()) {
    EXPECT_TRUE(std::isnan(ranking_metric({info.kind, 5}, {{}, 0}))) << info.name;
  }
}

TEST(Ranking, ShortListsKeepMetricsDefined) {
  const std::vector<int32_t> first{0};
  const Hits hits{first, 2};  // a list of one item
  EXPECT_DOUBLE_EQ(recall_at(hits, 20), 0.5);
  EXPECT_DOUBLE_EQ(precision_at(hits, 20), 1.0 / 20);
  EXPECT_DOUBLE_EQ(ndcg_at(hits, 20), 1 / (1 + 1 / std::log2(3.0)));
}

TEST(Ranking, DiscountsBeyondTheTable) {
  std::vector<int32_t> all(6000);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_NEAR(ndcg_at({all, 6000}, 6000), 1.0, 1e-12);
  const std::vector<int32_t> last{5999};
  EXPECT_NEAR(ndcg_at({last, 1}, 6000), 1 / std::log2(6001.0), 1e-15);
}

TEST(HitFinder, FindsPositionsOfDistinctItems) {
  HitFinder finder(10);
  const std::vector<Index> ranked{7, 3, 9, 1, 3};
  const std::vector<Index> wanted{3, 1, 3, 5};
  const Hits hits = finder.find(ranked, wanted);
  EXPECT_THAT(hits.positions, ElementsAre(1, 3)) << "a repeated item is one hit";
  EXPECT_EQ(hits.relevant, 3);
  const std::vector<Index> none;
  EXPECT_EQ(finder.find(ranked, none).relevant, 0) << "nothing stays from the call before";
  EXPECT_TRUE(finder.find(ranked, none).positions.empty());
}

TEST(HitFinder, GroupsRestrictHitsAndRelevantAlike) {
  HitFinder finder(10);
  std::vector<uint8_t> group(10, 0);
  group[1] = group[5] = 1;
  const std::vector<Index> ranked{7, 3, 9, 1}, wanted{3, 1, 5};
  const Hits hits = finder.find(ranked, wanted, group);
  EXPECT_THAT(hits.positions, ElementsAre(3));
  EXPECT_EQ(hits.relevant, 2);
}

TEST(HitFinder, RefusesItemsOutsideTheCatalogue) {
  HitFinder finder(3);
  const std::vector<Index> inside{0}, outside{3}, negative{-1};
  EXPECT_THROW(finder.find(outside, inside), Error);
  EXPECT_THROW(finder.find(inside, negative), Error);
}

TEST(Coverage, CountsTheCatalogueOnceAndMerges) {
  Coverage whole({1, 2}, 4), left({1, 2}, 4), right({1, 2}, 4);
  const std::vector<Index> a{0, 1, 2}, b{0, 3};
  EXPECT_TRUE(std::isnan(whole.at(1)));
  whole.add(a);
  whole.add(b);
  left.add(a);
  right.add(b);
  left.merge(right);
  for (const Coverage* coverage : {&whole, &left}) {
    EXPECT_DOUBLE_EQ(coverage->at(1), 0.25);
    EXPECT_DOUBLE_EQ(coverage->at(2), 0.75);
    EXPECT_TRUE(std::isnan(coverage->at(3)));
  }
  const std::vector<uint8_t> group{0, 0, 1, 1};
  EXPECT_DOUBLE_EQ(whole.at(2, group), 0.5);
}

TEST(Ties, RanksFollowTheTokensHash) {
  const std::vector<std::string> tokens{"a", "b", "c", "item 4", ""};
  const std::vector<uint32_t> ranks = tie_ranks(tokens);
  std::vector<size_t> by_rank(tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i) by_rank[ranks[i]] = i;
  for (size_t r = 1; r < by_rank.size(); ++r) {
    EXPECT_LT(fingerprint(tokens[by_rank[r - 1]]), fingerprint(tokens[by_rank[r]]));
  }
  // SHA-256: "b" 3e23..., "c" 2e7d..., "a" ca97..., "" e3b0...
  EXPECT_LT(ranks[2], ranks[1]);
  EXPECT_LT(ranks[1], ranks[0]);
  EXPECT_LT(ranks[0], ranks[4]);
}

TEST(Ties, OrderWithInfinitiesNanAndSignedZero) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> scores{0.0f, nan, 2, -inf, -0.0f, inf, nan, 2};
  const std::vector<uint32_t> ties{5, 1, 7, 0, 2, 3, 0, 6};
  EXPECT_THAT(rank_items(scores, ties, 100), ElementsAre(5, 7, 2, 4, 0, 6, 1)) << "-inf is masked";
  EXPECT_THAT(rank_items(scores, ties, 3), ElementsAre(5, 7, 2));
  EXPECT_TRUE(ranks_before(-inf, 9, nan, 0));
  EXPECT_FALSE(ranks_before(nan, 3, nan, 3));
}

TEST(Collector, ValuesGroupsAndUserMatrix) {
  // Items 0..5; users u0, u1; item group {4, 5}, user group {u1}.
  RankingSetup setup;
  setup.users = {"u0", "u1", "never added"};
  setup.metrics = {{MetricKind::recall, 2}, {MetricKind::coverage, 2}, {MetricKind::auc, 0}};
  setup.n_items = 6;
  setup.groups = {{"cold-items", true, {0, 0, 0, 0, 1, 1}}, {"cold-users", false, {0, 1, 0}}};
  RankingCollector collector(setup);
  EXPECT_EQ(collector.depth(), 2);
  const std::vector<Index> first{0, 4, 5}, first_relevant{4, 5}, second{1, 2, 3},
      second_relevant{1};
  collector.add(0, first, first_relevant);
  collector.add(1, second, second_relevant);
  const Evaluation result = collector.finish();
  EXPECT_DOUBLE_EQ(value_of(result.values, "recall@2"), 0.75);
  EXPECT_DOUBLE_EQ(value_of(result.values, "coverage@2"), 4.0 / 6);
  EXPECT_TRUE(std::isnan(value_of(result.values, "auc")));
  ASSERT_EQ(result.groups.size(), 2u);
  EXPECT_EQ(result.groups[0].users, 1);
  EXPECT_DOUBLE_EQ(value_of(result.groups[0].values, "recall@2"), 0.5);
  EXPECT_DOUBLE_EQ(value_of(result.groups[0].values, "coverage@2"), 0.5);
  EXPECT_EQ(result.groups[1].users, 1);
  EXPECT_DOUBLE_EQ(value_of(result.groups[1].values, "recall@2"), 1);
  EXPECT_DOUBLE_EQ(value_of(result.groups[1].values, "coverage@2"), 2.0 / 6);
  EXPECT_EQ(result.users.metric_count(), 1) << "only per-user metrics have a column";
  EXPECT_DOUBLE_EQ(result.users.standard_error(0), 0.25);
}

TEST(Collector, PairsTakeTheRelevantItemsThatMakeOneWithTheirUser) {
  RankingSetup setup;
  setup.users = {"warm", "cold"};
  setup.metrics = {{MetricKind::recall, 2}, {MetricKind::coverage, 2}};
  setup.n_items = 4;
  setup.groups = {{"both", false, {1, 0}, {1, 1, 0, 0}, false},
                  {"either", false, {0, 1}, {0, 0, 1, 1}, true}};
  RankingCollector collector(setup);
  const std::vector<Index> ranked{0, 3, 1, 2}, relevant{0, 1, 2};
  collector.add(0, ranked, relevant);
  collector.add(1, ranked, relevant);
  const Evaluation result = collector.finish();
  EXPECT_EQ(result.groups[0].users, 1);
  EXPECT_DOUBLE_EQ(value_of(result.groups[0].values, "recall@2"), 1.0 / 2) << "0 of {0, 1}";
  EXPECT_TRUE(std::isnan(value_of(result.groups[0].values, "coverage@2")));
  EXPECT_EQ(result.groups[1].users, 2);
  EXPECT_DOUBLE_EQ(value_of(result.groups[1].values, "recall@2"), (0.0 + 1.0 / 3) / 2)
      << "the warm user's cold item {2}, all three of the cold user";
}

}  // namespace
}  // namespace kindred::eval
