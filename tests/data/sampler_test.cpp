#include "data/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace kindred::data {
namespace {

RowNumbers all_rows(int64_t n) {
  RowNumbers rows(static_cast<size_t>(n));
  std::iota(rows.begin(), rows.end(), int64_t{0});
  return rows;
}

RowNumbers sorted(RowNumbers rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

TEST(ShuffledBatches, EveryRowOnceAnEpochAndAnotherOrderEachEpoch) {
  const ShuffledBatches sampler(103, 20, 7, "rows");
  ASSERT_EQ(sampler.steps(0), 6);
  std::vector<RowNumbers> epochs;
  for (const int64_t epoch : {0, 1}) {
    RowNumbers rows;
    for (int64_t step = 0; step < 6; ++step) {
      const RowNumbers batch = sampler.batch(epoch, step);
      EXPECT_EQ(batch.size(), step < 5 ? 20u : 3u);
      rows.insert(rows.end(), batch.begin(), batch.end());
    }
    EXPECT_EQ(sorted(rows), all_rows(103));
    epochs.push_back(rows);
  }
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(epochs[0], all_rows(103));
}

TEST(ShuffledBatches, AnyBatchIsKnownWithoutThoseBefore) {
  const ShuffledBatches one(1000, 32, 7, "rows");
  RowNumbers wanted;
  for (int64_t epoch = 0; epoch < 4; ++epoch)
    for (int64_t step = 0; step < one.steps(epoch); ++step) wanted = one.batch(epoch, step);
  const ShuffledBatches resumed(1000, 32, 7, "rows");
  EXPECT_EQ(resumed.batch(3, 31), wanted);
  EXPECT_NE(ShuffledBatches(1000, 32, 8, "rows").batch(3, 31), wanted);
  EXPECT_NE(ShuffledBatches(1000, 32, 7, "other").batch(3, 31), wanted);
}

TEST(ShuffledBatches, NoRowsAndStepsOutside) {
  const ShuffledBatches empty(0, 4, 1, "rows");
  EXPECT_EQ(empty.steps(0), 0);
  EXPECT_ANY_THROW(empty.batch(0, 0));
  EXPECT_ANY_THROW(ShuffledBatches(10, 4, 1, "rows").batch(0, 3));
  EXPECT_ANY_THROW(ShuffledBatches(10, 4, 1, "rows").batch(-1, 0));
}

std::vector<int32_t> random_lengths(size_t n) {
  Random random(3, "lengths");
  std::vector<int32_t> lengths;
  for (size_t i = 0; i < n; ++i) lengths.push_back(1 + static_cast<int32_t>(random.below(200)));
  return lengths;
}

int64_t longest(const RowNumbers& batch, const std::vector<int32_t>& lengths) {
  int64_t most = 0;
  for (const int64_t row : batch) most = std::max<int64_t>(most, lengths[static_cast<size_t>(row)]);
  return most;
}

TEST(BucketedBatches, KeepsEveryLimitAndWastesLittle) {
  const std::vector<int32_t> lengths = random_lengths(2000);
  const int64_t tokens = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  for (const BucketLimits limits :
       {BucketLimits{.rows = 20}, BucketLimits{.padded_tokens = 1000},
        BucketLimits{.packed_tokens = 1000}, BucketLimits{.rows = 6, .padded_tokens = 700}}) {
    const BucketedBatches sampler(lengths, limits, 1, "texts");
    RowNumbers rows;
    int64_t padded = 0;
    for (int64_t step = 0; step < sampler.steps(2); ++step) {
      const RowNumbers batch = sampler.batch(2, step);
      const auto size = static_cast<int64_t>(batch.size());
      int64_t sum = 0;
      for (const int64_t row : batch) sum += lengths[static_cast<size_t>(row)];
      if (limits.rows > 0) EXPECT_LE(size, limits.rows);
      if (limits.padded_tokens > 0) EXPECT_LE(size * longest(batch, lengths), limits.padded_tokens);
      if (limits.packed_tokens > 0) EXPECT_LE(sum, limits.packed_tokens);
      padded += size * longest(batch, lengths);
      rows.insert(rows.end(), batch.begin(), batch.end());
    }
    EXPECT_EQ(sorted(rows), all_rows(2000));
    EXPECT_LT(static_cast<double>(padded), 1.03 * static_cast<double>(tokens));
  }
}

TEST(BucketedBatches, BatchesComeInNoOrderOfLengthAndChangeByEpoch) {
  const std::vector<int32_t> lengths = random_lengths(2000);
  const BucketedBatches sampler(lengths, {.rows = 20}, 1, "texts", 400);
  int64_t rises = 0;
  for (int64_t step = 1; step < sampler.steps(0); ++step)
    rises +=
        longest(sampler.batch(0, step), lengths) > longest(sampler.batch(0, step - 1), lengths);
  EXPECT_GT(rises, 30);
  EXPECT_LT(rises, 70);
  EXPECT_NE(sampler.order(0)->rows, sampler.order(1)->rows);
  EXPECT_EQ(BucketedBatches(lengths, {.rows = 20}, 1, "texts", 400).batch(5, 50),
            sampler.batch(5, 50));
}

TEST(BucketedBatches, ARowAboveTheLimitIsAloneInItsBatch) {
  const BucketedBatches sampler({5, 500, 5, 5}, {.packed_tokens = 15}, 1, "texts");
  std::multiset<size_t> sizes;
  for (int64_t step = 0; step < sampler.steps(0); ++step)
    sizes.insert(sampler.batch(0, step).size());
  EXPECT_EQ(sizes, (std::multiset<size_t>{1, 3}));
}

TEST(Stripe, RanksShareAGlobalBatchWithoutOverlap) {
  const ShuffledBatches sampler(50, 13, 1, "rows");
  const RowNumbers batch = sampler.batch(0, 1);
  for (const int64_t world : {1, 2, 3, 16}) {
    RowNumbers rows;
    for (int64_t rank = 0; rank < world; ++rank) {
      const RowNumbers mine = stripe(batch, rank, world);
      rows.insert(rows.end(), mine.begin(), mine.end());
    }
    EXPECT_EQ(sorted(rows), sorted(batch));
  }
}

Csr known_items() {
  Csr known;
  known.columns = {0, 2, 3, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  known.offsets = {0, 4, 4, 14};
  return known;
}

TEST(NegativeSampler, DrawsEveryUnknownItemEquallyOftenAndNoOther) {
  const NegativeSampler sampler(known_items(), 10);
  Random random(1, "negatives");
  std::map<Index, int> counts;
  for (int i = 0; i < 60000; ++i) ++counts[sampler.draw(0, random)];
  ASSERT_EQ(counts.size(), 6u);
  for (const Index item : {1, 4, 5, 6, 7, 8}) {
    // Binomial(60000, 1/6): standard deviation 91.
    EXPECT_NEAR(counts[item], 10000, 500) << item;
  }
  std::set<Index> all;
  for (int i = 0; i < 1000; ++i) all.insert(sampler.draw(1, random));
  EXPECT_EQ(all.size(), 10u);
}

TEST(NegativeSampler, AUserWithEveryItemIsAnErrorAndDistinctDrawsAreCutShort) {
  const NegativeSampler sampler(known_items(), 10);
  Random random(1, "negatives");
  EXPECT_ANY_THROW(sampler.draw(2, random));
  EXPECT_TRUE(sampler.draw_distinct(2, 5, random).empty());
  std::vector<Index> items = sampler.draw_distinct(0, 99, random);
  std::sort(items.begin(), items.end());
  EXPECT_EQ(items, (std::vector<Index>{1, 4, 5, 6, 7, 8}));
  const std::vector<Index> three = sampler.draw_distinct(0, 3, random);
  EXPECT_EQ(std::set<Index>(three.begin(), three.end()).size(), 3u);
}

}  // namespace
}  // namespace kindred::data
