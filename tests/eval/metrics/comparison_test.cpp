// Comparison of runs: seeds, splits, protocols, marks.
#include "eval/metrics/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/random.h"
#include "core/strings.h"
#include "eval/metrics/evaluation.h"

namespace kindred::eval {
namespace {

using testing::HasSubstr;

const std::vector<Metric> metrics{{MetricKind::recall, 20}, {MetricKind::coverage, 20}};

// A run of 300 users whose recall is `level` plus noise that runs of one split share.
RunOutcome run(const std::string& label, uint64_t seed, const std::string& split, double level) {
  RunOutcome result;
  result.label = label;
  result.path = cat("runs/", label, "-", seed, "-", split);
  result.seed = seed;
  result.split = split;
  result.protocol = {"full", {}, {}, {}, "train+valid"};
  std::vector<std::string> users;
  for (int u = 0; u < 300; ++u) users.push_back(cat("u", u));
  result.users = UserMetrics(users, {metrics[0]});
  Random shared(1, split), own(seed, label);
  for (int u = 0; u < 300; ++u)
    result.users.row(u)[0] = level + shared.normal() + 0.1 * own.normal();
  result.values = {{"recall@20", result.users.mean(0)}, {"coverage@20", 0.5}};
  return result;
}

CompareSettings settings(const std::string& reference = "") {
  CompareSettings result;
  result.metrics = metrics;
  result.reference = reference;
  result.bootstrap.resamples = 2000;
  return result;
}

std::string refusal(const std::vector<RunOutcome>& runs, const std::string& reference = "") {
  try {
    compare_runs(runs, settings(reference));
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::config);
    return error.what();
  }
}

TEST(Compare, GroupsSeedsAndTestsWithinSplits) {
  std::vector<RunOutcome> runs;
  for (uint64_t s = 1; s <= 3; ++s) {
    runs.push_back(run("ease", s, cat("split", s), 0));
    runs.push_back(run("better", s, cat("split", s), 0.2));
    runs.push_back(run("alike", s, cat("split", s), 0));
  }
  const ComparisonReport report = compare_runs(runs, settings("ease"));
  ASSERT_EQ(report.rows.size(), 3u);
  const RowSummary& ease = report.rows[0];
  EXPECT_EQ(ease.label, "ease");
  EXPECT_EQ(ease.runs, 3);
  EXPECT_EQ(ease.splits, 3);
  EXPECT_TRUE(ease.comparisons.empty());
  double mean = 0, squares = 0;
  for (size_t s = 0; s < 3; ++s) mean += runs[3 * s].values[0].value / 3;
  for (size_t s = 0; s < 3; ++s) squares += std::pow(runs[3 * s].values[0].value - mean, 2);
  EXPECT_DOUBLE_EQ(ease.cells[0].mean, mean);
  EXPECT_DOUBLE_EQ(ease.cells[0].standard_error, std::sqrt(squares / 2 / 3));
  EXPECT_LT(ease.cells[0].interval.low, mean);
  EXPECT_GT(ease.cells[0].interval.high, mean);
  EXPECT_EQ(report.rows[1].comparisons[0].verdict, Verdict::better);
  EXPECT_EQ(report.rows[1].comparisons[0].users, 900);
  EXPECT_NEAR(report.rows[1].comparisons[0].difference, 0.2, 0.03);
  EXPECT_EQ(report.rows[2].comparisons[0].verdict, Verdict::not_shown);
  EXPECT_EQ(report.rows[1].comparisons[1].verdict, Verdict::undefined)
      << "coverage has no per-user values";
  EXPECT_THAT(report.correction, HasSubstr("over 2 comparisons"));
  EXPECT_THAT(report.table.caption, HasSubstr("full ranking, train+valid items masked"));
  EXPECT_THAT(report.differences.caption, HasSubstr("full ranking, train+valid items masked"));
  EXPECT_EQ(report.table.rows[1][2].mark, Mark::better);
  EXPECT_TRUE(report.table.rows[1][2].strong);
  EXPECT_EQ(report.differences.rows.size(), 2u) << "coverage has no difference to show";
  const Json json = to_json(report);
  EXPECT_EQ(json["rows"][1]["comparisons"]["recall@20"]["verdict"], "better");
  EXPECT_TRUE(json["rows"][1]["comparisons"]["coverage@20"]["difference"].is_null());
}

TEST(Compare, SeedsOfOneSplitAreAveragedNotCountedAsMoreUsers) {
  std::vector<RunOutcome> runs{run("fixed", 1, "s", 0)};
  for (uint64_t seed = 1; seed <= 4; ++seed) runs.push_back(run("trained", seed, "s", 0.1));
  const ComparisonReport report = compare_runs(runs, settings("fixed"));
  EXPECT_EQ(report.rows[1].runs, 4);
  EXPECT_EQ(report.rows[1].splits, 1);
  EXPECT_EQ(report.rows[1].comparisons[0].users, 300);
  EXPECT_FALSE(report.rows[0].cells[0].over_runs);
  EXPECT_DOUBLE_EQ(report.rows[0].cells[0].standard_error, runs[0].users.standard_error(0));
  EXPECT_THAT(report.table.rows[0][2].text, testing::EndsWith(" u"));
}

TEST(Compare, FewerSplitsAreFineStrayOnesAreRefused) {
  std::vector<RunOutcome> runs;
  for (int s = 1; s <= 3; ++s) runs.push_back(run("ease", s, cat("split", s), 0));
  runs.push_back(run("ablation", 2, "split2", 0));
  EXPECT_EQ(compare_runs(runs, settings("ease")).rows[1].comparisons[0].users, 300);
  runs.push_back(run("ablation", 9, "split9", 0));
  EXPECT_THAT(refusal(runs, "ease"),
              testing::AllOf(HasSubstr("runs/ablation-9-split9"), HasSubstr("runs/ease-")));
  EXPECT_THAT(refusal(runs), HasSubstr("split9")) << "also without tests";
}

TEST(Compare, MistakesAreNamed) {
  const std::vector<RunOutcome> two{run("ease", 1, "s", 0), run("mf", 1, "s", 0)};
  EXPECT_THAT(refusal({}), HasSubstr("no runs"));
  EXPECT_THAT(refusal(two, "eas"), HasSubstr("did you mean 'ease'"));
  auto other = two;
  other[1].protocol.mask = "train";
  EXPECT_THAT(refusal(other), testing::AllOf(HasSubstr("runs/ease-1-s"), HasSubstr("runs/mf-1-s")));
  other = two;
  other[1].users = UserMetrics({"stranger"}, {metrics[0]});
  EXPECT_THAT(refusal(other, "ease"), HasSubstr("evaluated in one run"));
  const std::vector<RunOutcome> seeds{run("a", 1, "s", 0), run("a", 2, "s", 0), run("b", 3, "s", 0),
                                      run("b", 4, "s", 0)};
  EXPECT_THAT(refusal(seeds, "a"), HasSubstr("no seed"));
}

TEST(Compare, WithoutPerUserValuesThereAreNoTests) {
  std::vector<RunOutcome> runs{run("ease", 1, "s", 0), run("mf", 1, "s", 1)};
  for (RunOutcome& r : runs) r.users = {};
  const ComparisonReport report = compare_runs(runs, settings("ease"));
  EXPECT_TRUE(report.correction.empty());
  EXPECT_TRUE(report.differences.rows.empty());
  EXPECT_TRUE(std::isnan(report.rows[0].cells[0].standard_error));
  EXPECT_EQ(to_json(report)["rows"][0]["metrics"]["recall@20"]["standard_error"], nullptr);
}

TEST(Compare, PointwiseRunsResampleUsers) {
  std::vector<RunOutcome> runs(2);
  Random random(2, "rows");
  for (size_t r = 0; r < 2; ++r) {
    runs[r].label = runs[r].path = r == 0 ? "coin" : "knows";
    runs[r].split = "s";
    runs[r].protocol.name = "pointwise";
    runs[r].n_users = 50;
  }
  for (int i = 0; i < 400; ++i) {
    const auto label = static_cast<float>(random.below(2));
    for (size_t r = 0; r < 2; ++r) {
      runs[r].rows.user.push_back(i % 50);
      runs[r].rows.item.push_back(i);
      runs[r].rows.label.push_back(label);
      runs[r].rows.score.push_back(
          static_cast<float>(random.uniform() + (r == 1 ? 0.7 * label : 0)));
    }
  }
  CompareSettings chosen = settings("coin");
  chosen.metrics = parse_metrics(std::vector<std::string>{"auc", "uauc"});
  for (RunOutcome& r : runs) r.values = pointwise_metrics(r.rows, 50, chosen.metrics);
  const ComparisonReport report = compare_runs(runs, chosen);
  EXPECT_EQ(report.rows[1].comparisons[0].verdict, Verdict::better);
  EXPECT_NEAR(report.rows[1].comparisons[0].difference,
              runs[1].values[0].value - runs[0].values[0].value, 1e-12);
  EXPECT_EQ(report.rows[1].comparisons[1].verdict, Verdict::better);
}

}  // namespace
}  // namespace kindred::eval
