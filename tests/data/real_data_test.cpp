// The real data sets beside the project, where they are.
#include <gtest/gtest.h>

#include <set>

#include "data/dataset.h"
#include "data/prepare.h"
#include "data/temporary.h"

namespace kindred::data {
namespace {

TEST(RealData, LoadsCollmsMovieLensAsGiven) {
  if (shared_data().empty()) GTEST_SKIP() << "no ../shared/data";
  const auto dataset = load_dataset(shared_data() / "ml-1m-collm");
  EXPECT_EQ(dataset->user_count(), 838);
  EXPECT_EQ(dataset->item_count(), 3255);
  EXPECT_EQ(dataset->part(Part::train).size(), 33891);
  EXPECT_EQ(dataset->part(Part::valid).size(), 10401);
  EXPECT_EQ(dataset->part(Part::test).size(), 7331);
  const InteractionTable& train = dataset->part(Part::train);
  EXPECT_EQ(dataset->users.token(train.user[2]), "2");
  EXPECT_EQ(dataset->title(train.item[2]), "American Beauty (1999)");
  EXPECT_EQ(train.label[2], 1);
  EXPECT_EQ(train.time[2], 1009669071);
  EXPECT_TRUE(train.rating.empty());
  EXPECT_EQ(dataset->train_reviews(), nullptr);
  EXPECT_EQ(dataset->name, "ml-1m-collm");
}

TEST(RealData, PreparesMusicalInstrumentsAsTheIssueCounts) {
  if (shared_data().empty()) GTEST_SKIP() << "no ../shared/data";
  const TemporaryFolder folder;
  PrepareOptions options;
  options.format = "amazon-2014";
  options.input = (shared_data() / "amazon-musical-instruments").string();
  options.output = (folder.path() / "music").string();
  options.min_rating = 4;
  options.k_core = 4;
  const PrepareReport report = prepare(options);
  EXPECT_EQ(report.info["counts"]["interactions"], 8554);
  EXPECT_EQ(report.info["counts"]["users"], 1312);
  EXPECT_EQ(report.info["counts"]["items"], 844);
  EXPECT_EQ(report.info["filters"][0]["before"]["interactions"], 10261);
  const auto dataset = load_dataset(options.output);
  EXPECT_EQ(dataset->user_count(), 1312);
  EXPECT_EQ(dataset->item_count(), 844);
  int64_t total = 0;
  for (const Part part : all_parts) total += dataset->part(part).size();
  EXPECT_EQ(total, 8554);
  EXPECT_EQ(dataset->fingerprint, report.info["fingerprint"]);
  ASSERT_NE(dataset->train_reviews(), nullptr);
  EXPECT_EQ(dataset->train_reviews()->rows(), dataset->part(Part::train).size());
  for (const auto& [part, of_part] : {std::pair{Part::valid, 1}, std::pair{Part::test, 2}}) {
    const Csr rows = dataset->by_user(part);
    for (int64_t user = 0; user < rows.rows(); ++user)
      EXPECT_GE(rows.row(user).size(), 1u) << of_part;
  }
}

}  // namespace
}  // namespace kindred::data
