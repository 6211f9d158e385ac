// What a run knows of people, and runs with less to judge than a split into three parts gives.

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <set>

#include "core/error.h"
#include "core/yaml.h"
#include "data/histories.h"
#include "run/compare_runs.h"
#include "run/evaluate_run.h"
#include "run/recipe.h"
#include "run/recommend.h"
#include "run/small_store.h"

namespace kindred::run {
namespace {

using small::StoreTest;
using Tokens = std::set<std::string>;

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// What a run recommends to everybody, all of it.
std::vector<Recommendation> offered(OpenedRun& run, bool keep_seen = false) {
  RecommendRequest request;
  for (const std::string& user : run.users->tokens()) request.users.push_back(user);
  request.top = run.items->size();
  request.keep_seen = keep_seen;
  return recommend(run, request);
}

Tokens items_of(const Recommendation& recommendation) {
  Tokens tokens;
  for (const RecommendedItem& item : recommendation.items) tokens.insert(item.item);
  return tokens;
}

class Knows : public StoreTest {
 protected:
  /// Gives every row of the store a time and a label: every third row of a file is disliked.
  void label_store() const {
    for (const char* part : {"train", "valid", "test"}) {
      const fs::path path = folder_ / "store" / cat(part, ".inter");
      std::string text;
      int number = 0;
      for (const std::string& line : split(read_file(path), '\n')) {
        if (line.empty()) continue;
        text += line + (number == 0 ? "\tlabel:float\ttimestamp:float"
                                    : cat("\t", number % 3 == 0 ? 0 : 1, "\t", 1000 - number));
        text += "\n";
        ++number;
      }
      write_file(path, text);
    }
  }
};

TEST_F(Knows, NobodyIsOfferedWhatTheDataKnowsOfThem) {
  train(request("pop", "method: pop\n"));
  OpenedRun run = open_run(folder_ / "runs/pop");
  const auto data = data::load_dataset(folder_ / "store");
  const data::Csr known = data->distinct_by_user(data::all_parts);
  for (const Recommendation& one : offered(run)) {
    const auto row = known.row(*data->users.find(one.user));
    const Tokens items = items_of(one);
    EXPECT_EQ(items.size(), static_cast<size_t>(data->item_count()) - row.size()) << one.user;
    for (const data::Index item : row)
      EXPECT_FALSE(items.contains(data->items.token(item))) << one.user;
    EXPECT_EQ(one.history.size(), 6u) << "training and validation";
  }
  for (const Recommendation& one : offered(run, /*keep_seen=*/true))
    EXPECT_EQ(one.items.size(), static_cast<size_t>(data->item_count()));
}

TEST_F(Knows, WhatSomebodyDislikedIsMaskedAndNoHistory) {
  label_store();
  train(request("pop", "method: pop\n"));
  OpenedRun run = open_run(folder_ / "runs/pop");
  const auto data = data::load_dataset(folder_ / "store");
  const data::Csr known = data->distinct_by_user(data::all_parts);
  const auto liked = data::histories(*data, std::array{data::Part::train, data::Part::valid});
  for (const Recommendation& one : offered(run)) {
    const data::Index user = *data->users.find(one.user);
    std::vector<std::string> history;
    for (const data::Index item : liked.items.row(user)) history.push_back(data->items.token(item));
    EXPECT_EQ(one.history, history) << "oldest first, as evaluation has it";
    EXPECT_EQ(one.items.size(), data->items.tokens().size() - known.row(user).size());
  }
  int64_t counted = 0, rows = 0;
  for (const int64_t count : run.training_counts) counted += count;
  const data::InteractionTable& table = data->part(data::Part::train);
  for (const float label : table.label) rows += label > 0;
  EXPECT_EQ(counted, rows);
  EXPECT_LT(rows, table.size());
}

TEST_F(Knows, ARunFolderOfAnEarlierVersionIsRead) {
  train(request("pop", "method: pop\n"));
  const fs::path model = folder_ / "runs/pop/model";
  std::string text = "user:token\ttrain:token_seq\tvalid:token_seq\n";
  OpenedRun now = open_run(folder_ / "runs/pop");
  for (const std::string& user : now.users->tokens()) text += user + "\ti3 i1\ti2\n";
  write_file(model / "users.tsv", text);
  Json json = read_own_json(model / "kindred.json", model_schema);
  EXPECT_EQ(json.at("schema"), 2);
  EXPECT_TRUE(says(refusal([&] { open_run(folder_ / "runs/pop"); }), "got 3 fields, expected 4"));
  json["schema"] = 1;
  write_file(model / "kindred.json", json.dump());
  OpenedRun before = open_run(folder_ / "runs/pop");
  for (const Recommendation& one : offered(before)) {
    EXPECT_EQ(one.history, (std::vector<std::string>{"i3", "i1", "i2"}));
    EXPECT_EQ(one.items.size(), before.items->tokens().size() - 3);
  }
  json["schema"] = 3;
  write_file(model / "kindred.json", json.dump());
  EXPECT_TRUE(says(refusal([&] { open_run(folder_ / "runs/pop"); }), "a newer Kindred wrote it"));
}

TEST_F(Knows, OfCollmsMovieLensOnlyLikedFilmsAreHistory) {
  const fs::path shared = fs::path(KINDRED_SOURCE_DIR) / "../shared/data";
  if (!fs::exists(shared / "ml-1m-collm")) GTEST_SKIP() << "no ../shared/data";
  TrainRequest asked = request("films", "method: pop\n");
  asked.paths.data_dir = shared.string();
  asked.assignments = {"data.path=ml-1m-collm"};
  train(asked);
  const OpenedRun run = open_run(folder_ / "runs/films");
  size_t trained = 0, history = 0, known = 0;
  for (size_t user = 0; user < run.known.size(); ++user) {
    trained += run.train[user].size();
    history += run.history[user].size();
    known += run.known[user].size();
  }
  EXPECT_EQ(trained, 18191u);
  EXPECT_EQ(history, 18191u + 5495u);
  EXPECT_EQ(known, 33891u + 10401u + 7331u);
}

class HeldOut : public StoreTest {
 protected:
  /// Leaves a part without rows.
  void empty(const std::string& part) const {
    write_file(folder_ / "store" / (part + ".inter"), "user_id:token\titem_id:token\n");
  }
  Json evaluated(const std::string& name, const std::string& part) const {
    EvaluateRequest request;
    request.run = folder_ / "runs" / name;
    request.split = part;
    request.paths.data_dir = folder_.string();
    request.paths.cache_dir = (folder_ / "cache").string();
    return evaluate_run(request);
  }
};

const char* const vae = "method: multi-vae\nstages: {train: {epochs: 3}}\n";

TEST_F(HeldOut, WithoutValidationTheLastEpochIsKeptAndTheTestPartJudged) {
  empty("valid");
  const TrainOutcome outcome = train(request("vae", vae));
  EXPECT_TRUE(outcome.metrics.at("valid").empty());
  EXPECT_EQ(outcome.metrics.at("test").size(), 2u);
  EXPECT_EQ(stages_of("vae").at(0).at("epochs"), 3);
  EXPECT_EQ(stages_of("vae").at(0).at("best_epoch"), -1);
  EXPECT_TRUE(says(summary(outcome), "nothing was validated"));
  EXPECT_TRUE(RunFolder{outcome.run_folder}.finished());
  EXPECT_EQ(evaluated("vae", "test").at("test"), outcome.metrics.at("test"));
  EXPECT_TRUE(says(refusal([&] { evaluated("vae", "valid"); }), "the valid part holds no item"));
  train(request("pop", "method: pop\n"));
  CompareRequest both;
  both.runs = {folder_ / "runs/vae", folder_ / "runs/pop"};
  EXPECT_EQ(compare(both).table.rows.size(), 2u);
  // By the training loss an epoch can be selected all the same.
  const Json by_loss = train(request("loss",
                                     "method: multi-vae\n"
                                     "stages: {train: {epochs: 3, select: loss}}\n"))
                           .metrics;
  EXPECT_EQ(by_loss.at("test").size(), 2u);
  EXPECT_GE(stages_of("loss").at(0).at("best_epoch"), 1);
}

TEST_F(HeldOut, WithoutATestPartValidationIsWhatThereIs) {
  empty("test");
  const TrainOutcome outcome = train(request("vae", vae));
  EXPECT_EQ(outcome.metrics.at("valid").size(), 2u);
  EXPECT_TRUE(outcome.metrics.at("test").empty());
  EXPECT_GE(stages_of("vae").at(0).at("best_epoch"), 1);
  EXPECT_TRUE(says(summary(outcome), "nothing was tested"));
  CompareRequest alone;
  alone.runs = {folder_ / "runs/vae"};
  EXPECT_TRUE(says(refusal([&] { compare(alone); }), "has no test part that was judged"));
}

TEST_F(HeldOut, WithTrainingRowsAloneARunIsFinishedAndRecommends) {
  empty("valid");
  empty("test");
  const TrainOutcome outcome = train(request("vae", vae));
  EXPECT_TRUE(says(summary(outcome), "nothing was judged"));
  EXPECT_TRUE(fs::exists(outcome.run_folder / "report.html"));
  OpenedRun run = open_run(outcome.run_folder);
  EXPECT_EQ(offered(run).front().history.size(), 5u);
}

TEST_F(HeldOut, AFinalRunTrainsOnEverything) {
  train(request("judged", vae));
  TrainRequest asked = request("final", vae);
  asked.final_run = true;
  const TrainOutcome outcome = train(asked);
  EXPECT_EQ(outcome.metrics.at("final"), true);
  EXPECT_TRUE(outcome.metrics.at("valid").empty());
  EXPECT_TRUE(outcome.metrics.at("test").empty());
  EXPECT_TRUE(says(summary(outcome), "trained on everything"));
  const RunFolder folder{outcome.run_folder};
  EXPECT_TRUE(folder.finished());
  const Json config = parse_yaml(read_file(folder.config()), "config.yaml");
  EXPECT_EQ(config.at("final"), true);
  EXPECT_EQ(config.at("stages").at("train").at("select"), "");
  EXPECT_EQ(stages_of("final").at(0).at("epochs"), 3);
  EXPECT_FALSE(stages_of("final").at(0).value("cached", false)) << "it is another training set";
  EXPECT_NE(read_own_json(folder.data()).at("fingerprint"),
            read_own_json(RunFolder{folder_ / "runs/judged"}.data()).at("fingerprint"));
  EXPECT_TRUE(says(read_file(folder.report()), "trained on everything"));
  OpenedRun run = open_run(outcome.run_folder);
  int64_t rows = 0;
  for (const int64_t count : run.training_counts) rows += count;
  EXPECT_EQ(rows, 24 * 7);
  EXPECT_EQ(offered(run).front().history.size(), 7u);
  EXPECT_TRUE(says(refusal([&] { train(asked); }), "this run is finished"));
  EXPECT_TRUE(says(refusal([&] { evaluated("final", "test"); }), "trained on everything"));
  CompareRequest both;
  both.runs = {folder_ / "runs/judged", folder_ / "runs/final"};
  EXPECT_TRUE(says(refusal([&] { compare(both); }), "trained on everything"));
}

TEST_F(HeldOut, ARecipeMayBeFinalItself) {
  EXPECT_EQ(train(request("pop", "method: pop\nfinal: true\n")).metrics.at("final"), true);
}

// `cllm4rec.eval_history` is one option with `evaluation.history` now.
TEST_F(HeldOut, TheOptionThatMovedIsUnderstood) {
  const auto read = [&](const std::string& value, std::vector<std::string>& problems) {
    write_file(folder_ / "old.yaml",
               "data: {path: store}\nmethod: cllm4rec\n"
               "cllm4rec: {eval_history: " +
                   value + "}\n");
    return load_recipe(folder_ / "old.yaml", {}, problems);
  };
  std::vector<std::string> problems;
  const Recipe train = read("train", problems), both = read("train+val", problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(train.evaluation.history, "train");
  EXPECT_EQ(both.evaluation.history, "seen");
  EXPECT_FALSE(train.method_options.contains("eval_history"));
  read("valid", problems);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_TRUE(says(problems[0], "evaluation.history"));
}

}  // namespace
}  // namespace kindred::run
