// Answers and scores of a saved run whose recommender can do more than the classical ones.

#include <gmock/gmock.h>

#include "core/error.h"
#include "run/recommend.h"

namespace kindred::run {
namespace {

/// Scores an item by its number, says what it was asked.
struct Talker : model::Recommender {
  bool talks = true;
  std::vector<data::Index> history;
  std::string name() const override { return "talker"; }
  model::Capabilities capabilities() const override {
    return {.scores = true, .probabilities = true, .answers = talks};
  }
  int64_t item_count() const override { return 3; }
  torch::Tensor score(std::span<const model::Query>, const torch::Tensor& candidates) override {
    return candidates.to(torch::kFloat);
  }
  torch::Tensor probabilities(const torch::Tensor& scores) const override {
    return torch::sigmoid(scores);
  }
  std::vector<std::string> answer(const model::AnswerRequest& request) override {
    history = request.queries[0].history;
    return {request.question.empty() ? "What next?" : "You asked: " + request.question};
  }
  Json save(const std::filesystem::path&) const override { return nullptr; }
};

/// A run of two people and three items, opened.
OpenedRun opened(std::shared_ptr<Talker> talker) {
  OpenedRun run;
  run.method = "talker";
  run.recommender = std::move(talker);
  run.users = std::make_shared<data::IdMap>();
  run.items = std::make_shared<data::IdMap>();
  for (const char* user : {"ann", "bob"}) run.users->add(user);
  for (const char* item : {"x", "y", "z"}) run.items->add(item);
  run.titles = {"X", "Y", "Z"};
  run.training_counts = {1, 1, 0};
  run.history = {{0}, {1, 0}};
  run.known = {{0}, {0, 1}};
  run.train = {{0}, {1}};
  return run;
}

TEST(Answers, AreAskedOfTheRecommenderWithThePersonsHistory) {
  const auto talker = std::make_shared<Talker>();
  OpenedRun run = opened(talker);
  EXPECT_EQ(answer(run, "bob", "why?"), "You asked: why?");
  EXPECT_THAT(talker->history, testing::ElementsAre(1, 0));
  EXPECT_EQ(answer(run, "ann"), "What next?");
  EXPECT_THROW(answer(run, "cid", "why?"), Error);
}

TEST(Answers, ARecommenderWithoutThemSaysSo) {
  const auto talker = std::make_shared<Talker>();
  talker->talks = false;
  OpenedRun run = opened(talker);
  try {
    answer(run, "bob", "why?");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::config);
    EXPECT_THAT(error.what(), testing::HasSubstr("'answers'"));
  }
}

TEST(Scores, ComeWithProbabilitiesWhereTheRecommenderHasThem) {
  OpenedRun run = opened(std::make_shared<Talker>());
  RecommendRequest whom;
  whom.history = {"y"};
  const Recommendation scored = score_items(run, whom, {"z", "x", "nothing"});
  ASSERT_EQ(scored.items.size(), 2u);
  EXPECT_THAT(scored.unknown, testing::ElementsAre("nothing"));
  EXPECT_EQ(scored.items[0].score, 2.0);
  ASSERT_TRUE(scored.items[0].probability);
  EXPECT_NEAR(*scored.items[0].probability, 0.880797, 1e-6);
  EXPECT_TRUE(scored.items[0].cold);
  EXPECT_NEAR(to_json(scored).at("items").at(1).at("probability").get<double>(), 0.5, 1e-9);
}

}  // namespace
}  // namespace kindred::run
