// Paired tests against SciPy and NumPy (tests/reference/metrics_significance.py).
#include "eval/metrics/significance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/json.h"
#include "core/random.h"
#include "eval/metrics/distributions.h"
#include "eval/metrics/resample.h"

namespace kindred::eval {
namespace {

const Json& fixture() {
  static const Json json =
      read_json(KINDRED_SOURCE_DIR "/tests/fixtures/metrics/significance.json");
  return json;
}

TEST(Distributions, EqualScipy) {
  for (const Json& row : fixture()["normal_quantile"]) {
    EXPECT_NEAR(normal_quantile(row[0]), row[1].get<double>(), 1e-11) << row;
  }
  const auto near = [](double got, double expected) {
    return std::abs(got - expected) <= 1e-9 * expected + 1e-300;
  };
  for (const Json& row : fixture()["t_two_sided"]) {
    EXPECT_TRUE(near(t_two_sided(row[0], row[1]), row[2])) << row << t_two_sided(row[0], row[1]);
  }
  for (const Json& row : fixture()["sign_test"]) {
    EXPECT_TRUE(near(sign_test(row[0], row[1]), row[2])) << row << sign_test(row[0], row[1]);
  }
}

TEST(Distributions, OutsideTheirDomainsAreNoNumbers) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = INFINITY;
  for (const double p : {0.0, 1.0, -0.5, 1.5, nan}) EXPECT_TRUE(std::isnan(normal_quantile(p)));
  for (const double df : {0.0, -1.0, nan}) EXPECT_TRUE(std::isnan(t_two_sided(1, df)));
  EXPECT_TRUE(std::isnan(t_two_sided(nan, 5)));
  EXPECT_EQ(t_two_sided(-inf, 5), 0);
  EXPECT_EQ(t_two_sided(1e200, 1e6), 0) << "too small for a double";
  EXPECT_EQ(sign_test(0, 0), 1);
  EXPECT_EQ(sign_test(0, 5000), 0) << "too small for a double";
}

UserMetrics matrix(const std::vector<double>& values, const Metric& metric) {
  std::vector<std::string> users;
  for (size_t u = 0; u < values.size(); ++u) users.push_back("u" + std::to_string(u));
  UserMetrics result(users, {metric});
  for (size_t u = 0; u < values.size(); ++u) result.row(static_cast<int64_t>(u))[0] = values[u];
  return result;
}

const Metric recall{MetricKind::recall, 20};

// A pair of runs with given differences of recall@20, one stratum each.
PairedRuns pair_of(const std::vector<std::vector<double>>& strata) {
  PairedRuns pair{{recall}, {}};
  for (const auto& differences : strata) {
    const UserMetrics run = matrix(differences, recall);
    const UserMetrics zero = matrix(std::vector<double>(differences.size(), 0), recall);
    pair.strata.push_back(pair_users(std::vector{UserPair{&run, &zero}}, pair.metrics));
  }
  return pair;
}

TEST(Bootstrap, MeansEqualNumpysWithinResamplingNoise) {
  for (const Json& expected : fixture()["means"]) {
    const auto strata = expected["strata"].get<std::vector<std::vector<double>>>();
    BootstrapOptions options;
    options.resamples = 40000;
    const Comparison got = compare_family(std::vector{pair_of(strata)}, options)[0][0];
    const double error = expected["standard_error"];
    EXPECT_NEAR(got.difference, expected["difference"].get<double>(), 1e-12);
    EXPECT_NEAR(got.standard_error, error, 0.02 * error);
    // Two estimates of a 2.5% end from 40,000 resamples each differ by 0.02 standard errors (1
    // sigma).
    EXPECT_NEAR(got.interval.low, expected["interval"][0].get<double>(), 0.08 * error);
    EXPECT_NEAR(got.interval.high, expected["interval"][1].get<double>(), 0.08 * error);
    EXPECT_NEAR(got.p, expected["p"].get<double>(), 0.01);
    EXPECT_EQ(got.corrected.low, got.interval.low) << "one comparison needs no correction";
    EXPECT_EQ(got.p_holm, got.p);
    if (!expected.contains("p_t")) continue;
    EXPECT_NEAR(got.p_t, expected["p_t"].get<double>(), 1e-9);
    EXPECT_NEAR(got.p_sign, expected["p_sign"].get<double>(), 1e-9);
    EXPECT_NEAR(got.detectable, (1.959964 + 0.841621) * error, 0.03 * error);
  }
}

struct TwoRuns {
  PointwiseRows a, b;
};

TwoRuns pointwise_fixture() {
  const Json& data = fixture()["pointwise"];
  TwoRuns runs;
  runs.a.user = data["user"].get<std::vector<data::Index>>();
  runs.a.item.assign(runs.a.user.size(), 0);
  runs.a.label = data["label"].get<std::vector<float>>();
  runs.b = runs.a;
  runs.a.score = data["a"].get<std::vector<float>>();
  runs.b.score = data["b"].get<std::vector<float>>();
  return runs;
}

TEST(Bootstrap, PooledAucOverUserClusters) {
  const Json& expected = fixture()["pointwise"];
  const TwoRuns runs = pointwise_fixture();
  const Metric auc_metric{MetricKind::auc, 0};
  const PairedRuns pair{{auc_metric},
                        {pair_rows(std::vector{RowPair{&runs.a, &runs.b}}, 40, {{auc_metric}})}};
  BootstrapOptions options;
  options.resamples = 20000;
  const Comparison got = compare_family(std::vector{pair}, options)[0][0];
  const double error = expected["standard_error"];
  EXPECT_NEAR(got.difference, expected["difference"].get<double>(), 1e-12);
  EXPECT_NEAR(got.difference, auc(runs.a.label, runs.a.score) - auc(runs.b.label, runs.b.score),
              1e-12);
  EXPECT_NEAR(got.standard_error, error, 0.04 * error);
  EXPECT_NEAR(got.interval.low, expected["interval"][0].get<double>(), 0.12 * error);
  EXPECT_NEAR(got.interval.high, expected["interval"][1].get<double>(), 0.12 * error);
  EXPECT_TRUE(std::isnan(got.p_t)) << "AUC over all rows is no mean over users";
}

TEST(Bootstrap, AucOfEachResampleEqualsAucOfItsRows) {
  const TwoRuns runs = pointwise_fixture();
  const AucPair pair(runs.a, runs.b);
  Random random(5, "test");
  std::vector<float> counts(40 * resample_width);
  for (float& count : counts) count = static_cast<float>(random.below(3));
  std::vector<double> got(resample_width);
  pair.differences(counts, got);
  for (int b = 0; b < resample_width; ++b) {
    std::vector<float> labels, first, second;
    for (size_t r = 0; r < runs.a.user.size(); ++r) {
      for (float copy = 0; copy < counts[runs.a.user[r] * resample_width + b]; ++copy) {
        labels.push_back(runs.a.label[r]);
        first.push_back(runs.a.score[r]);
        second.push_back(runs.b.score[r]);
      }
    }
    EXPECT_NEAR(got[b], auc(labels, first) - auc(labels, second), 1e-12);
  }
}

TwoRuns probabilities_fixture() {
  TwoRuns runs = pointwise_fixture();
  for (PointwiseRows* rows : {&runs.a, &runs.b}) {
    for (float& score : rows->score) score = 1 / (1 + std::exp(-score));
  }
  return runs;
}

TEST(Bootstrap, CalibrationOfEachResampleEqualsThatOfItsRows) {
  const TwoRuns runs = probabilities_fixture();
  const EcePair pair(runs.a, runs.b, 5);
  Random random(6, "test");
  std::vector<float> counts(40 * resample_width);
  for (float& count : counts) count = static_cast<float>(random.below(3));
  std::vector<double> got(resample_width);
  pair.differences(counts, got);
  for (int b = 0; b < resample_width; ++b) {
    std::vector<float> labels, first, second;
    for (size_t r = 0; r < runs.a.user.size(); ++r) {
      for (float copy = 0; copy < counts[runs.a.user[r] * resample_width + b]; ++copy) {
        labels.push_back(runs.a.label[r]);
        first.push_back(runs.a.score[r]);
        second.push_back(runs.b.score[r]);
      }
    }
    EXPECT_NEAR(got[b], ece(labels, first, 5) - ece(labels, second, 5), 1e-12);
  }
}

TEST(Bootstrap, LossesArePairedOnlyBetweenProbabilities) {
  TwoRuns runs = probabilities_fixture();
  const std::vector<Metric> losses =
      parse_metrics(std::vector<std::string>{"brier", "ece@10", "ece@2", "logloss"});
  const auto paired = [&] {
    return PairedRuns{losses, {pair_rows(std::vector{RowPair{&runs.a, &runs.b}}, 40, losses)}};
  };
  const std::vector<double> got = observed(paired());
  const NamedValues a = pointwise_metrics(runs.a, 40, losses),
                    b = pointwise_metrics(runs.b, 40, losses);
  for (size_t m = 0; m < losses.size(); ++m)
    EXPECT_NEAR(got[m], a[m].value - b[m].value, 1e-12) << a[m].name;
  const auto family = compare_family(std::vector{paired()}, {});
  EXPECT_TRUE(std::isnan(family[0][1].p_t)) << "calibration is no mean over users";
  EXPECT_FALSE(std::isnan(family[0][1].p));
  runs.b.probabilities = false;
  const auto without = compare_family(std::vector{paired()}, {});
  for (const Comparison& none : without[0])
    EXPECT_EQ(none.verdict, Verdict::undefined) << metric_name(none.metric);
}

TEST(Bootstrap, PointwiseMeansEqualTheirDefinitions) {
  const TwoRuns runs = probabilities_fixture();
  const std::vector<Metric> metrics = parse_metrics(
      std::vector<std::string>{"auc", "uauc", "gauc", "ndcg", "logloss", "recall@20"});
  // Users above 39 have no rows: they are no clusters.
  const PairedRuns pair{metrics, {pair_rows(std::vector{RowPair{&runs.a, &runs.b}}, 90, metrics)}};
  EXPECT_EQ(pair.strata[0].users, 40);
  const std::vector<double> got = observed(pair);
  const NamedValues a = pointwise_metrics(runs.a, 40, metrics),
                    b = pointwise_metrics(runs.b, 40, metrics);
  for (size_t m = 0; m + 1 < metrics.size(); ++m) {
    EXPECT_NEAR(got[m], a[m].value - b[m].value, 1e-12) << a[m].name;
  }
  const auto family = compare_family(std::vector{pair}, {});
  EXPECT_EQ(family[0][5].verdict, Verdict::undefined);
  EXPECT_TRUE(std::isnan(family[0][5].p_holm));
  EXPECT_TRUE(std::isnan(family[0][2].p_t)) << "gauc weighs its users";
  EXPECT_FALSE(std::isnan(family[0][1].p_t));
}

TEST(Bootstrap, IsTheSameForAnyThreadsAndLengthAndDiffersBySeed) {
  const PairedRuns pair =
      pair_of(fixture()["means"][1]["strata"].get<std::vector<std::vector<double>>>());
  const auto with = [&](int resamples, uint64_t seed, int threads) {
    return resampled({&pair, 1}, resamples, seed, threads)[0];
  };
  const auto one = with(1000, 1, 1);
  EXPECT_EQ(one, with(1000, 1, 3));
  const auto shorter = with(333, 1, 2);
  EXPECT_TRUE(std::equal(shorter[0].begin(), shorter[0].end(), one[0].begin()));
  EXPECT_NE(one, with(1000, 2, 1));
  // Beside pairs of other sizes a pair gets the same resamples as alone.
  const std::vector<PairedRuns> family{
      pair, pair_of({std::vector<double>(77, 0.5)}), pair,
      pair_of({std::vector<double>(150, 0.1), std::vector<double>(20, 0.1)})};
  const auto together = resampled(family, 1000, 1, 2);
  EXPECT_EQ(together[0], one);
  EXPECT_EQ(together[2], one);
}

TEST(Family, CorrectionWidensAndHolmSteps) {
  const auto strata = fixture()["means"][0]["strata"].get<std::vector<std::vector<double>>>();
  std::vector<PairedRuns> family;
  for (int shift = 0; shift < 5; ++shift) {
    auto moved = strata;
    for (double& d : moved[0]) d += 0.01 * shift;
    family.push_back(pair_of(moved));
  }
  const auto results = compare_family(family, {});
  std::vector<double> raw;
  for (const auto& row : results) {
    EXPECT_LT(row[0].corrected.low, row[0].interval.low);
    EXPECT_GT(row[0].corrected.high, row[0].interval.high);
    raw.push_back(row[0].p);
  }
  EXPECT_TRUE(std::ranges::is_sorted(raw, std::greater<>()))
      << "a larger difference has a smaller p";
  // Holm by hand: p sorted up, times 5, 4, 3, 2, 1, running maximum.
  double floor = 0;
  for (int i = 0; i < 5; ++i) {
    const Comparison& c = results[static_cast<size_t>(4 - i)][0];
    floor = std::max(floor, std::min(1.0, c.p * (5 - i)));
    EXPECT_DOUBLE_EQ(c.p_holm, floor);
  }
  EXPECT_EQ(results[4][0].verdict, Verdict::better);
}

TEST(Family, VerdictsRespectDirectionEqualityAndFewUsers) {
  std::vector<double> clear, tiny, few(9, 1.0);
  for (int u = 0; u < 200; ++u) {
    clear.push_back(0.1 + 0.001 * (u % 7));
    tiny.push_back(0.0001 * (u % 3 - 1));
  }
  const auto verdict = [&](const std::vector<double>& d) {
    return compare_family(std::vector{pair_of({d})}, {})[0][0];
  };
  EXPECT_EQ(verdict(clear).verdict, Verdict::better);
  EXPECT_FALSE(verdict(clear).equal);
  EXPECT_EQ(verdict(tiny).verdict, Verdict::not_shown);
  EXPECT_TRUE(verdict(tiny).equal);
  EXPECT_EQ(verdict(few).verdict, Verdict::not_shown) << "nine users show nothing";
  EXPECT_FALSE(verdict(std::vector<double>(9, 0.0)).equal);
  const Comparison same = verdict(std::vector<double>(50, 0.0));
  EXPECT_EQ(same.p, 1);
  EXPECT_EQ(same.p_sign, 1);
  EXPECT_TRUE(same.equal);
  // Lower log loss is better.
  TwoRuns runs = pointwise_fixture();
  for (size_t r = 0; r < runs.a.label.size(); ++r) {
    runs.a.score[r] = runs.a.label[r] > 0 ? 0.9f : 0.1f;
    runs.b.score[r] = 0.5f;
  }
  const std::vector<Metric> metrics{{MetricKind::logloss, 0}};
  const PairedRuns pair{metrics, {pair_rows(std::vector{RowPair{&runs.a, &runs.b}}, 40, metrics)}};
  const Comparison loss = compare_family(std::vector{pair}, {})[0][0];
  EXPECT_LT(loss.difference, 0);
  EXPECT_EQ(loss.verdict, Verdict::better);
}

TEST(Pairing, MatchesUsersByTokenAndDropsUndefined) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  UserMetrics a({"x", "y", "z"}, {recall}), b({"z", "x", "y"}, {recall});
  for (int u = 0; u < 3; ++u) {
    a.row(u)[0] = 1 + u;  // x 1, y 2, z 3
    b.row(u)[0] = 0;
  }
  b.row(0)[0] = nan;   // z
  b.row(1)[0] = 0.25;  // x
  const Stratum stratum = pair_users(std::vector{UserPair{&a, &b}}, std::vector{recall});
  EXPECT_THAT(stratum.differences[0], testing::ElementsAre(0.75, 2, 0));
  EXPECT_THAT(stratum.weights[0], testing::ElementsAre(1, 1, 0));
  EXPECT_DOUBLE_EQ(observed({{recall}, {stratum}})[0], 1.375);
  // Seeds of one split are averaged per user.
  const Stratum both =
      pair_users(std::vector{UserPair{&a, &b}, UserPair{&b, &b}}, std::vector{recall});
  EXPECT_THAT(both.differences[0], testing::ElementsAre(0.375, 1, 0));
}

TEST(Pairing, DifferentUsersOrRowsAreRefused) {
  const UserMetrics a({"x", "y"}, {recall}), b({"x", "q"}, {recall}), c({"x"}, {recall});
  const auto refuses = [&](const UserMetrics& first, const UserMetrics& second) {
    try {
      pair_users(std::vector{UserPair{&first, &second}}, std::vector{recall});
      return false;
    } catch (const Error& error) {
      return error.code() == Exit::config;
    }
  };
  EXPECT_TRUE(refuses(a, b));
  EXPECT_TRUE(refuses(a, c));
  EXPECT_TRUE(refuses(c, a));
  EXPECT_FALSE(refuses(a, a));
  TwoRuns runs = pointwise_fixture();
  runs.b.label[3] = 1 - runs.b.label[3];
  EXPECT_THROW(pair_rows(std::vector{RowPair{&runs.a, &runs.b}}, 40, std::vector<Metric>{}), Error);
  EXPECT_THROW(compare_family({}, {.resamples = 1}), Error);
  EXPECT_THROW(compare_family({}, {.confidence = 95}), Error);
}

}  // namespace
}  // namespace kindred::eval
