// People and items that came after training, over scores worked out by hand.

#include "model/extended.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace kindred::model {
namespace {

/// Score of item i: i's weight, plus 10 for every item of the history, minus 1 for a known person.
struct Toy : Recommender {
  std::vector<float> weights{3, 1, 2};
  std::vector<Query> asked;

  std::string name() const override { return "toy"; }
  Capabilities capabilities() const override {
    return {.scores = true, .scores_all = true, .represents = true, .answers = true};
  }
  int64_t item_count() const override { return 3; }
  void score_all(std::span<const Query> queries, torch::Tensor& out) override {
    ASSERT_EQ(out.size(1), 3);
    asked.assign(queries.begin(), queries.end());
    for (size_t b = 0; b < queries.size(); ++b)
      for (int i = 0; i < 3; ++i)
        out[static_cast<int64_t>(b)][i] = weights[static_cast<size_t>(i)] +
                                          10.0f * static_cast<float>(queries[b].history.size()) -
                                          static_cast<float>(queries[b].user.has_value());
  }
  bool is_cold(Index item) const override { return item == 1; }
  Json save(const std::filesystem::path&) const override { return {}; }
};

using Items = std::vector<Index>;
using Scores = std::vector<float>;

/// Two people were trained; two items are new.
struct ExtendedTest : testing::Test {
  std::shared_ptr<Toy> toy = std::make_shared<Toy>();
  Extended extended{toy, 2, 5};
  std::vector<Query> queries = [] {
    std::vector<Query> made(2);
    made[0].user = 1;
    made[0].history = {4, 0};
    made[0].times = {7, 9};
    made[1].user = 2;  // came later
    made[1].history = {3};
    return made;
  }();
};

TEST_F(ExtendedTest, NewPeopleAreNeverSeenAndNewItemsNoHistory) {
  torch::Tensor scores = torch::empty({2, 5});
  extended.score_all(queries, scores);
  EXPECT_TRUE(torch::equal(
      scores, torch::tensor({{12.0f, 10.0f, 11.0f, 9.0f, 9.0f}, {3.0f, 1.0f, 2.0f, 0.0f, 0.0f}})));
  EXPECT_EQ(toy->asked[0].user, 1);
  EXPECT_EQ(toy->asked[0].history, Items{0});
  EXPECT_EQ(toy->asked[0].times, std::vector<int64_t>{9});
  EXPECT_FALSE(toy->asked[1].user.has_value());
  EXPECT_TRUE(extended.is_cold(1));
  EXPECT_FALSE(extended.is_cold(2));
  EXPECT_TRUE(extended.is_cold(3));
  EXPECT_EQ(extended.item_count(), 5);
  EXPECT_FALSE(extended.capabilities().represents);
  EXPECT_THROW(extended.save("nowhere"), Error);
}

TEST_F(ExtendedTest, CandidatesThatAreNewLieBelowTheOthers) {
  const torch::Tensor asked = torch::tensor({{3, 1, 2}, {3, 4, 3}}, torch::kLong);
  EXPECT_TRUE(torch::equal(extended.score(queries, asked),
                           torch::tensor({{9.0f, 10.0f, 11.0f}, {10.5f, 10.5f, 10.5f}})))
      << "alone they are what is usual";
  const torch::Tensor old = torch::tensor({{0, 1}, {2, 1}}, torch::kLong);
  EXPECT_TRUE(
      torch::equal(extended.score(queries, old), torch::tensor({{12.0f, 10.0f}, {2.0f, 1.0f}})));
  const torch::Tensor nothing_known = torch::tensor({{3}, {4}}, torch::kLong);
  EXPECT_TRUE(torch::equal(extended.score(queries, nothing_known), torch::zeros({2, 1})));
}

TEST_F(ExtendedTest, ListsEndWithNewItems) {
  const std::vector<Items> masked{{0, 3}, {}};
  const std::vector<uint32_t> ties{4, 3, 2, 1, 0};
  const TopItems all =
      extended.top({.queries = queries, .k = 4, .masked = masked, .tie_ranks = ties, .among = {}});
  EXPECT_EQ(all.items[0], (Items{2, 1, 4}));
  EXPECT_EQ(all.scores[0], (Scores{11, 10, 9}));
  EXPECT_EQ(all.items[1], (Items{0, 2, 1, 4})) << "cut at k; of equals the smaller tie first";
  const Items some{1, 4}, fresh{3, 4};
  EXPECT_EQ(
      extended.top({.queries = queries, .k = 3, .masked = masked, .tie_ranks = ties, .among = some})
          .items,
      (std::vector<Items>{{1, 4}, {1, 4}}));
  EXPECT_EQ(
      extended
          .top({.queries = queries, .k = 3, .masked = masked, .tie_ranks = ties, .among = fresh})
          .items,
      (std::vector<Items>{{4}, {4, 3}}));
}

TEST_F(ExtendedTest, TiesAreRankedAmongTheTrainedItemsWhateverRanksTheNewOnesHave) {
  toy->weights = {2, 2, 2};
  // The new items come first, so that the trained ones hold the largest ranks.
  const std::vector<uint32_t> ranks{3, 4, 2, 1, 0};
  const TopItems top =
      extended.top({.queries = queries, .k = 5, .masked = {}, .tie_ranks = ranks, .among = {}});
  EXPECT_EQ(top.items[1], (Items{2, 0, 1, 4, 3}));
  EXPECT_EQ(top.scores[1], (Scores{2, 2, 2, 1, 1}));
}

}  // namespace
}  // namespace kindred::model
