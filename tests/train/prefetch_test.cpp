// The thread that builds batches ahead. No test computes with tensors, so that ThreadSanitizer,
// which does not see into LibTorch, can judge all of it (scripts/ci/tsan.sh).
#include "train/prefetch.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::train {
namespace {

struct Numbers : model::Batch {
  std::vector<int64_t> numbers;
  int64_t rows() const override { return static_cast<int64_t>(numbers.size()); }
  double label_count() const override { return static_cast<double>(numbers.size()); }
  void to(torch::Device) override {}
};

/// Batches of 1,000 numbers that say which step they are of; what was asked for is written down
/// without a lock, as an objective of the library would.
struct Counting : model::Objective {
  std::string name() const override { return "counting"; }
  int64_t steps(int64_t) const override { return 7; }
  std::unique_ptr<model::Batch> batch(int64_t epoch, int64_t step) const override {
    asked.emplace_back(epoch, step);
    by = std::this_thread::get_id();
    if (epoch == broken_epoch) throw Error(Exit::bad_data, "batch", cat("of epoch ", epoch));
    auto made = std::make_unique<Numbers>();
    made->numbers.assign(1000, epoch * 100 + step);
    return made;
  }
  model::LossParts loss(const model::Batch&) override { return {}; }

  int64_t broken_epoch = -1;
  mutable std::vector<std::pair<int64_t, int64_t>> asked;
  mutable std::thread::id by;
};

struct Prefetch : testing::Test {
  Prefetch() {
    stage.objectives = {objective};
    stage.train.epochs = 3;
  }
  std::shared_ptr<Counting> objective = std::make_shared<Counting>();
  model::Stage stage;
};

std::vector<int64_t> read_all(Prefetcher& source) {
  std::vector<int64_t> seen;
  while (const auto step = source.next())
    for (const auto& batch : step->batches) {
      const auto& numbers = static_cast<const Numbers&>(*batch).numbers;
      EXPECT_EQ(numbers.size(), 1000u);
      for (const int64_t number : numbers) EXPECT_EQ(number, numbers.front());
      seen.push_back(numbers.front());
    }
  return seen;
}

TEST_F(Prefetch, EveryStepComesOnceInOrderFromAnotherThread) {
  std::vector<int64_t> all;
  {
    Prefetcher source(stage, 0, 0);
    all = read_all(source);
    EXPECT_FALSE(source.next().has_value()) << "the end is the end";
  }
  std::vector<int64_t> expected;
  for (int64_t epoch = 0; epoch < 3; ++epoch)
    for (int64_t step = 0; step < 7; ++step) expected.push_back(epoch * 100 + step);
  EXPECT_EQ(all, expected);
  EXPECT_EQ(objective->asked.size(), expected.size());
  EXPECT_NE(objective->by, std::this_thread::get_id());
}

TEST_F(Prefetch, BeginsWhereItIsTold) {
  stage.train.accumulate = 3;  // three steps of 3, 3 and 1 batches
  Prefetcher source(stage, 1, 2);
  const auto first = source.next();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->epoch, 1);
  EXPECT_EQ(first->step, 2);
  EXPECT_EQ(first->steps_in_epoch, 3);
  EXPECT_EQ(first->batches.size(), 1u);
  EXPECT_EQ(read_all(source), (std::vector<int64_t>{200, 201, 202, 203, 204, 205, 206}));
}

TEST_F(Prefetch, AFailureComesAfterTheStepsBeforeIt) {
  objective->broken_epoch = 1;
  Prefetcher source(stage, 0, 5);
  EXPECT_EQ(source.next()->step, 5);
  EXPECT_EQ(source.next()->step, 6);
  for (int i = 0; i < 2; ++i) {
    try {
      source.next();
      FAIL() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::bad_data);
    }
  }
}

TEST_F(Prefetch, MayBeLeftAtAnyStep) {
  stage.train.epochs = 1000000;
  for (int taken = 0; taken < 8; ++taken) {
    objective->asked.clear();
    {
      Prefetcher source(stage, 0, 0);
      for (int i = 0; i < taken; ++i) ASSERT_TRUE(source.next().has_value());
    }
    EXPECT_LE(objective->asked.size(), static_cast<size_t>(taken) + 3)
        << "two are kept ready and one waits for its place";
  }
}

}  // namespace
}  // namespace kindred::train
