// Evaluations of finished runs under other protocols, kept, and compared.

#include "run/compare_runs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/hash.h"
#include "eval/metrics/candidate_file.h"
#include "eval/metrics/kept_evaluation.h"
#include "run/evaluate_run.h"
#include "run/judge.h"
#include "run/small_store.h"

namespace kindred::run {
namespace {

using testing::HasSubstr;
using testing::Not;

class Comparing : public small::StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    train(request("pop", "method: pop\n"));
    train(request("ease", "method: ease\nease: {l2: 1.0}\n"));
  }

  fs::path run(const std::string& name) const { return folder_ / "runs" / name; }
  fs::path kept(const std::string& name, const std::string& stem) const {
    return run(name) / "evaluations" / (stem + ".json.gz");
  }
  EvaluateRequest evaluating(const std::string& name) const {
    EvaluateRequest request;
    request.run = run(name);
    request.paths.data_dir = folder_.string();
    request.paths.cache_dir = (folder_ / "cache").string();
    return request;
  }
  /// Evaluates a run on the candidates of `c.tsv`.
  Json on_candidates(const std::string& name) const {
    EvaluateRequest asked = evaluating(name);
    asked.candidates = (folder_ / "c.tsv").string();
    return evaluate_run(asked);
  }
  Json written_candidates(const std::string& name) const {
    EvaluateRequest asked = evaluating(name);
    asked.negatives = 5;
    asked.write_candidates = (folder_ / "c.tsv").string();
    return evaluate_run(asked);
  }
  static std::vector<std::string> refusal(const CompareRequest& request) {
    try {
      compare(request);
    } catch (const Error& error) {
      return error.lines();
    }
    return {"nothing"};
  }
};

TEST_F(Comparing, CandidatesAreWrittenOnceAndServeEveryRun) {
  const Json first = written_candidates("pop");
  const std::string sha = file_fingerprint(folder_ / "c.tsv");
  EXPECT_EQ(first.at("protocol").at("sha256"), sha);
  EXPECT_EQ(first.at("protocol").at("negatives"), 5);
  EXPECT_EQ(eval::read_candidate_file(folder_ / "c.tsv").rows.size(), 24u);
  const Json second = on_candidates("ease");
  EXPECT_EQ(second.at("protocol").at("sha256"), sha);
  EvaluateRequest drawn = evaluating("pop");
  drawn.negatives = 5;
  EXPECT_EQ(evaluate_run(drawn).at("test"), first.at("test")) << "the draw is the file's";

  CompareRequest asked{{run("pop"), run("ease")}, run("pop"), {}, "", ""};
  asked.candidates = (folder_ / "c.tsv").string();
  const eval::ComparisonReport report = compare(asked);
  EXPECT_EQ(report.protocol.sha256, sha);
  ASSERT_EQ(report.rows.size(), 2u);
  EXPECT_EQ(report.rows[1].comparisons.size(), report.metrics.size());
  EXPECT_EQ(report.rows[1].cells[0].mean, second.at("test").at("recall@5").get<double>());
  fs::rename(folder_ / "c.tsv", folder_ / "moved.tsv");
  asked.candidates = (folder_ / "moved.tsv").string();
  EXPECT_EQ(compare(asked).rows.size(), 2u) << "told by its content";
}

TEST_F(Comparing, NamesTheCommandForEachRunThatLacksTheEvaluation) {
  written_candidates("pop");
  CompareRequest asked{{run("pop"), run("ease")}, {}, {}, "candidates", ""};
  EvaluateRequest of_training = evaluating("ease");
  of_training.protocol = "candidates";
  of_training.negatives = 5;
  of_training.split = "train";
  evaluate_run(of_training);
  const std::vector<std::string> lines = refusal(asked);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], HasSubstr(cat(run("ease").string(), ": holds no such evaluation")));
  EXPECT_THAT(lines[0], HasSubstr(cat("`kindred evaluate ", run("ease").string(),
                                      " --protocol candidates --candidates ",
                                      (folder_ / "c.tsv").string(), "`")));
  on_candidates("ease");
  EXPECT_EQ(compare(asked).rows.size(), 2u) << "what the command leaves is found";
  asked.protocol = "pointwise";
  EXPECT_EQ(refusal(asked).size(), 2u);
  asked.protocol = "full";
  EXPECT_EQ(compare(asked).protocol.name, "full");
  asked.candidates = (folder_ / "c.tsv").string();
  EXPECT_THAT(refusal(asked)[0], HasSubstr("is of protocol candidates"));
}

