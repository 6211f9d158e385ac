// Methods with parts: where parts come from, what is trained again when
// something changes, and what a run folder of them holds.

#include <gmock/gmock.h>

#include "core/error.h"
#include "core/yaml.h"
#include "model/ensemble.h"
#include "run/evaluate_run.h"
#include "small_store.h"

namespace kindred::run {
namespace {

using small::StoreTest;
using testing::ElementsAre;
using testing::HasSubstr;

const char* const both =
    "method: ensemble\n"
    "members:\n"
    "  - {method: ease, ease: {l2: 3.0}}\n"
    "  - {method: multi-vae, train: {epochs: 2}, "
    "evaluation: {metrics: [hit@3]}}\n";

/// The stages of a run by label, each with how it came about.
std::vector<std::string> history_of(const Json& stages) {
  std::vector<std::string> lines;
  for (const Json& stage : stages)
    lines.push_back(stage.at("stage").get<std::string>() + (stage.contains("cached") ? " cached"
                                                            : stage.contains("from") ? " taken"
                                                                                     : " trained"));
  return lines;
}

std::vector<float> scores_of(const fs::path& run) {
  OpenedRun opened = open_run(run);
  std::vector<model::Query> queries(2);
  queries[0].user = 3;
  queries[0].history = opened.history[3];
  queries[1].user = 8;
  queries[1].history = opened.history[8];
  torch::Tensor out = torch::empty({2, opened.recommender->item_count()});
  const torch::NoGradGuard no_gradient;
  opened.recommender->score_all(queries, out);
  return {out.data_ptr<float>(), out.data_ptr<float>() + out.numel()};
}

class Parts : public StoreTest {
 protected:
  std::string refusal(const std::string& name, const std::string& text) {
    try {
      train(request(name, text));
    } catch (const Error& error) {
      std::string all;
      for (const std::string& line : error.lines()) all += line + "\n";
      return all;
    }
    return "nothing";
  }
};

TEST_F(Parts, AreTrainedBeforeTheMethodAndSavedInItsFolder) {
  const TrainOutcome outcome = train(request("both", both));
  EXPECT_THAT(history_of(stages_of("both")),
              ElementsAre("members.0.solve trained", "members.1.train trained"));
  const Json config = parse_yaml(read_file(RunFolder{outcome.run_folder}.config()), "config");
  EXPECT_EQ(config.at("members").at(0).at("ease").at("l2"), 3.0);
  EXPECT_EQ(config.at("members").at(1).at("stages").at("train").at("epochs"), 2);
  // What was saved is what was judged: its mean of the members that were saved
  // apart.
  const TrainOutcome ease = train(request("ease", "method: ease\nease: {l2: 3.0}\n"));
  const TrainOutcome vae = train(request("vae", "method: multi-vae\ntrain: {epochs: 2}\n"));
  const auto shared = [](const fs::path& run) { return open_run(run).recommender; };
  model::Ensemble mean({shared(ease.run_folder), shared(vae.run_folder)});
  OpenedRun opened = open_run(outcome.run_folder);
  std::vector<model::Query> queries(1);
  queries[0].user = 3;
  queries[0].history = opened.history[3];
  torch::Tensor want = torch::empty({1, mean.item_count()}), got = torch::empty_like(want);
  const torch::NoGradGuard no_gradient;
  mean.score_all(queries, want);
  opened.recommender->score_all(queries, got);
  EXPECT_TRUE(torch::equal(got, want));
}

TEST_F(Parts, EaseAloneAndAsAPartIsOneResult) {
  const TrainOutcome alone = train(request("ease", "method: ease\nease: {l2: 3.0}\n"));
  train(request("both", both));
  EXPECT_THAT(history_of(stages_of("ease")), ElementsAre("solve trained"));
  EXPECT_THAT(history_of(stages_of("both")),
              ElementsAre("members.0.solve cached", "members.1.train trained"));
  EXPECT_EQ(stages_of("both").at(0).at("fingerprint"), stages_of("ease").at(0).at("fingerprint"));
  train(request("again", "method: ease\nease: {l2: 3.0}\n"));
  EXPECT_THAT(history_of(stages_of("again")), ElementsAre("solve cached"));
  EXPECT_EQ(scores_of(folder_ / "runs/again"), scores_of(alone.run_folder));
}

TEST_F(Parts, AStageIsJudgedAsItself) {
  train(request("both", both));
  for (const Json& record : read_log(RunFolder{folder_ / "runs/both"}.log())) {
    EXPECT_EQ(record.at("stage"), "members.1.train");
    if (!record.contains("valid")) continue;
    EXPECT_TRUE(record.at("valid").contains("hit@3")) << record;
    EXPECT_FALSE(record.at("valid").contains("recall@5")) << record;
  }
}

TEST_F(Parts, ComeFromRunsRecipesAndFilesOfVectors) {
  const TrainOutcome vae = train(request("vae", "method: multi-vae\ntrain: {epochs: 2}\n"));
  train(request("both", both));
  write_file(folder_ / "ease.yaml", "data: {path: nowhere}\nmethod: ease\nease: {l2: 3.0}\n");
  train(request("taken", "method: ensemble\nmembers: [{from: ease.yaml}, {from: " +
                             vae.run_folder.string() + "}]\n"));
  EXPECT_THAT(history_of(stages_of("taken")), ElementsAre("members.0.solve cached"));
  EXPECT_EQ(scores_of(folder_ / "runs/taken"), scores_of(folder_ / "runs/both"));

  std::string users = "user:token\tvector:float_seq\n", items = "i3\t1 0\n";
  for (int u = 0; u < 24; ++u) users += cat("u", u, "\t", u, " 0.5\n");
  for (int i = 4; i < 16; ++i) items += cat("i", i, "\t0 ", i, "\n");
  write_file(folder_ / "users.tsv", users);
  write_file(folder_ / "items.tsv", items + "stranger\t1 1\n");
  train(request("given",
                "method: cascade\ncascade: {depth: 3}\nretriever: {method: pop}\n"
                "ranker: {users: users.tsv, items: items.tsv}\n"));
  OpenedRun opened = open_run(folder_ / "runs/given");
  std::vector<model::Query> queries(1);
  queries[0].user = *opened.users->find("u5");
  const model::TopItems top = opened.recommender->top(
      {.queries = queries, .k = 16, .masked = {}, .tie_ranks = {}, .among = {}});
  ASSERT_EQ(top.items[0].size(), 16u);
  EXPECT_TRUE(std::is_sorted(top.scores[0].begin(), top.scores[0].end(), std::greater<>()));
}

TEST_F(Parts, ASourceOfStagesIsAPartNotANameThatHappensToBeThere) {
  train(request("both", both));
  TrainRequest vae = request("vae", "method: multi-vae\ntrain: {epochs: 5}\n");
  vae.assignments = {"stages.train.from=" + (folder_ / "runs/both").string()};
  train(vae);
  EXPECT_EQ(stages_of("vae").at(0).at("fingerprint"), stages_of("both").at(1).at("fingerprint"));
  const TrainOutcome md = train(request("md",
                                        "method: md-cvae\nmd-cvae: {hidden_sizes: [8], "
                                        "latent_size: 4, content_hidden_sizes: "
                                        "[6], words: {min_documents: 1}}\ntrain: {epochs: 1}\n"));
  TrainRequest other = request("other", "method: multi-vae\ntrain: {epochs: 5}\n");
  other.assignments = {"stages.train.from=" + md.run_folder.string()};
  try {
    train(other);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("holds no finished stage 'train' of multi-vae"));
  }
}

TEST_F(Parts, EveryProblemOfEveryPartIsSaidAtOnce) {
  const std::string text =
      refusal("wrong",
              "method: ensemble\nensemble: {scael: logits}\n"
              "members:\n  - {method: ease, ease: {l3: 1}}\n  - {method: eas}\n"
              "  - {method: pop, from: runs/x}\n  - {users: a.tsv}\n"
              "  - {method: multi-vae, stages: {train: {select: nothing@5}, "
              "fine: {}}}\n");
  for (const char* part :
       {"ensemble: unknown key 'scael'", "members.0: ease: unknown key 'l3'",
        "members.1: method: got 'eas'", "members.2: got several sources",
        "members.3: got vectors of one side alone", "members.4.stages.train.select",
        "members.4: stages: got unknown stage 'fine'"})
    EXPECT_THAT(text, HasSubstr(part));
  const TrainOutcome ease = train(request("ease", "method: ease\n"));
  EXPECT_THAT(refusal("more", "method: ensemble\nmembers: [{method: pop}, {seed: 3, from: " +
                                  ease.run_folder.string() + "}]\n"),
              HasSubstr("members.1: got 'seed' beside `from`"));
  EXPECT_THAT(refusal("few", "method: ensemble\nmembers: [{method: ease}]\n"),
              HasSubstr("expected a list of at least 2 of recommenders"));
  EXPECT_THAT(refusal("none", "method: cascade\nretriever: {method: ease}\n"),
              HasSubstr("ranker: got nothing, expected the recommender that "
                        "puts them in order"));
}

TEST_F(Parts, OptionsOfAPartMayStandBesideIt) {
  train(request("beside",
                "method: cascade\nretriever: {method: ease}\nranker: {method: pop}\n"
                "ease: {l2: 3.0}\n"));
  train(request("alone", "method: ease\nease: {l2: 3.0}\n"));
  EXPECT_EQ(stages_of("alone").at(0).at("fingerprint"),
            stages_of("beside").at(0).at("fingerprint"));
}

TEST_F(Parts, AnEnsemblesWeightsAreFittedOnValidation) {
  train(request("fitted", std::string(both) + "ensemble: {weights: fitted}\n"));
  EXPECT_THAT(history_of(stages_of("fitted")),
              ElementsAre("members.0.solve trained", "members.1.train trained", "weights trained"));
  const OpenedRun opened = open_run(folder_ / "runs/fitted");
  const auto& weights = dynamic_cast<const model::Ensemble&>(*opened.recommender).weights();
  ASSERT_EQ(weights.size(), 2u);
  EXPECT_NEAR(weights[0] + weights[1], 1.0, 1e-9);
  EXPECT_GT(std::abs(weights[0] - weights[1]), 1e-3) << "as if they were equal";
  train(request("again", std::string(both) + "ensemble: {weights: fitted}\n"));
  EXPECT_EQ(history_of(stages_of("again")).back(), "weights cached");
  EXPECT_EQ(scores_of(folder_ / "runs/again"), scores_of(folder_ / "runs/fitted"));
}

using Fingerprints = StoreTest;

const char* const md_cvae =
    "method: md-cvae\n"
    "md-cvae: {hidden_sizes: [8], latent_size: 4, "
    "content_hidden_sizes: [6], words: {min_documents: "
    "1}}\ntrain: {epochs: 1}\n";

TEST_F(Fingerprints, AnOptionThatOnlyTheLastStageReadsTrainsThatAlone) {
  train(request("first", md_cvae));
  TrainRequest other = request("other", md_cvae);
  other.assignments = {"md-cvae.lambda_v=3"};
  train(other);
  EXPECT_THAT(history_of(stages_of("other")),
              ElementsAre("content-layer-1 cached", "content-core cached", "content cached",
                          "joint trained"));
}

TEST_F(Fingerprints, MetricsTrainNothingAndWhatSelectsDoes) {
  const char* const vae = "method: multi-vae\ntrain: {epochs: 2, select: ndcg@5}\n";
  train(request("first", vae));
  const auto stage_with = [&](const std::string& name, const std::string& assignment) {
    TrainRequest asked = request(name, vae);
    asked.assignments = {assignment};
    train(asked);
    return history_of(stages_of(name)).front();
  };
  EXPECT_EQ(stage_with("metrics", "evaluation.metrics=[hit@3]"), "train cached");
  EXPECT_EQ(stage_with("groups", "evaluation.groups=[cold-items]"), "train cached");
  EXPECT_EQ(stage_with("often", "train.checkpoint_every=0"), "train cached");
  EXPECT_EQ(stage_with("mask", "evaluation.mask=none"), "train trained");
  EXPECT_EQ(stage_with("seed", "seed=5"), "train trained");
}

TEST_F(Fingerprints, OfCllm4RecFollowItsStages) {
  const std::string text =
      cat("method: cllm4rec\ncllm4rec: {lambda_c: 1.0}\nbackbone: {path: ", KINDRED_SOURCE_DIR,
          "/models/tiny, precision: fp32}\nstages: {warmup: {epochs: 1, "
          "max_steps: 1}, pretrain: "
          "{epochs: 1, max_steps: 2}, finetune: {epochs: 1, max_steps: 1}}\n");
  const auto stages_with = [&](const std::string& name, std::vector<std::string> assignments) {
    TrainRequest asked = request(name, text);
    asked.assignments = std::move(assignments);
    train(asked);
    return history_of(stages_of(name));
  };
  EXPECT_THAT(stages_with("first", {}),
              ElementsAre("warmup trained", "pretrain trained", "finetune trained"));
  EXPECT_THAT(stages_with("mask", {"cllm4rec.mask_share=0.5"}),
              ElementsAre("warmup cached", "pretrain cached", "finetune trained"));
  EXPECT_THAT(stages_with("lambda", {"cllm4rec.lambda_c=2"}),
              ElementsAre("warmup cached", "pretrain trained", "finetune trained"));
  EXPECT_THAT(stages_with("init", {"cllm4rec.init_std=0.01"}),
              ElementsAre("warmup trained", "pretrain trained", "finetune trained"));
}

}  // namespace
}  // namespace kindred::run
