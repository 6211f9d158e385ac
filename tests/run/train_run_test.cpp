// Whole runs on a small store: what is reused, what is refused, what is left in the folder.

#include "run/train_run.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace kindred::run
