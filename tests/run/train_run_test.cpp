// Whole runs on a small store: what is reused, what is refused, what is left in the folder.

#include "run/train_run.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "run/align.h"
#include "run/small_store.h"

namespace kindred::run {
namespace {

using small::StoreTest;

const char* const md_cvae =
    "method: md-cvae\n"
    "md-cvae: {hidden_sizes: [8], latent_size: 4, content_hidden_sizes: [8], content: reviews}\n"
    "train: {epochs: 2, evaluate_every: 2}\n";

int cached(const Json& stages) {
  int count = 0;
  for (const Json& stage : stages) count += stage.value("cached", false);
  return count;
}

using StageReuse = StoreTest;

TEST_F(StageReuse, TheSameRecipeOnTheSameDataIsTrainedOnce) {
  train(request("first", md_cvae));
  train(request("second", md_cvae));
  const Json stages = stages_of("second");
  EXPECT_EQ(cached(stages_of("first")), 0);
  EXPECT_EQ(cached(stages), static_cast<int>(stages.size()));
}

TEST_F(StageReuse, AChangedReviewUnderTheSameSplitIsTrainedAnew) {
  train(request("before", md_cvae));
  small::write_store(folder_ / "store", "peculiar");
  train(request("after", md_cvae));
  const Json before = read_own_json(RunFolder{folder_ / "runs/before"}.data());
  const Json after = read_own_json(RunFolder{folder_ / "runs/after"}.data());
  EXPECT_EQ(before.at("fingerprint"), after.at("fingerprint"));
  EXPECT_NE(before.at("content_fingerprint"), after.at("content_fingerprint"));
  EXPECT_EQ(cached(stages_of("after")), 0);
}

TEST_F(StageReuse, AnAlignedCopyKeepsTheFingerprintOfItsTexts) {
  train(request("pop", "method: pop\n"));
  OpenedRun opened = open_run(folder_ / "runs/pop");
  auto other = std::make_shared<data::IdMap>();
  for (data::Index u = opened.users->size(); u-- > 0;) other->add(opened.users->token(u));
  opened.users = other;
  const auto data = data::load_dataset(folder_ / "store");
  const auto copy = aligned(data, opened);
  ASSERT_NE(copy, data);
  EXPECT_FALSE(data->content_fingerprint.empty());
  EXPECT_EQ(copy->content_fingerprint, data->content_fingerprint);
}

using StageSource = StoreTest;

const char* const vae = "method: multi-vae\ntrain: {epochs: 2}\n";

TEST_F(StageSource, AStageOfAFinishedRunIsTakenInsteadOfTrained) {
  const TrainOutcome first = train(request("first", vae));
  TrainRequest again = request("again", vae);
  again.assignments = {"seed=9", "stages.train.from=" + first.run_folder.string()};
  again.use_cache = false;
  const TrainOutcome second = train(again);
  EXPECT_EQ(second.metrics.at("test"), first.metrics.at("test"));
  EXPECT_EQ(stages_of("again").at(0).at("from"), first.run_folder.string());
  EXPECT_TRUE(read_log(RunFolder{second.run_folder}.log()).empty());
}

TEST_F(StageSource, AStageThatTheRunItselfTookFromTheCacheIsFoundThere) {
  const TrainOutcome first = train(request("first", vae));
  const TrainOutcome cached = train(request("cached", vae));
  ASSERT_FALSE(fs::exists(RunFolder{cached.run_folder}.checkpoints() / "train"));
  TrainRequest again = request("again", vae);
  again.assignments = {"seed=9", "stages.train.from=" + cached.run_folder.string()};
  EXPECT_EQ(train(again).metrics.at("test"), first.metrics.at("test"));
}

TEST_F(StageSource, ARecipeIsTrainedAsFarAsItIsNeeded) {
  train(request("whole", md_cvae));
  TrainRequest part = request("part", md_cvae);
  part.assignments = {"stages.content.from=whole.yaml", "md-cvae.lambda_v=3",
                      "stages.joint.learning_rate=0.002"};
  train(part);
  const Json stages = stages_of("part"), theirs = stages_of("whole");
  ASSERT_EQ(stages.size(), theirs.size());
  for (size_t i = 0; i < stages.size(); ++i) {
    const bool last = i + 1 == stages.size();
    EXPECT_EQ(stages[i].contains("from"), !last) << stages[i];
    if (!last) EXPECT_EQ(stages[i].at("fingerprint"), theirs[i].at("fingerprint"));
  }
}

TEST_F(StageSource, WhatDoesNotFitIsRefused) {
  const TrainOutcome first = train(request("first", vae));
  fs::create_directories(folder_ / "other");
  small::write_store(folder_ / "other/store");
  fs::rename(folder_ / "other/store/valid.inter", folder_ / "other/store/x");
  fs::rename(folder_ / "other/store/test.inter", folder_ / "other/store/valid.inter");
  fs::rename(folder_ / "other/store/x", folder_ / "other/store/test.inter");
  const auto refused = [&](const std::string& name, const std::string& from,
                           const std::string& data) {
    TrainRequest asked = request(name, vae);
    asked.assignments = {"stages.train.from=" + from, "data.path=" + data};
    try {
      train(asked);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_NE(refused("split", first.run_folder.string(), "other/store").find("another split"),
            std::string::npos);
  EXPECT_NE(refused("none", "nowhere", "store").find("neither a run folder nor a recipe"),
            std::string::npos);
  EXPECT_NE(refused("itself", "itself.yaml", "store").find("the recipe itself"), std::string::npos);
  write_file(folder_ / "md.yaml", std::string("data: {path: store}\n") + md_cvae);
  EXPECT_NE(refused("stage", "md.yaml", "store").find("has no multi-vae whose stage"),
            std::string::npos);
}

using WholeRun = StoreTest;

TEST_F(WholeRun, LeavesAnEventForEveryLineOfItsLog) {
  train(request("vae", "method: multi-vae\ntrain: {epochs: 3}\n"));
  const RunFolder folder{folder_ / "runs/vae"};
  const auto records = static_cast<int64_t>(read_log(folder.log()).size());
  EXPECT_GE(records, 6);
  EXPECT_EQ(train::TensorBoard(folder.events() / "train").written(), records);
}

}  // namespace
}  // namespace kindred::run
