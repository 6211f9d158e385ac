// The evaluation core on a catalogue small enough to work out by hand.

#include "eval/evaluate.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "eval/metrics/dump.h"
#include "eval/small_store.h"

namespace kindred::eval {
namespace {

using data::Part;

EvaluationOutcome judge(model::Recommender& recommender, EvaluationOptions options,
                        Part part = Part::test) {
  const data::Dataset data = store();
  EvaluationRequest request;
  request.part = part;
  request.keep = 10;
  return evaluate(recommender, data, options, request);
}

TEST(Evaluate, MasksWhatWasSeenAndRanksTheRest) {
  Fixed fixed({6, 5, 4, 3, 2, 1});
  EvaluationOptions options;
  options.metrics = {"recall@2", "mrr@10"};
  const EvaluationOutcome outcome = judge(fixed, options);
  ASSERT_EQ(outcome.lists.size(), 2u);
  EXPECT_EQ(outcome.lists[0].items, (std::vector<Index>{3, 4, 5}));        // 0 1 2 are seen
  EXPECT_EQ(outcome.lists[1].items, (std::vector<Index>{0, 1, 2, 3, 5}));  // 4 is seen
  EXPECT_EQ(outcome.lists[1].relevant, (std::vector<Index>{5, 0}));
  EXPECT_DOUBLE_EQ(value_of(outcome.evaluation.values, "recall@2"), (1.0 + 0.5) / 2);
  EXPECT_DOUBLE_EQ(value_of(outcome.evaluation.values, "mrr@10"), 1.0);
  EXPECT_EQ(outcome.protocol.mask, "train+valid");
  EXPECT_EQ(fixed.histories, (std::vector<std::vector<Index>>{{0, 1, 2}, {4}}));
}

TEST(Evaluate, AtValidationOnlyTrainingIsSeen) {
  Fixed fixed({6, 5, 4, 3, 2, 1});
  EvaluationOptions options;
  options.metrics = {"hit@1"};
  const EvaluationOutcome outcome = judge(fixed, options, Part::valid);
  ASSERT_EQ(outcome.lists.size(), 1u);  // user b has nothing held out there
  EXPECT_EQ(outcome.lists[0].items, (std::vector<Index>{2, 3, 4, 5}));
  EXPECT_EQ(outcome.protocol.mask, "train");
  EXPECT_EQ(fixed.histories, (std::vector<std::vector<Index>>{{0, 1}}));
}

TEST(Evaluate, OtherRulesByOption) {
  Fixed fixed({6, 5, 4, 3, 2, 1});
  EvaluationOptions options;
  options.metrics = {"hit@1"};
  options.mask = "none";
  options.history = "train";
  const EvaluationOutcome outcome = judge(fixed, options);
  EXPECT_EQ(outcome.lists[0].items, (std::vector<Index>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(fixed.histories[0], (std::vector<Index>{0, 1}));
  options.mask = "train";
  EXPECT_EQ(judge(fixed, options).lists[0].items, (std::vector<Index>{2, 3, 4, 5}));
}

TEST(Evaluate, PeopleServedAsNeverSeen) {
  Fixed fixed({6, 5, 4, 3, 2, 1});
  EvaluationOptions options;
  options.metrics = {"recall@2"};
  const EvaluationOutcome known = judge(fixed, options);
  EXPECT_EQ(fixed.named, 2);
  options.users = "unseen";
  const EvaluationOutcome unseen = judge(fixed, options);
  EXPECT_EQ(fixed.named, 2);
  EXPECT_EQ(fixed.histories, (std::vector<std::vector<Index>>{{0, 1, 2}, {4}, {0, 1, 2}, {4}}));
  for (size_t i = 0; i < known.lists.size(); ++i) {
    EXPECT_EQ(unseen.lists[i].user, known.lists[i].user);
    EXPECT_EQ(unseen.lists[i].items, known.lists[i].items)
        << "what they saw is masked all the same";
  }
  EXPECT_NE(describe(unseen.protocol), describe(known.protocol));
  EXPECT_EQ(protocol_from_json(to_json(unseen.protocol), "here"), unseen.protocol);
  EXPECT_EQ(to_json(known.protocol).count("users"), 0u) << "files as they were";
  data::Dataset labelled = store();
  labelled.parts[2].label = {1, 0, 1};
  options.protocol = "pointwise";
  options.metrics = {"auc"};
  evaluate(fixed, labelled, options, {});
  EXPECT_EQ(fixed.named, 2);
}

TEST(Evaluate, CandidatesHoldTheRelevantItemsAndUnknownNegatives) {
  Fixed fixed({6, 5, 4, 3, 2, 1});
  EvaluationOptions options;
  options.protocol = "candidates";
  options.metrics = {"hit@1"};
  options.negatives = 2;
  const EvaluationOutcome outcome = judge(fixed, options);
  // User a has 0 1 2 3 in some part, so only 4 and 5 can be its negatives.
  EXPECT_EQ(outcome.lists[0].items, (std::vector<Index>{3, 4, 5}));
  EXPECT_EQ(outcome.lists[1].items.size(), 4u);
  EXPECT_EQ(judge(fixed, options).lists[1].items, outcome.lists[1].items) << "the draw is seeded";
  EXPECT_EQ(outcome.protocol.negatives, 2);
  options.negatives = 3;
  EXPECT_THROW(judge(fixed, options), Error);
}

TEST(Evaluate, LabelledRows) {
  data::Dataset data = store();
  data.parts[2].label = {1, 0, 1};
  Fixed fixed({6, 5, 4, 3, 2, 1});
  EvaluationOptions options;
  options.protocol = "pointwise";
  options.metrics = {"auc"};
  EvaluationRequest request;
  const EvaluationOutcome outcome = evaluate(fixed, data, options, request);
  EXPECT_EQ(outcome.rows.score, (std::vector<float>{3, 1, 6}));
  EXPECT_DOUBLE_EQ(value_of(outcome.evaluation.values, "auc"), 1.0);
  EXPECT_EQ(fixed.histories, (std::vector<std::vector<Index>>{{0, 1, 2}, {4}, {4}}));
}

TEST(Evaluate, NamesWhatARecommenderLacks) {
  Fixed mute({1, 2, 3, 4, 5, 6}, false);
  try {
    judge(mute, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::config);
    EXPECT_NE(std::string(error.what()).find("fixed does not"), std::string::npos) << error.what();
  }
  EvaluationOptions bad;
  bad.metrics = {"recal@20", "ndgc@10"};
  bad.groups = {"user-activty"};
  try {
    check_options(bad);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.lines().size(), 3u);
  }
}

TEST(Evaluate, TheDumpRecomputesTheMetrics) {
  Fixed fixed({1, 1, 1, 1, 1, 1});  // all tied: the order is that of the tokens' SHA-256
  EvaluationOptions options;
  options.metrics = {"recall@2", "ndcg@5", "mrr@5", "coverage@2"};
  const EvaluationOutcome outcome = judge(fixed, options);
  const auto path = std::filesystem::temp_directory_path() / "kindred-evaluate-dump.tsv";
  write_dump(path, outcome, store());
  const Evaluation again =
      evaluate_dump(read_ranking_dump(path), parse_metrics(options.metrics), 6);
  for (const NamedValue& value : outcome.evaluation.values)
    EXPECT_DOUBLE_EQ(value_of(again.values, value.name), value.value) << value.name;
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace kindred::eval
