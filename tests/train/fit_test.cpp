#include "train/fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <numeric>

#include "core/error.h"
#include "core/files.h"
#include "train/plan.h"
#include "train/schedule.h"
#include "train/toy.h"

namespace kindred::train {
namespace {

FitContext quiet_context() {
  FitContext context;
  context.quiet = true;
  return context;
}

TEST(Fit, TrainsATableAndAParameter) {
  auto model = std::make_shared<toy::Model>();
  model::Stage stage = toy::stage(model, {5});
  stage.train.epochs = 40;
  FitContext context = quiet_context();
  std::vector<double> losses;
  context.record = [&](const Json& record) {
    if (record.contains("loss")) losses.push_back(record["loss"].get<double>());
  };
  const torch::Tensor before = model->table.weight().clone();
  const FitResult result = fit(stage, context);
  EXPECT_EQ(result.epochs, 40);
  EXPECT_EQ(result.steps, 200);
  ASSERT_EQ(losses.size(), 200u);
  const double first = std::accumulate(losses.begin(), losses.begin() + 20, 0.0);
  const double last = std::accumulate(losses.end() - 20, losses.end(), 0.0);
  EXPECT_LT(last, 0.7 * first);
  EXPECT_FALSE(torch::equal(before, model->table.weight()));
  EXPECT_FALSE(model->dropout->is_training());
}

TEST(Fit, AccumulatedBatchesGiveTheGradientOfTheWhole) {
  // Batches have different sizes: the mean must be over labels, not over batches.
  std::vector<torch::Tensor> weights;
  for (const int64_t accumulate : {1, 3}) {
    auto model = std::make_shared<toy::Model>();
    model->dropout->options.p(0.0);
    model::Stage stage = toy::stage(model, {3});
    stage.train.epochs = 1;
    stage.train.optimizer = "sgd";
    stage.train.accumulate = accumulate;
    if (accumulate == 3) {
      fit(stage, quiet_context());
    } else {
      auto& objective = *stage.objectives[0];
      double labels = 0;
      torch::Tensor sum;
      for (int64_t b = 0; b < 3; ++b) {
        const auto batch = objective.batch(0, b);
        const model::LossParts parts = objective.loss(*batch);
        labels += parts.count;
        sum = sum.defined() ? sum + parts.sum : parts.sum;
      }
      (sum / labels).backward();
      torch::NoGradGuard no_grad;
      model->weight -= 0.01 * model->weight.grad();
    }
    weights.push_back(model->weight.detach().clone());
  }
  EXPECT_TRUE(torch::allclose(weights[0], weights[1], 1e-6, 1e-7));
}

TEST(Fit, StepsOfSeveralObjectivesTakeTurns) {
  auto model = std::make_shared<toy::Model>();
  model::Stage stage = toy::stage(model, {4, 2});
  stage.train.epochs = 2;
  std::vector<std::string> order;
  FitContext context = quiet_context();
  context.record = [&](const Json& record) {
    if (record.contains("objective")) order.push_back(record["objective"].get<std::string>());
  };
  fit(stage, context);
  ASSERT_EQ(order.size(), 16u);
  for (size_t i = 0; i < order.size(); ++i)
    EXPECT_EQ(order[i], i % 2 ? "objective1" : "objective0");
  // The shorter objective starts over with batches of its own: epoch e + epochs.
  const auto& seen = static_cast<toy::Objective&>(*stage.objectives[1]).seen;
  const std::vector<std::pair<int64_t, int64_t>> expected{{0, 0}, {0, 1}, {2, 0}, {2, 1},
                                                          {1, 0}, {1, 1}, {3, 0}, {3, 1}};
  EXPECT_EQ(seen, expected);
}

TEST(Fit, EpochsOfSeveralObjectivesTakeTurns) {
  auto model = std::make_shared<toy::Model>();
  model::Stage stage = toy::stage(model, {3, 2});
  stage.alternation = model::Alternation::epoch;
  stage.train.epochs = 2;
  std::string order;
  FitContext context = quiet_context();
  context.record = [&](const Json& record) {
    if (record.contains("objective")) order += record["objective"].get<std::string>().back();
  };
  fit(stage, context);
  EXPECT_EQ(order, "0001100011");
}

TEST(Fit, StopsEarlyAndPutsTheBestStateBack) {
  auto model = std::make_shared<toy::Model>();
  model::Stage stage = toy::stage(model, {2});
  stage.train.epochs = 50;
  stage.train.patience = 3;
  stage.train.select = "quality";
  const std::vector<double> qualities{1, 5, 4, 7, 6, 6, 6, 9, 9};
  std::vector<torch::Tensor> tables;
  FitContext context = quiet_context();
  context.validate = [&]() -> Validation {
    EXPECT_FALSE(model->dropout->is_training());
    tables.push_back(model->table.weight().clone());
    const double quality = qualities[tables.size() - 1];
    return {{{"badness", -quality}}, quality};
  };
  const FitResult result = fit(stage, context);
  EXPECT_EQ(result.epochs, 7);
  EXPECT_EQ(result.best_epoch, 4);
  EXPECT_EQ(result.best, 7);
  EXPECT_TRUE(torch::equal(model->table.weight(), tables[3]));
}

TEST(Fit, MaxStepsEndTheStageInsideAnEpoch) {
  auto model = std::make_shared<toy::Model>();
  model::Stage stage = toy::stage(model, {5});
  stage.train.max_steps = 7;
  EXPECT_EQ(fit(stage, quiet_context()).steps, 7);
}

TEST(Fit, DivergenceWritesTheBatchAndNamesThePlace) {
  const fs::path folder = fs::path(testing::TempDir()) / "kindred-diverged";
  fs::remove_all(folder);
  auto model = std::make_shared<toy::Model>();
  model::Stage stage = toy::stage(model, {2});
  static_cast<toy::Objective&>(*stage.objectives[0]).factor = INFINITY;
  FitContext context = quiet_context();
  context.folder = folder;
  const torch::Tensor before = model->table.weight().clone();
  try {
    fit(stage, context);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::internal);
    EXPECT_NE(std::string(error.what()).find("epoch 1, step 1"), std::string::npos) << error.what();
  }
  EXPECT_TRUE(torch::equal(before, model->table.weight()));
  const Json report = read_json((folder / "diverged-1.json").string());
  EXPECT_FALSE(report["batches"][0]["content"]["ids"].empty());
}

TEST(Fit, AnEmptyEpochIsAnError) {
  auto model = std::make_shared<toy::Model>();
  model::Stage stage = toy::stage(model, {0});
  EXPECT_THROW(fit(stage, quiet_context()), Error);
}

TEST(Fit, SelectingWithoutValidationIsAnError) {
  auto model = std::make_shared<toy::Model>();
  model::Stage stage = toy::stage(model, {2});
  stage.train.select = "ndcg@10";
  try {
    fit(stage, quiet_context());
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::config);
  }
}

