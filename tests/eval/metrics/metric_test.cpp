// Names, expressions, protocols.
#include "eval/metrics/metric.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "core/error.h"
#include "eval/metrics/expression.h"
#include "eval/metrics/values.h"

namespace kindred::eval {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string config_error(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::config);
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

TEST(Metric, EveryNameParsesBackToItself) {
  const std::vector<std::string> names{"recall@20",
                                       "truncated-recall@20",
                                       "hit@10",
                                       "ndcg@100",
                                       "mrr@10",
                                       "map@10",
                                       "precision@10",
                                       "coverage@10",
                                       "auc",
                                       "uauc",
                                       "gauc",
                                       "ndcg",
                                       "logloss",
                                       "brier",
                                       "ece@10",
                                       "exact@1",
                                       "title-contains@1",
                                       "valid@1"};
  const std::vector<Metric> metrics = parse_metrics(names);
  EXPECT_EQ(metric_names(metrics), names);
  std::set<MetricKind> kinds;
  for (const Metric& metric : metrics) kinds.insert(metric.kind);
  EXPECT_EQ(kinds.size(), all_metrics().size()) << "a kind has no name in this list";
  EXPECT_EQ(largest_cutoff(metrics), 100);
  EXPECT_EQ(largest_cutoff(parse_metrics(std::vector<std::string>{"ece@500", "recall@20"})), 20)
      << "bins are no depth of lists";
}

TEST(Metric, NdcgWithAndWithoutCutoffAreTwoMetrics) {
  EXPECT_EQ(parse_metric("ndcg@10"), (Metric{MetricKind::ndcg, 10}));
  EXPECT_EQ(parse_metric("ndcg"), (Metric{MetricKind::pointwise_ndcg, 0}));
}

TEST(Metric, MistakesAreNamedWithTheNearestName) {
  const auto message = [](const char* name) { return config_error([&] { parse_metric(name); }); };
  EXPECT_THAT(message("recal@20"), HasSubstr("did you mean 'recall@20'"));
  EXPECT_THAT(message("uac"), HasSubstr("did you mean"));
  EXPECT_THAT(message("recall"), HasSubstr("expected a cut-off"));
  EXPECT_THAT(message("auc@10"), HasSubstr("has no cut-off"));
  for (const char* name : {"recall@0", "recall@-3", "recall@", "recall@2x", "recall@99999999999"}) {
    EXPECT_THAT(message(name), HasSubstr("expected a cut-off from 1")) << name;
  }
  EXPECT_THAT(message("exact@5"), HasSubstr("exact@1"));
  EXPECT_THAT(message("valid@2"), HasSubstr("valid@1"));
  EXPECT_THAT(message("ece"), HasSubstr("'ece@10'"));
  EXPECT_THAT(message("brier@3"), HasSubstr("has no cut-off"));
  EXPECT_THAT(message(""), HasSubstr("unknown metric"));
}

TEST(Metric, SeveralMistakesAreReportedTogether) {
  const std::vector<std::string> names{"recal@20", "auc", "hit@0"};
  try {
    parse_metrics(names);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.lines().size(), 2u);
  }
}

TEST(Expression, SumsMetrics) {
  const auto expression =
      MetricExpression::parse("truncated-recall@20+truncated-recall@40+ndcg@100");
  EXPECT_EQ(metric_names(expression.metrics()),
            (std::vector<std::string>{"truncated-recall@20", "truncated-recall@40", "ndcg@100"}));
  const NamedValues values{
      {"truncated-recall@20", 0.25}, {"truncated-recall@40", 0.5}, {"ndcg@100", 1}};
  EXPECT_DOUBLE_EQ(expression.value(values), 1.75);
  EXPECT_TRUE(std::isnan(expression.value(NamedValues{{"ndcg@100", 1}})));
}

