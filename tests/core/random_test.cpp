// Known values are written by tests/reference/core_random.py.
#include "core/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "core/json.h"
#include "core/test_support.h"

namespace kindred {
namespace {

Random stream_of(const Json& about) {
  const auto seed = about["seed"].get<uint64_t>();
  const auto name = about["name"].get<std::string>();
  const Json& counters = about["counters"];
  if (counters.size() == 1) return {seed, name, {counters[0].get<uint64_t>()}};
  if (counters.size() == 2)
    return {seed, name, {counters[0].get<uint64_t>(), counters[1].get<uint64_t>()}};
  return {seed, name};
}

TEST(Random, GivesTheSameValuesEverywhere) {
  const Json cases = read_json(test::fixture("core_random/streams.json"));
  ASSERT_EQ(cases.size(), 5u);
  for (const Json& about : cases) {
    SCOPED_TRACE(about["name"]);
    Random values = stream_of(about), uniform = stream_of(about), below = stream_of(about),
           sample = stream_of(about), shuffle = stream_of(about);
    for (const Json& value : about["values"]) EXPECT_EQ(std::to_string(values()), value);
    for (const Json& value : about["uniform"]) EXPECT_EQ(uniform.uniform(), value.get<double>());
    const uint64_t bounds[] = {1, 2, 10, 1000, (uint64_t{1} << 63) + 1, UINT64_MAX};
    for (size_t i = 0; i < 6; ++i)
      EXPECT_EQ(std::to_string(below.below(bounds[i])), about["below"][i]);
    EXPECT_EQ(Json(sample.sample(20, 7)), about["sample"]);
    std::vector<int> numbers(12);
    std::iota(numbers.begin(), numbers.end(), 0);
    shuffle.shuffle(numbers);
    EXPECT_EQ(Json(numbers), about["shuffle"]);
  }
}

TEST(Random, EveryPartOfTheNameMakesAnotherStream) {
  std::set<uint64_t> first;
  for (uint64_t seed = 0; seed < 10; ++seed)
    for (const char* name : {"", "a", "b", "ab", "ba"}) {
      first.insert(Random(seed, name)());
      for (uint64_t epoch = 0; epoch < 10; ++epoch) {
        first.insert(Random(seed, name, {epoch})());
        for (uint64_t step = 0; step < 10; ++step)
          first.insert(Random(seed, name, {epoch, step})());
      }
    }
  EXPECT_EQ(first.size(), 10u * 5u * 111u);
}

TEST(Random, ContinuesFromASavedState) {
  Random random(1, "x");
  random();
  const Random::State state = random.state();
  const uint64_t expected = random();
  Random other(2, "y");
  other.restore(state);
  EXPECT_EQ(other(), expected);
}

/// Pearson's statistic of counts against equal shares; about its degrees of freedom when they are
/// equal.
double chi_square(const std::vector<double>& counts) {
  const double mean =
      std::accumulate(counts.begin(), counts.end(), 0.0) / static_cast<double>(counts.size());
  double sum = 0;
  for (const double count : counts) sum += (count - mean) * (count - mean) / mean;
  return sum;
}

// With 99 degrees of freedom, 160 is exceeded once in ten thousand; the streams are fixed, so a
// pass stays one.
constexpr double chi_square_limit = 160;

TEST(Random, UniformFillsTheIntervalEvenly) {
  Random random(1, "uniform");
  std::vector<double> counts(100);
  double sum = 0;
  for (int i = 0; i < 200'000; ++i) {
    const double value = random.uniform();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
    ++counts[static_cast<size_t>(value * 100)];
  }
  EXPECT_LT(chi_square(counts), chi_square_limit);
  EXPECT_NEAR(sum / 200'000, 0.5, 0.003);
}

TEST(Random, BelowIsUnbiasedWhereAPlainRemainderIsNot) {
  // Of 2^64 draws, a remainder by 3 * 2^62 gives the lower third twice as often.
  const uint64_t bound = uint64_t{3} << 62;
  Random random(1, "below");
  std::vector<double> counts(99);
  for (int i = 0; i < 99'000; ++i) {
    const uint64_t value = random.below(bound);
    ASSERT_LT(value, bound);
    ++counts[static_cast<size_t>(static_cast<double>(value) / static_cast<double>(bound) * 99)];
  }
  EXPECT_LT(chi_square(counts), chi_square_limit);
  std::vector<double> small(100);
  for (int i = 0; i < 200'000; ++i) ++small[random.below(100)];
  EXPECT_LT(chi_square(small), chi_square_limit);
  EXPECT_EQ(random.below(1), 0u);
  test::expect_error(Exit::internal, "positive bound", [&] { random.below(0); });
}

TEST(Random, NormalHasTheMomentsOfOne) {
  Random random(1, "normal");
  double sum = 0, squares = 0, fourth = 0;
  const int n = 200'000;
  for (int i = 0; i < n; ++i) {
    const double value = random.normal();
    ASSERT_TRUE(std::isfinite(value));
    sum += value;
    squares += value * value;
    fourth += value * value * value * value;
  }
  EXPECT_NEAR(sum / n, 0, 0.01);
  EXPECT_NEAR(squares / n, 1, 0.02);
  EXPECT_NEAR(fourth / n, 3, 0.15);
}

TEST(Random, ShufflesReachEveryOrderEquallyOften) {
  Random random(1, "shuffle");
  std::map<std::vector<int>, double> orders;
  for (int i = 0; i < 24'000; ++i) {
    std::vector<int> values = {0, 1, 2, 3};
    random.shuffle(values);
    ++orders[values];
  }
  ASSERT_EQ(orders.size(), 24u);
  std::vector<double> counts;
  for (const auto& [order, count] : orders) counts.push_back(count);
  EXPECT_LT(chi_square(counts), 60);  // 23 degrees of freedom
}

TEST(Random, SamplesAreDistinctAndEven) {
  Random random(1, "sample");
  std::vector<double> counts(100);
  for (int i = 0; i < 10'000; ++i) {
    const std::vector<uint64_t> chosen = random.sample(100, 20);
    ASSERT_EQ(std::set<uint64_t>(chosen.begin(), chosen.end()).size(), 20u);
    for (const uint64_t value : chosen) ++counts.at(value);
  }
  EXPECT_LT(chi_square(counts), chi_square_limit);
  std::vector<uint64_t> all = random.sample(50, 50);
  std::sort(all.begin(), all.end());
  std::vector<uint64_t> expected(50);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(all, expected);
  EXPECT_TRUE(random.sample(0, 0).empty());
  const std::vector<uint64_t> huge = random.sample(UINT64_MAX, 3);
  EXPECT_EQ(std::set<uint64_t>(huge.begin(), huge.end()).size(), 3u);
  test::expect_error(Exit::internal, "k <= n", [&] { random.sample(3, 4); });
}

}  // namespace
}  // namespace kindred
