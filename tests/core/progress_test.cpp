#include "core/progress.h"

#include <gtest/gtest.h>

#include "core/log.h"

namespace kindred {
namespace {

ProgressState half() {
  return {.label = "train",
          .unit = "steps",
          .note = "loss 3.21",
          .total = 1000,
          .done = 450,
          .seconds = 36};
}

TEST(Progress, ThePlainLineSaysCountRateAndTimeLeft) {
  EXPECT_EQ(progress_line(half()),
            "train: 450/1,000 steps (45%), 12.5 steps/s, 0:44 left, loss 3.21");
  ProgressState state = half();
  state.total = 0;
  EXPECT_EQ(progress_line(state), "train: 450 steps, 12.5 steps/s, loss 3.21");
  state.seconds = 0;
  EXPECT_EQ(progress_line(state), "train: 450 steps, loss 3.21");
}

TEST(Progress, TheLastLineSaysHowLongItTook) {
  ProgressState state = half();
  state.finished = true;
  state.seconds = 3700;
  state.done = 1000;
  EXPECT_EQ(progress_line(state), "train: 1,000 steps, 0.27 steps/s, took 1:01:40, loss 3.21");
  state.done = 999;
  EXPECT_EQ(progress_line(state), "train: 999/1,000 steps, 0.27 steps/s, took 1:01:40, loss 3.21");
}

TEST(Progress, WhatWasSkippedDoesNotCountForTheRate) {
  ProgressState state = half();
  state.skipped = 414;
  EXPECT_EQ(progress_line(state), "train: 450/1,000 steps (45%), 1 steps/s, 9:10 left, loss 3.21");
}

TEST(Progress, TheBarFitsTheTerminal) {
  EXPECT_EQ(progress_bar(half(), 100),
            "train [=============>                ] 450/1,000 steps (45%)  12.5 steps/s  0:44 left "
            " loss 3.21");
  for (size_t columns = 1; columns < 120; ++columns)
    EXPECT_LE(progress_bar(half(), columns).size(), columns);
  ProgressState state = half();
  state.done = 2000;  // more than announced
  EXPECT_NE(progress_bar(state, 100).find("[==============================]"), std::string::npos);
  state.note = "Überlänge é";
  state.label = "ééé";
  for (size_t columns = 0; columns < 20; ++columns) {
    const std::string bar = progress_bar(state, columns);
    EXPECT_TRUE(bar.empty() || bar.size() <= columns);
    EXPECT_EQ(std::count_if(bar.begin(), bar.end(), [](char c) { return c == '\xc3'; }),
              std::count_if(bar.begin(), bar.end(), [](char c) { return c == '\xa9'; }));
  }
}

TEST(Progress, WritesPlainLinesElsewhereAndNothingForShortTasksOrQuietLogs) {
  testing::internal::CaptureStderr();
  {
    Progress progress("short", 10);
    for (int i = 0; i < 10; ++i) progress.tick();
    progress.finish();
  }
  log::set_level(log::Level::warning);
  {
    Progress progress("quiet", 10);
    progress.tick(10);
    progress.finish();
  }
  log::info("dropped");
  log::warning("kept");
  log::set_level(log::Level::info);
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("short"), std::string::npos);
  EXPECT_EQ(text.find("quiet"), std::string::npos);
  EXPECT_EQ(text.find("dropped"), std::string::npos);
  EXPECT_NE(text.find("kept"), std::string::npos);
}

}  // namespace
}  // namespace kindred