TEST_F(Comparing, KeptEvaluationsArePairedWithoutTheirRun) {
  CompareRequest asked{{run("pop"), run("ease")}, "pop", {}, "", ""};
  const Json whole = eval::to_json(compare(asked));
  const fs::path moved = folder_ / "of-another-day.json.gz";
  fs::copy_file(kept("pop", "full-test"), moved);
  fs::remove_all(run("pop"));
  asked.runs[0] = moved;
  EXPECT_EQ(eval::to_json(compare(asked)), whole);
  fs::copy_file(kept("ease", "full-test"), folder_ / "ease.json.gz");
  asked.runs[1] = folder_ / "ease.json.gz";
  asked.relative_to = moved;
  EXPECT_EQ(eval::to_json(compare(asked)), whole) << "none of the two has its run";
}

TEST_F(Comparing, KeptEvaluationsOfOtherPartsOrProtocolsAreRefused) {
  EvaluateRequest valid = evaluating("pop");
  valid.split = "valid";
  evaluate_run(valid);
  CompareRequest asked{{run("ease"), kept("pop", "full-valid")}, {}, {}, "", ""};
  EXPECT_THAT(refusal(asked)[0], HasSubstr("is an evaluation of the valid part"));
  asked.runs[1] = kept("pop", "full-test");
  asked.protocol = "candidates";
  const std::vector<std::string> lines = refusal(asked);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr("--protocol candidates`"));
  EXPECT_THAT(lines[1], HasSubstr("is an evaluation by 'full ranking"));
}

TEST_F(Comparing, AnEvaluationIsKeptWithWhatItCameFrom) {
  const eval::KeptEvaluation kept_one = eval::read_kept_evaluation(kept("ease", "full-test"));
  EXPECT_EQ(kept_one.label, "ease");
  EXPECT_EQ(kept_one.run, "runs/ease");
  EXPECT_EQ(kept_one.part, "test");
  EXPECT_EQ(kept_one.split, read_own_json(RunFolder{run("ease")}.data()).at("fingerprint"));
  EXPECT_EQ(kept_one.users.user_count(), 24);
  const Json metrics = read_own_json(RunFolder{run("ease")}.metrics());
  EXPECT_EQ(eval::to_json(kept_one.values), metrics.at("test"));
  EvaluateRequest grouped = evaluating("ease");
  grouped.groups = {"items-top:35%", "pairs:3"};
  const Json found = evaluate_run(grouped);
  EXPECT_TRUE(found.at("groups").contains("items-top:35%"));
  EXPECT_EQ(eval::to_json(eval::read_kept_evaluation(kept("ease", "full-test")).groups),
            found.at("groups"));
}

TEST_F(Comparing, FoldersOfEarlierVersionsAreStillRead) {
  CompareRequest asked{{run("pop"), run("ease")}, "pop", {}, "", ""};
  const Json whole = eval::to_json(compare(asked));
  fs::remove(kept("pop", "full-test"));
  EXPECT_EQ(eval::to_json(compare(asked)), whole);
}

TEST_F(Comparing, ARecipesCandidatesAreOfItsTestPart) {
  written_candidates("pop");
  TrainRequest again = request("again", "method: pop\n");
  again.assignments = {"evaluation.protocol=candidates", "evaluation.negatives=4",
                       "evaluation.candidates=" + (folder_ / "c.tsv").string()};
  const Json metrics = train(again).metrics;
  EXPECT_EQ(metrics.at("protocol").at("sha256"), file_fingerprint(folder_ / "c.tsv"));
  EXPECT_FALSE(metrics.at("valid").at("recall@5").is_null()) << "validation draws its own";
}

}  // namespace
}  // namespace kindred::run
