// What a step of CLLM4Rec regularises and averages over, and what its stages train.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "methods/cllm4rec.h"
#include "methods/cllm4rec_fixture.h"

namespace kindred::methods::testing {
namespace {

using ::testing::ElementsAre;

std::vector<int64_t> sorted(const torch::Tensor& rows) {
  std::vector<int64_t> values(rows.data_ptr<int64_t>(), rows.data_ptr<int64_t>() + rows.numel());
  std::sort(values.begin(), values.end());
  return values;
}

TEST(Cllm4RecSteps, EveryUserAndItemOfAStepIsRegularisedWithATextOrWithout) {
  const Bench bench(small_shop(), {});
  EXPECT_THAT(bench.corpus->item_documented(), ElementsAre(1, 0, 0, 1, 0, 0, 1));
  std::vector<int64_t> items;
  for (const auto& history : shop_train) items.insert(items.end(), history.begin(), history.end());
  std::sort(items.begin(), items.end());
  for (const std::shared_ptr<Cllm4RecObjective>& objective :
       std::initializer_list<std::shared_ptr<Cllm4RecObjective>>{
           std::make_shared<CollaborativeObjective>(bench.parts, 5),
           std::make_shared<RecommendationObjective>(bench.parts, 5)}) {
    const auto batch = objective->batch(0, 0);
    EXPECT_THAT(sorted(as_ours(batch).mr_users), ElementsAre(0, 1, 2, 3, 4)) << objective->name();
    EXPECT_EQ(sorted(as_ours(batch).mr_items), items) << objective->name();
  }
}

TEST(Cllm4RecSteps, TheReleasedSumRegularisesWhatStandsInTheSequence) {
  Cllm4RecOptions options;
  options.wording = "released";  // the user stands twice in its recommendation prompt
  options.mr = "sum";
  options.target = "all";
  options.first_token = false;
  const Bench bench(small_shop(), options);
  const auto pretraining = CollaborativeObjective(bench.parts, 5).batch(0, 0);
  EXPECT_THAT(sorted(as_ours(pretraining).mr_users), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(as_ours(pretraining).mr_items.numel(), 16) << "the lone item of the fourth user too";
  EXPECT_EQ(as_ours(pretraining).items.items.numel(), 16 - 5);
  const auto finetuning = RecommendationObjective(bench.parts, 5).batch(0, 0);
  EXPECT_THAT(sorted(as_ours(finetuning).mr_users), ElementsAre(0, 0, 1, 1, 2, 2, 3, 3, 4, 4));
  EXPECT_EQ(sorted(as_ours(finetuning).mr_items),
            sorted(as_ours(finetuning).prompts.slots[item_slot]))
      << "held-out items are targets, and out of the released regulariser's sight";
  EXPECT_EQ(as_ours(finetuning).items.items.numel(), 16) << "all are targets";
}

// The released code has a mean over tokens in the language models' steps, one over people in
// finetuning.
TEST(Cllm4RecSteps, TokenMeansAreOfTheLanguageModelsAlone) {
  Cllm4RecOptions options;
  options.normalise = "token";
  const Bench bench(small_shop(), options);
  EXPECT_EQ(CollaborativeObjective(bench.parts, 5).batch(0, 0)->label_count(), 16);
  EXPECT_EQ(RecommendationObjective(bench.parts, 5).batch(0, 0)->label_count(), 5);
}

// A batch of people with nothing to predict has its regulariser's gradients all the same.
TEST(Cllm4RecSteps, APersonOfOneItemIsRegularisedWhereFirstItemsAreNotPredicted) {
  Cllm4RecOptions options;
  options.mr = "sum";
  options.first_token = false;
  Bench bench(make_shop({{0}, {2}}, 3, {{"0", "ok"}}, Json::object()), options);
  CollaborativeObjective objective(bench.parts, 2);
  const auto batch = objective.batch(0, 0);
  EXPECT_EQ(batch->rows(), 2);
  const model::LossParts parts = objective.loss(*batch);
  double distance = 0;
  for (const auto& [learned, fixed, row] :
       {std::tuple(&bench.parts->collaborative->user, &bench.parts->content->user, 0),
        {&bench.parts->collaborative->user, &bench.parts->content->user, 1},
        {&bench.parts->collaborative->item, &bench.parts->content->item, 0},
        {&bench.parts->collaborative->item, &bench.parts->content->item, 2}}) {
    distance += (learned->weight()[row] - fixed->weight()[row]).square().sum().item<double>();
  }
  EXPECT_NEAR(parts.sum.item<double>() / parts.count, distance, 1e-5 * distance);
  (parts.sum / parts.count).backward();
  EXPECT_GT(dense_gradient(bench.parts->collaborative->item)[2].abs().max().item<double>(), 0);
}

TEST(Cllm4RecSteps, TextsThatAreCutAreCounted) {
  Cllm4RecOptions options;
  const auto cut = [&](int64_t limit, int64_t most) {
    options.max_text_tokens = limit;
    const Bench bench(small_shop(), options);
    return ContentObjective(bench.parts, bench.corpus, {"warmup", 3, false}).cut_texts(most);
  };
  EXPECT_EQ(cut(0, 100).seen, 3);
  EXPECT_EQ(cut(0, 100).cut, 0) << "the context holds them all";
  EXPECT_EQ(cut(1, 100).cut, 3);
  EXPECT_EQ(cut(1, 2).seen, 2);
  EXPECT_EQ(cut(1, 2).cut, 2);
}

// A control of what texts add: content rows that nothing trains regularise all the same.
TEST(Cllm4RecStages, ContentRowsMayStayAsTheyWereDrawn) {
  const auto shop = small_shop();
  model::MethodContext context;
  context.data = shop;
  context.backbone.path = (fixture() / "backbone").string();
  context.backbone.precision = "fp32";
  const auto made = [&](const Json& options) {
    context.options = options;
    return make_cllm4rec(context);
  };
  const auto learned = made(Json::object()), control = made({{"content_training", "none"}});
  const auto all = learned->stages(), fewer = control->stages();
  ASSERT_EQ(all.size(), 3u);
  ASSERT_EQ(fewer.size(), 2u);
  EXPECT_EQ(fewer[0].name, "pretrain");
  EXPECT_EQ(fewer[0].objectives.size(), 1u);
  for (const model::Stage& stage : fewer) EXPECT_EQ(stage.tables.size(), 2u) << stage.name;
  EXPECT_EQ(all[1].tables.size(), 4u);
  const auto batch = fewer[0].objectives[0]->batch(0, 0);
  const auto shown = fewer[0].objectives[0]->loss(*batch).shown;
  EXPECT_EQ(shown.back().first, "mr");
  EXPECT_GT(shown.back().second, 0);
}

TEST(Cllm4RecStages, UserTablesMayHaveDenseMoments) {
  model::MethodContext context;
  context.data = small_shop();
  context.backbone.path = (fixture() / "backbone").string();
  context.backbone.precision = "fp32";
  for (const bool dense : {false, true}) {
    context.options = {{"adam_users", dense ? "dense" : "stage"}};
    const auto method = make_cllm4rec(context);
    for (const model::Stage& stage : method->stages()) {
      std::set<std::string> names;
      for (const model::Table* table : stage.dense_tables) names.insert(table->name());
      std::set<std::string> users;
      for (const model::Table* table : stage.tables) {
        if (dense && table->name().starts_with("users.")) users.insert(table->name());
      }
      EXPECT_EQ(names, users) << stage.name;
    }
  }
}

}  // namespace
}  // namespace kindred::methods::testing
