// Recipes, run folders, the registry and the generated page.

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "core/error.h"
#include "core/files.h"
#include "core/yaml.h"
#include "run/check_recipe.h"
#include "run/options_page.h"
#include "run/recipe.h"
#include "run/registry.h"
#include "run/run_folder.h"

namespace kindred::run {
namespace {

class RunTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("kindred-run-" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST(OptionsPage, IsTheCommittedOne) {
  const std::string committed = read_file(fs::path(KINDRED_SOURCE_DIR) / "docs/options.md");
  EXPECT_TRUE(committed == options_page()) << "docs/options.md is not what the option structs say; "
                                              "run: build/release/kindred list --page > "
                                              "docs/options.md";
}

TEST(Recipes, EveryShippedOneReads) {
  int count = 0;
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(KINDRED_SOURCE_DIR) / "recipes")) {
    if (entry.path().extension() != ".yaml" || entry.path().parent_path().filename() == "lm")
      continue;
    std::vector<std::string> problems;
    plan_methods(load_recipe(entry.path(), {}, problems), problems);
    EXPECT_TRUE(problems.empty()) << entry.path() << ": " << (problems.empty() ? "" : problems[0]);
    const std::string first = read_file(entry.path()).substr(0, 200);
    EXPECT_NE(first.find("kindred "), std::string::npos)
        << entry.path() << " does not open with its launch command";
    ++count;
  }
  EXPECT_GT(count, 0);
}

TEST_F(RunTest, AssignmentsComeOnTopAndProblemsAllAtOnce) {
  write_file(folder_ / "r.yaml", "data: {path: sample}\nmethod: ease\nease: {l2: 1.0}\nseed: 3\n");
  std::vector<std::string> problems;
  const Recipe recipe =
      load_recipe(folder_ / "r.yaml", {"ease.l2=5", "data.split.seed=7"}, problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(recipe.method_options, Json({{"l2", 5}}));
  EXPECT_EQ(recipe.data.split.seed, 7u);
  EXPECT_EQ(recipe.seed, 3u);
  load_recipe(folder_ / "r.yaml", {"sed=1", "data.k_core=many", "threads=-2"}, problems);
  EXPECT_EQ(problems.size(), 3u);
  EXPECT_THROW(load_recipe(folder_ / "none.yaml", {}, problems), Error);
}

TEST_F(RunTest, ALogLosesItsTornLineAndWhatAStageWillWriteAgain) {
  RunLog log(folder_ / "log.jsonl");
  for (int step = 0; step < 3; ++step) log.append({{"stage", "a"}, {"step", step}});
  for (int step = 0; step < 3; ++step) log.append({{"stage", "b"}, {"step", step}});
  std::ofstream(folder_ / "log.jsonl", std::ios::app) << "{\"stage\": \"b\", \"st";
  EXPECT_EQ(read_log(folder_ / "log.jsonl").size(), 6u);
  log.cut_back("b", 1);
  const std::vector<Json> left = read_log(folder_ / "log.jsonl");
  ASSERT_EQ(left.size(), 4u);
  EXPECT_EQ(left[3].at("stage"), "b");
  EXPECT_EQ(left[3].at("step"), 0);
}

TEST_F(RunTest, TensorBoardEventsAreCutBackWithTheLog) {
  const fs::path events = folder_ / "tensorboard";
  {
    RunLog log(folder_ / "log.jsonl", events);
    for (const char* stage : {"a", "b"})
      for (int step = 1; step <= 4; ++step)
        log.append({{"stage", stage}, {"objective", "o"}, {"step", step}, {"loss", 1.0 / step}});
  }
  RunLog log(folder_ / "log.jsonl", events);
  log.cut_back("b", 1);
  log.append({{"stage", "b"}, {"step", 2}, {"valid", {{"ndcg@10", 0.5}}}});
  EXPECT_EQ(read_log(folder_ / "log.jsonl").size(), 6u);
  EXPECT_EQ(train::TensorBoard(events / "a").written(), 4);
  EXPECT_EQ(train::TensorBoard(events / "b").written(), 2);
}

TEST(Log, RecordsBecomeScalarsByTag) {
  const Json step{{"stage", "a"}, {"objective", "content"}, {"step", 3}, {"loss", 2.5}};
  const Json validation{
      {"stage", "a"}, {"step", 3}, {"valid", {{"ndcg@10", 0.5}, {"auc", nullptr}}}, {"best", true}};
  EXPECT_EQ(scalars_of(step), (train::TensorBoard::Scalars{{"loss/content", 2.5}}));
  EXPECT_EQ(scalars_of(validation), (train::TensorBoard::Scalars{{"valid/ndcg@10", 0.5}}));
}

TEST_F(RunTest, FilesOfANewerProgramAreRefused) {
  write_file(folder_ / "x.json", "{\"schema\": 99}");
  try {
    read_own_json(folder_ / "x.json");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::bad_data);
    EXPECT_NE(std::string(error.what()).find("99"), std::string::npos);
  }
}

TEST_F(RunTest, TheRegistryKeepsTheLastStateOfARun) {
  register_run(folder_, {"f", "d", "r", "m", "running", "2026-01-01T00:00:00Z", "", Json()});
  register_run(folder_, {"f", "d", "r", "m", "finished", "2026-01-01T00:00:00Z",
                         "2026-01-02T00:00:00Z", Json{{"recall@20", 0.5}}});
  const auto runs = registered_runs(folder_);
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].state, "finished");
  EXPECT_EQ(runs[0].test.at("recall@20"), 0.5);
}

}  // namespace
}  // namespace kindred::run
