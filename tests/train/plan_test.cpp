// Epochs and passes: how many steps, of which batches.

#include "train/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "train/fit.h"
#include "train/toy.h"

namespace kindred::train {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Batches = std::vector<std::pair<int64_t, int64_t>>;

struct Trial {
  std::shared_ptr<toy::Model> model = std::make_shared<toy::Model>();
  model::Stage stage;

  explicit Trial(std::vector<int64_t> steps) : stage(toy::stage(model, std::move(steps))) {}

  /// The batches of each objective, by (pass, step), in the order they are read.
  std::vector<Batches> read() {
    std::vector<Batches> batches(stage.objectives.size());
    Plan plan(stage);
    for (int64_t epoch = 0; epoch < stage.train.epochs; ++epoch) {
      const int64_t steps = plan.steps(epoch);
      for (int64_t step = 0; step < steps; ++step) {
        const StepPlan one = plan.at(epoch, step);
        auto& own = batches[one.objective];
        own.insert(own.end(), one.batches.begin(), one.batches.end());
      }
    }
    return batches;
  }
};

TEST(Plan, EpochsOfSomeStepsGoOnInTheData) {
  Trial trial({5});
  trial.stage.train.steps_per_epoch = 3;
  trial.stage.train.epochs = 4;
  const Batches expected{{0, 0}, {0, 1}, {0, 2}, {0, 3}, {0, 4}, {1, 0},
                         {1, 1}, {1, 2}, {1, 3}, {1, 4}, {2, 0}, {2, 1}};
  EXPECT_EQ(trial.read()[0], expected);
  Plan plan(trial.stage);
  EXPECT_EQ(plan.total(), 12);
  EXPECT_EQ(plan.at(3, 2).batches, Batches({{2, 1}})) << "any step at once, as on resume";
  trial.stage.train.max_steps = 7;
  EXPECT_EQ(Plan(trial.stage).total(), 7);
}

TEST(Plan, LongerEpochsThanAPassReadItAgain) {
  Trial trial({2});
  trial.stage.train.steps_per_epoch = 5;
  trial.stage.train.epochs = 1;
  EXPECT_EQ(trial.read()[0], Batches({{0, 0}, {0, 1}, {1, 0}, {1, 1}, {2, 0}}));
}

TEST(Plan, AccumulatedStepsGoOnToo) {
  Trial trial({5});
  trial.stage.train.accumulate = 2;
  trial.stage.train.steps_per_epoch = 2;
  trial.stage.train.epochs = 2;
  EXPECT_EQ(trial.read()[0], Batches({{0, 0}, {0, 1}, {0, 2}, {0, 3}, {0, 4}, {1, 0}, {1, 1}}));
}

TEST(Plan, ShorterObjectivesReadNoBatchTwice) {
  Trial trial({4, 2});
  trial.stage.train.steps_per_epoch = 3;
  trial.stage.train.epochs = 5;
  const std::vector<Batches> batches = trial.read();
  EXPECT_EQ(batches[0], Batches({{0, 0}, {0, 1}, {0, 2}, {0, 3}, {1, 0}, {1, 1}, {1, 2}, {1, 3}}));
  // Two passes are begun: the shorter one's second round of pass 0 is its pass 2.
  EXPECT_EQ(batches[1], Batches({{0, 0}, {0, 1}, {2, 0}, {2, 1}, {1, 0}, {1, 1}, {3, 0}}));
}

TEST(Plan, EpochByEpochTurnsGoOnToo) {
  Trial trial({3, 2});
  trial.stage.alternation = model::Alternation::epoch;
  trial.stage.train.steps_per_epoch = 4;
  trial.stage.train.epochs = 2;
  const std::vector<Batches> batches = trial.read();
  EXPECT_EQ(batches[0], Batches({{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}}));
  EXPECT_EQ(batches[1], Batches({{0, 0}, {0, 1}}));
}

TEST(Plan, SaysHowOftenDataArePassedOver) {
  EXPECT_THAT(Plan(Trial({4}).stage).in_words(), IsEmpty());
  EXPECT_THAT(Plan(Trial({4, 4}).stage).in_words(), IsEmpty());
  EXPECT_THAT(Plan(Trial({10, 4}).stage).in_words(),
              ElementsAre("an epoch is one over the data of objective0 (10 steps); that of "
                          "objective1 (4) is passed over 2.5 times in it"));
  Trial turns({10, 4});
  turns.stage.alternation = model::Alternation::epoch;
  EXPECT_THAT(Plan(turns.stage).in_words(), IsEmpty());
  Trial some({8});
  some.stage.train.steps_per_epoch = 2;
  some.stage.train.epochs = 10;
  EXPECT_THAT(Plan(some.stage).in_words(),
              ElementsAre("an epoch is 2 steps, a pass over the data 8: 20 steps are 2.5 passes"));
}

TEST(Plan, IsSaidOnceBeforeTraining) {
  Trial trial({4, 2});
  FitContext context;
  context.quiet = true;
  testing::internal::CaptureStderr();
  fit(trial.stage, context);
  const std::string said = testing::internal::GetCapturedStderr();
  const size_t at = said.find("stage toy: an epoch is one over the data of objective0");
  EXPECT_NE(at, std::string::npos) << said;
  EXPECT_THAT(said, HasSubstr("passed over 2 times"));
  EXPECT_EQ(said.find("passed over", said.find("passed over") + 1), std::string::npos);
}

TEST(Plan, StepsAnEpochDecideWhenToValidate) {
  Trial trial({5});
  trial.stage.train.steps_per_epoch = 2;
  trial.stage.train.epochs = 3;
  trial.stage.train.select = "loss";
  FitContext context;
  context.quiet = true;
  std::vector<int64_t> steps;
  context.record = [&](const Json& record) {
    if (record.contains("valid")) steps.push_back(record["step"].get<int64_t>());
  };
  EXPECT_EQ(fit(trial.stage, context).steps, 6);
  EXPECT_THAT(steps, ElementsAre(2, 4, 6));
}

TEST(Plan, NothingToPassOverIsAnError) {
  Trial trial({0});
  trial.stage.train.steps_per_epoch = 3;
  EXPECT_THROW(Plan(trial.stage).total(), Error);
}

}  // namespace
}  // namespace kindred::train
