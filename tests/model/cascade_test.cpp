#include "model/cascade.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace kindred::model {
namespace {

/// Scores every query by the same row.
struct Fixed : Recommender {
  explicit Fixed(std::vector<float> scores, bool all = true) : row(std::move(scores)), every(all) {}
  std::string name() const override { return "fixed"; }
  Capabilities capabilities() const override { return {.scores = true, .scores_all = every}; }
  int64_t item_count() const override { return static_cast<int64_t>(row.size()); }
  torch::Tensor score(std::span<const Query>, const torch::Tensor& candidates) override {
    asked = std::max(asked, candidates.size(1));
    return torch::tensor(row).index({candidates});
  }
  void score_all(std::span<const Query>, torch::Tensor& out) override {
    out.copy_(torch::tensor(row).expand_as(out));
  }
  int64_t preferred_queries() const override { return 2; }
  Json save(const std::filesystem::path&) const override { return nullptr; }

  std::vector<float> row;
  bool every;
  int64_t asked = 0;
};

const std::vector<float> coarse{6, 5, 4, 3, 2, 1};
const std::vector<float> fine{1, 3, 2, 9, 9, 9};

TEST(Cascade, RanksTheRetrieversBestAndLeavesTheRestBehind) {
  const auto ranker = std::make_shared<Fixed>(fine, false);
  Cascade cascade(std::make_shared<Fixed>(coarse), ranker, 3);
  const std::vector<Query> queries(5);
  const std::vector<std::vector<Index>> masked{{}, {1}, {0, 1, 2}, {0, 1, 2, 3, 4}, {}};
  const TopItems top =
      cascade.top({.queries = queries, .k = 5, .masked = masked, .tie_ranks = {}, .among = {}});
  EXPECT_EQ(top.items[0], (std::vector<Index>{1, 2, 0, 3, 4}));
  EXPECT_EQ(top.scores[0], (std::vector<float>{3, 2, 1, 0, -1}));
  EXPECT_EQ(top.items[1], (std::vector<Index>{3, 2, 0, 4, 5}));
  EXPECT_EQ(top.items[2], (std::vector<Index>{3, 4, 5})) << "equal scores go by number";
  EXPECT_EQ(top.items[3], (std::vector<Index>{5}));
  EXPECT_EQ(ranker->asked, 3) << "the ranker is asked about the retriever's best alone";
}

TEST(Cascade, AsksDeeperThanTheListIsLong) {
  Cascade cascade(std::make_shared<Fixed>(coarse), std::make_shared<Fixed>(fine), 4);
  const std::vector<Query> queries(1);
  const TopItems top =
      cascade.top({.queries = queries, .k = 2, .masked = {}, .tie_ranks = {}, .among = {}});
  EXPECT_EQ(top.items[0], (std::vector<Index>{3, 1})) << "the fourth is ranked first";
}

TEST(Cascade, ScoresFallAlongTheSameList) {
  Cascade cascade(std::make_shared<Fixed>(coarse), std::make_shared<Fixed>(fine, false), 3);
  const std::vector<Query> queries(1);
  torch::Tensor all = torch::empty({1, 6});
  cascade.score_all(queries, all);
  EXPECT_TRUE(torch::equal(all, torch::tensor({{1.0f, 3.0f, 2.0f, 0.0f, -1.0f, -2.0f}})));
  // Among candidates the first three of these are the retriever's best.
  const torch::Tensor some = cascade.score(queries, torch::tensor({{5, 0, 4, 2}}));
  EXPECT_TRUE(torch::equal(some, torch::tensor({{0.0f, 1.0f, 9.0f, 2.0f}})));
}

TEST(Cascade, RefusesPartsThatCannotDoTheirPart) {
  const auto good = std::make_shared<Fixed>(coarse);
  EXPECT_THROW(Cascade(std::make_shared<Fixed>(coarse, false), good, 3), Error);
  EXPECT_THROW(Cascade(good, std::make_shared<Fixed>(std::vector<float>{1}), 3), Error);
}

}  // namespace
}  // namespace kindred::model