TEST(Fit, AValidationWithoutAValueToSelectByIsAnError) {
  auto model = std::make_shared<toy::Model>();
  model::Stage stage = toy::stage(model, {2});
  stage.train.select = "ndcg@10";
  FitContext context = quiet_context();
  context.validate = [] { return Validation{{{"auc", 0.5}}, std::nullopt}; };
  try {
    fit(stage, context);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::config);
    EXPECT_NE(std::string(error.what()).find("stages.toy.select"), std::string::npos);
  }
}

TEST(Schedule, WarmsUpAndFalls) {
  model::TrainOptions options;
  options.learning_rate = 2.0;
  options.final_learning_rate = 0.5;
  options.warmup_steps = 4;
  EXPECT_DOUBLE_EQ(learning_rate(options, {1, 12}), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate(options, {4, 12}), 2.0);
  EXPECT_DOUBLE_EQ(learning_rate(options, {12, 12}), 2.0);
  options.schedule = "linear";
  EXPECT_DOUBLE_EQ(learning_rate(options, {8, 12}), 1.25);
  EXPECT_DOUBLE_EQ(learning_rate(options, {12, 12}), 0.5);
  options.schedule = "cosine";
  EXPECT_DOUBLE_EQ(learning_rate(options, {4, 12}), 2.0);
  EXPECT_NEAR(learning_rate(options, {6, 12}), 0.5 + 1.5 * (0.5 + 0.5 * std::sqrt(0.5)), 1e-12);
  EXPECT_DOUBLE_EQ(learning_rate(options, {12, 12}), 0.5);
}

TEST(Schedule, WarmsUpFromARate) {
  model::TrainOptions options;
  options.learning_rate = 2.0;
  options.warmup_steps = 4;
  options.warmup_from = 1.0;
  EXPECT_DOUBLE_EQ(learning_rate(options, {1, 12}), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate(options, {3, 12}), 1.5);
  EXPECT_DOUBLE_EQ(learning_rate(options, {5, 12}), 2.0);
}

// The rates of CoLLM's scheduler for 50 iterations an epoch, 200 warm-up steps, 10 epochs: worked
// out from its formula, where `done` is the number of steps before this one.
TEST(Schedule, RestartsAsReleased) {
  model::TrainOptions options;
  options.learning_rate = 1e-3;
  options.final_learning_rate = 8e-5;
  options.warmup_steps = 200;
  options.warmup_from = 1e-5;
  options.warmup = "per-epoch";
  options.schedule = "cosine";
  const auto rate = [&](int64_t done) {
    return learning_rate(options, {done + 1, 500, done % 50 + 1});
  };
  EXPECT_DOUBLE_EQ(rate(0), 1e-5);
  EXPECT_DOUBLE_EQ(rate(49), 1e-5 + 9.9e-4 * 49 / 200);  // a quarter of the way, then back
  EXPECT_DOUBLE_EQ(rate(50), 1e-5);
  EXPECT_DOUBLE_EQ(rate(199), 1e-5 + 9.9e-4 * 49 / 200);
  EXPECT_NEAR(rate(200), 8e-5 + 9.2e-4 * 0.5 * (1 + std::cos(std::numbers::pi * 0.4)), 1e-15);
  EXPECT_NEAR(rate(250), 8e-5 + 9.2e-4 * 0.5, 1e-15);
}

}  // namespace
}  // namespace kindred::train