TEST(Expression, WeightsSignsAndSpaces) {
  const auto expression = MetricExpression::parse(" 0.5*ndcg@10 + uauc -2 * logloss");
  EXPECT_EQ(expression.text(), "0.5*ndcg@10+uauc-2*logloss");
  EXPECT_EQ(MetricExpression::parse(expression.text()).text(), expression.text());
  EXPECT_DOUBLE_EQ(
      expression.value(NamedValues{{"ndcg@10", 0.5}, {"uauc", 0.75}, {"logloss", 0.25}}),
      0.25 + 0.75 - 0.5);
  EXPECT_EQ(MetricExpression::parse("auc-logloss").text(), "auc-logloss");
  EXPECT_EQ(MetricExpression::parse("ndcg-logloss").metrics()[0].kind, MetricKind::pointwise_ndcg);
  EXPECT_EQ(MetricExpression::parse("-logloss").text(), "-logloss");
}

TEST(Expression, MistakesAreConfigurationErrors) {
  for (const char* text :
       {"", "  ", "+", "ndcg@10+", "ndcg@10 auc", "2ndcg@10", "2*", "ndgc@10", "ndcg@10++auc",
        "-ndcg@10", "logloss", "auc+logloss", "ndcg@10*2", "1e999*auc"}) {
    EXPECT_THAT(config_error([&] { MetricExpression::parse(text); }), testing::Not("")) << text;
  }
  EXPECT_THAT(config_error([] { MetricExpression::parse("logloss"); }), HasSubstr("lower"));
}

TEST(Values, UndefinedIsNullAndBack) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Json json = to_json(NamedValues{{"recall@20", 0.5}, {"auc", nan}});
  EXPECT_EQ(json.dump(), R"({"recall@20":0.5,"auc":null})");
  const NamedValues back = values_from_json(json, "here");
  EXPECT_EQ(back[0].value, 0.5);
  EXPECT_TRUE(std::isnan(back[1].value));
  EXPECT_THROW(values_from_json(parse_json(R"({"a":"b"})", "x"), "here"), Error);
  EXPECT_EQ(display_value(nan), "n/a");
  EXPECT_EQ(display_value(-0.00001), "0.0000");
  EXPECT_EQ(display_value(0.12345), "0.1235");
}

TEST(Values, ProtocolsDescribeThemselves) {
  EXPECT_EQ(describe({"full", {}, {}, {}, "train+valid"}),
            "full ranking, train+valid items masked");
  EXPECT_EQ(describe({"candidates", 99, 1, {}, "none"}),
            "relevant item + 99 sampled negatives (seed 1), nothing masked");
  EXPECT_EQ(describe({"candidates", {}, {}, "c.tsv", ""}), "candidates of c.tsv");
  EXPECT_EQ(describe({"pointwise", {}, {}, {}, ""}), "pointwise");
  for (const Protocol& protocol :
       {Protocol{"full", {}, {}, {}, "train"}, Protocol{"candidates", 99, 7, "f", ""}}) {
    EXPECT_EQ(protocol_from_json(to_json(protocol), "here"), protocol);
  }
  Protocol given{"candidates", {}, {}, "c.tsv", "none"};
  given.sha256 = "0123456789abcdef";
  EXPECT_EQ(describe(given), "candidates of c.tsv (SHA-256 0123456789ab), nothing masked");
  EXPECT_EQ(protocol_from_json(to_json(given), "here").sha256, given.sha256);
  Protocol moved = given, other = given;
  moved.file = "elsewhere/d.tsv";
  moved.negatives = 19;
  EXPECT_EQ(moved, given) << "the same candidates, whatever the file is called";
  other.sha256 = "f";
  EXPECT_NE(other, given);
  other.sha256.reset();
  EXPECT_NE(other, given) << "nothing says that they are the same";
  EXPECT_THROW(protocol_from_json(parse_json(R"({"negatives":3})", "x"), "here"), Error);
  EXPECT_THROW(protocol_from_json(parse_json(R"({"name":"full","seed":"a"})", "x"), "here"), Error);
}

}  // namespace
}  // namespace kindred::eval
