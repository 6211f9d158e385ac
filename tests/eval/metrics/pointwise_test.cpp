// Pointwise and text metrics against definitions written out by brute force.
#include "eval/metrics/pointwise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/random.h"
#include "eval/metrics/evaluation.h"
#include "eval/metrics/text_metrics.h"

namespace kindred::eval {
namespace {

using Floats = std::vector<float>;
const float nan = std::numeric_limits<float>::quiet_NaN();

// The share of (positive, negative) pairs in the right order, ties counting half.
double auc_by_pairs(const Floats& labels, const Floats& scores) {
  double good = 0, pairs = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    for (size_t j = 0; j < labels.size(); ++j) {
      if (labels[i] != 1 || labels[j] != 0) continue;
      ++pairs;
      good += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
    }
  }
  return good / pairs;
}

// The mean over all orders of a list (few rows) that sort the scores.
double ndcg_by_orders(const Floats& labels, const Floats& scores) {
  std::vector<size_t> order(labels.size());
  std::iota(order.begin(), order.end(), 0);
  double total = 0, orders = 0, ideal = 0;
  const auto positives = std::ranges::count(labels, 1.0f);
  for (long i = 0; i < positives; ++i) ideal += 1 / std::log2(i + 2.0);
  do {
    const bool sorted =
        std::ranges::is_sorted(order, std::greater<>(), [&](size_t i) { return scores[i]; });
    if (!sorted) continue;
    ++orders;
    for (size_t p = 0; p < order.size(); ++p) total += labels[order[p]] / std::log2(p + 2.0);
  } while (std::ranges::next_permutation(order).found);
  return total / orders / ideal;
}

TEST(Pointwise, AucEqualsTheShareOfOrderedPairs) {
  Random random(3, "test");
  for (int round = 0; round < 20; ++round) {
    Floats labels{0, 1}, scores{0.5f, 0.5f};
    for (int i = 0; i < 60; ++i) {
      labels.push_back(static_cast<float>(random.below(2)));
      scores.push_back(static_cast<float>(random.below(9)) / 8);
    }
    EXPECT_NEAR(auc(labels, scores), auc_by_pairs(labels, scores), 1e-12);
  }
  EXPECT_DOUBLE_EQ(auc(Floats{1, 0}, Floats{2, 1}), 1);
  EXPECT_DOUBLE_EQ(auc(Floats{1, 0}, Floats{1, 1}), 0.5);
  EXPECT_DOUBLE_EQ(auc(Floats{1, 0}, Floats{nan, -1000}), 0) << "NaN ranks last";
}

TEST(Pointwise, NdcgIsTheExpectationOverTies) {
  Random random(4, "test");
  for (int round = 0; round < 10; ++round) {
    Floats labels{1}, scores{0.25f};
    for (int i = 0; i < 6; ++i) {
      labels.push_back(static_cast<float>(random.below(2)));
      scores.push_back(static_cast<float>(random.below(3)) / 4);
    }
    EXPECT_NEAR(pointwise_ndcg(labels, scores), ndcg_by_orders(labels, scores), 1e-12);
  }
}

TEST(Pointwise, UndefinedIsNanNeverZero) {
  EXPECT_TRUE(std::isnan(auc(Floats{1, 1}, Floats{0, 1})));
  EXPECT_TRUE(std::isnan(auc({}, {})));
  EXPECT_TRUE(std::isnan(pointwise_ndcg(Floats{0, 0}, Floats{0, 1})));
  EXPECT_TRUE(std::isnan(logloss(Floats{1}, Floats{1.5f}))) << "no probability";
  EXPECT_TRUE(std::isnan(logloss(Floats{1}, Floats{nan})));
  EXPECT_TRUE(std::isnan(logloss({}, {})));
  EXPECT_NEAR(logloss(Floats{1, 0}, Floats{1, 1}), -std::log(1e-15) / 2, 1e-2) << "clipped";
}

// User 0: AUC 1 with 1 positive of 3; user 1: AUC 0 with 2 positives of 3; user 2: one class; user
// 3: one row.
PointwiseRows four_users() {
  PointwiseRows rows;
  rows.user = {1, 0, 0, 0, 1, 1, 2, 2, 3};
  rows.item = {0, 1, 2, 3, 1, 2, 0, 1, 5};
  rows.label = {1, 1, 0, 0, 1, 0, 1, 1, 0};
  rows.score = {.1f, .9f, .2f, .3f, .2f, .8f, .5f, .6f, .5f};
  return rows;
}

TEST(Pointwise, BrierAndCalibrationByHand) {
  const Floats labels{1, 0, 1, 1, 0}, scores{0.75f, 0.25f, 0.5f, 1, 0.625f};
  EXPECT_DOUBLE_EQ(brier(labels, scores), (0.0625 + 0.0625 + 0.25 + 0 + 0.390625) / 5);
  // Four bins: [.25, .5) holds the second row, [.5, .75) the third and fifth, [.75, 1] the others.
  EXPECT_DOUBLE_EQ(ece(labels, scores, 4), (0.25 + std::abs(1 - 1.125) + 0.25) / 5);
  EXPECT_DOUBLE_EQ(ece(labels, scores, 1), std::abs(3 - 3.125) / 5);
  EXPECT_EQ(probability_bin(0, 10), 0);
  EXPECT_EQ(probability_bin(1, 10), 9);
  EXPECT_EQ(probability_bin(0.5f, 10), 5) << "bins are closed below";
  EXPECT_TRUE(std::isnan(brier(labels, Floats{0, 0, 0, 0, 1.5f})));
  EXPECT_TRUE(std::isnan(ece(labels, Floats{0, 0, 0, 0, -0.5f}, 10)));
  EXPECT_TRUE(std::isnan(ece({}, {}, 10)));
}

TEST(Pointwise, ScoresThatAreNoProbabilitiesHaveNoLoss) {
  const std::vector<Metric> metrics =
      parse_metrics(std::vector<std::string>{"auc", "uauc", "logloss", "brier", "ece@10"});
  PointwiseRows rows;
  rows.user = {0, 0, 1, 1};
  rows.item = {0, 1, 0, 1};
  rows.label = {1, 0, 1, 0};
  rows.score = {.5f, .25f, .75f, .5f};
  const NamedValues probabilities = pointwise_metrics(rows, 2, metrics);
  EXPECT_DOUBLE_EQ(value_of(probabilities, "brier"), (.25 + .0625 + .0625 + .25) / 4);
  EXPECT_DOUBLE_EQ(value_of(probabilities, "ece@10"), (std::abs(1 - 1.0) + .25 + .25) / 4);
  rows.probabilities = false;
  EXPECT_TRUE(all_probabilities(four_users()));
  EXPECT_FALSE(all_probabilities(rows));
  const NamedValues raw = pointwise_metrics(rows, 2, metrics);
  for (const char* name : {"logloss", "brier", "ece@10"})
    EXPECT_TRUE(std::isnan(value_of(raw, name))) << name;
  for (const char* name : {"auc", "uauc"})
    EXPECT_EQ(value_of(raw, name), value_of(probabilities, name));
  const Evaluation grouped =
      evaluate_pointwise(rows, {"a", "b"}, metrics, std::vector<Group>{{"a", false, {1, 0}}});
  EXPECT_TRUE(std::isnan(value_of(grouped.groups[0].values, "brier")));
}

TEST(Pointwise, UserMeansAndWeights) {
  const std::vector<Metric> metrics =
      parse_metrics(std::vector<std::string>{"auc", "uauc", "gauc", "ndcg", "logloss", "recall@3"});
  const PointwiseRows rows = four_users();
  const NamedValues values = pointwise_metrics(rows, 4, metrics);
  EXPECT_DOUBLE_EQ(value_of(values, "auc"), auc_by_pairs(rows.label, rows.score));
  EXPECT_DOUBLE_EQ(value_of(values, "uauc"), 0.5);
  EXPECT_DOUBLE_EQ(value_of(values, "gauc"), 1.0 / 3);
  const double second = (1 / std::log2(3.0) + 0.5) / (1 + 1 / std::log2(3.0));
  EXPECT_DOUBLE_EQ(value_of(values, "ndcg"), (1 + second) / 2);
  EXPECT_NEAR(value_of(values, "logloss"),
              -(std::log(.1) + std::log(.9) + std::log(.8) + std::log(.7) + std::log(.2) +
                std::log(.2) + std::log(.5) + std::log(.6) + std::log(.5)) /
                  9,
              1e-6);
  EXPECT_TRUE(std::isnan(value_of(values, "recall@3")));
}

TEST(Pointwise, GroupsTakeRowsOfTheirUsersAndItems) {
  const std::vector<Metric> metrics = parse_metrics(std::vector<std::string>{"auc", "uauc"});
  const std::vector<Group> groups{{"users", false, {1, 0, 0, 0}},
                                  {"items", true, {1, 0, 1, 0, 0, 0}}};
  const Evaluation result = evaluate_pointwise(four_users(), {"a", "b", "c", "d"}, metrics, groups);
  EXPECT_EQ(result.groups[0].users, 1);
  EXPECT_DOUBLE_EQ(value_of(result.groups[0].values, "uauc"), 1);
  EXPECT_EQ(result.groups[1].users, 3);  // items 0 and 2: rows of users 1, 0, 1, 2
  EXPECT_DOUBLE_EQ(value_of(result.groups[1].values, "uauc"), 0);
  EXPECT_DOUBLE_EQ(value_of(result.groups[1].values, "auc"), (0.0 + 0 + 0 + 1) / 4);
  EXPECT_EQ(result.groups[1].rows, 4);
  const std::vector<Group> pairs{{"warm", false, {0, 1, 0, 0}, {1, 1, 0, 0, 0, 0}, false},
                                 {"cold", false, {1, 0, 1, 1}, {0, 0, 1, 1, 1, 1}, true}};
  const Evaluation apart = evaluate_pointwise(four_users(), {"a", "b", "c", "d"}, metrics, pairs);
  EXPECT_EQ(apart.groups[0].rows, 2) << "the rows of user 1 with items 0 and 1";
  EXPECT_EQ(apart.groups[1].rows, 7);
  EXPECT_EQ(apart.groups[0].users, 1);
  EXPECT_EQ(result.users.metric_count(), 1);
  EXPECT_EQ(result.users.count(0), 2);
  EXPECT_DOUBLE_EQ(result.users.mean(0), 0.5);
}

TEST(Pointwise, BadRowsAreRefused) {
  PointwiseRows rows = four_users();
  rows.label[2] = 4;
  EXPECT_THROW(check_rows(rows, 4), Error);
  rows = four_users();
  EXPECT_THROW(check_rows(rows, 3), Error);
  rows.score.pop_back();
  EXPECT_THROW(check_rows(rows, 4), Error);
}

TEST(TextMetrics, ExactAndContained) {
  using Titles = std::vector<std::string>;
  EXPECT_EQ(normalized_text("  a \n\t b "), "a b");
  EXPECT_EQ(exact_at_1(" \"The  Matrix\"\n", Titles{"The Matrix"}), 1);
  EXPECT_EQ(exact_at_1("The Matrix (1999)", Titles{"The Matrix"}), 0);
  EXPECT_EQ(exact_at_1("\"Heroes\"", Titles{"\"Heroes\""}), 1);
  EXPECT_EQ(exact_at_1("\"", Titles{"\""}), 1);
  EXPECT_EQ(title_contains_at_1("I would say The Matrix.", Titles{"Heat", "The Matrix"}), 1);
  EXPECT_EQ(title_contains_at_1("the matrix", Titles{"The Matrix"}), 1) << "in lower case";
  EXPECT_EQ(title_contains_at_1("I say \"Halo 2\" or Heat", Titles{"Heat"}), 0)
      << "only between the quotation marks";
  EXPECT_EQ(title_contains_at_1("I say \"Halo 2\"", Titles{"Halo"}), 1);
  EXPECT_EQ(title_contains_at_1("\"Heat", Titles{"Heat"}), 0) << "an unclosed quote leaves nothing";
  EXPECT_EQ(title_contains_at_1("\"a\" and \"HEAT\"", Titles{"and"}), 1)
      << "from the first mark to the last";
  EXPECT_EQ(title_contains_at_1("\"AM\xC3\x89LIE\"", Titles{"Am\xC3\xA9lie"}), 1);
  EXPECT_EQ(quoted_part("\"item title\" : \"Heat\""), "heat") << "words of the original's prompt";
  EXPECT_EQ(quoted_part("\"\""), "");
  EXPECT_EQ(quoted_part("\xFF"), "\xEF\xBF\xBD") << "bytes that are no text";
  EXPECT_TRUE(std::isnan(title_contains_at_1("anything", Titles{"", " "})));
  EXPECT_EQ(title_contains_at_1("", Titles{"Heat"}), 0);
  const std::vector<GeneratedAnswer> answers{{"a", "Heat", {"Heat"}, {"Up", "Heat"}},
                                             {"b", "Heat!", {"Heat"}, {"Up", "Heat"}},
                                             {"c", "\"Up\"", {}, {"Up", "Heat"}}};
  const Evaluation result = evaluate_generated(
      answers,
      parse_metrics(std::vector<std::string>{"exact@1", "title-contains@1", "hit@1", "valid@1"}));
  EXPECT_DOUBLE_EQ(value_of(result.values, "valid@1"), 2.0 / 3) << "whatever is relevant";
  EXPECT_DOUBLE_EQ(value_of(result.values, "exact@1"), 0.5);
  EXPECT_DOUBLE_EQ(value_of(result.values, "title-contains@1"), 1);
  EXPECT_TRUE(std::isnan(value_of(result.values, "hit@1")));
}

}  // namespace
}  // namespace kindred::eval
