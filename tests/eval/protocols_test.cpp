// What the protocols ask and draw: candidates by token and by file, probabilities, samples of rows,
// groups of rows.

#include "eval/protocols/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/strings.h"
#include "data/temporary.h"
#include "eval/evaluate.h"
#include "eval/metrics/dump.h"
#include "eval/protocols/candidates.h"
#include "eval/small_store.h"

namespace kindred::eval {
namespace {

using data::Part;
using testing::HasSubstr;

/// Twenty users and sixty items whose numbers are those of the given orders; every interaction is
/// of the same tokens whatever the numbers.
data::Dataset shop(const std::vector<int>& users, const std::vector<int>& items) {
  data::Dataset data;
  data.name = "shop";
  for (const int user : users) data.users.add(cat("u", user));
  for (const int item : items) data.items.add(cat("i", item));
  for (int user = 0; user < 20; ++user) {
    for (int k = 0; k < 8; ++k) {
      auto& table = data.parts[k < 5 ? 0 : k == 5 ? 1 : 2];
      table.user.push_back(*data.users.find(cat("u", user)));
      table.item.push_back(*data.items.find(cat("i", (7 * user + k * (user % 5 + 1)) % 60)));
    }
  }
  return data;
}

std::vector<int> numbers(int size) {
  std::vector<int> all(static_cast<size_t>(size));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

data::Dataset shop() {
  return shop(numbers(20), numbers(60));
}

data::Dataset renumbered_shop() {
  std::vector<int> users = numbers(20), items = numbers(60);
  std::ranges::reverse(users);
  std::ranges::rotate(items, items.begin() + 17);
  return shop(users, items);
}

EvaluationOptions among(int64_t negatives, const std::string& file = "") {
  EvaluationOptions options;
  options.protocol = "candidates";
  options.metrics = {"hit@1", "mrr@10"};
  options.negatives = negatives;
  options.candidates = file;
  return options;
}

/// Scores by the item's token, so that numbering changes nothing.
std::vector<float> scores_of(const data::Dataset& data) {
  std::vector<float> scores;
  for (const std::string& token : data.items.tokens())
    scores.push_back(static_cast<float>(std::stoi(token.substr(1)) * 37 % 60));
  return scores;
}

EvaluationOutcome judge(const data::Dataset& data, const EvaluationOptions& options) {
  Fixed fixed(scores_of(data));
  return evaluate(fixed, data, options, {.keep = 100});
}

class Candidates : public testing::Test {
 protected:
  Candidates() : path_(fs::temp_directory_path() / cat("kindred-eval-candidates-", getpid())) {}
  ~Candidates() override { fs::remove(path_); }

  std::string refusal(const std::string& content) const {
    write_file(path_, content);
    try {
      judge(store(), among(2, path_.string()));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::bad_data) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "was read: " << content;
    return "";
  }

  fs::path path_;
};

TEST_F(Candidates, AreTheSameForAnyNumbering) {
  write_candidates(path_, shop(), among(12), Part::test);
  const std::string first = read_file(path_);
  write_candidates(path_, renumbered_shop(), among(12), Part::test);
  EXPECT_EQ(read_file(path_), first);
  const EvaluationOutcome one = judge(shop(), among(12)),
                          other = judge(renumbered_shop(), among(12));
  for (const NamedValue& value : one.evaluation.values)
    EXPECT_DOUBLE_EQ(value_of(other.evaluation.values, value.name), value.value) << value.name;
  EvaluationOptions reseeded = among(12);
  reseeded.seed = 2;
  write_candidates(path_, shop(), reseeded, Part::test);
  EXPECT_NE(read_file(path_), first);
}

TEST_F(Candidates, HoldTheHeldOutItemsAnywhereAndNothingElseOfThePerson) {
  const data::Dataset data = shop();
  write_candidates(path_, data, among(12), Part::test);
  const CandidateFile file = read_candidate_file(path_);
  ASSERT_EQ(file.rows.size(), 20u);
  const data::Csr known = data.distinct_by_user(data::all_parts);
  std::set<size_t> places;
  for (const CandidateRow& row : file.rows) {
    EXPECT_EQ(row.items.size(), 14u);
    const auto of_person = known.row(*data.users.find(row.user));
    int held_out = 0;
    for (size_t i = 0; i < row.items.size(); ++i) {
      if (std::ranges::count(of_person, *data.items.find(row.items[i])) == 0) continue;
      places.insert(i);
      ++held_out;
    }
    EXPECT_EQ(held_out, 2) << row.user;
  }
  EXPECT_GT(places.size(), 8u) << "a prompt's order must not give them away";
}

TEST_F(Candidates, WrittenAndReadGiveTheDrawnNumbers) {
  write_candidates(path_, shop(), among(12), Part::test);
  const EvaluationOutcome drawn = judge(shop(), among(12));
  const EvaluationOutcome read = judge(shop(), among(99, path_.string()));
  EXPECT_EQ(to_json(read.evaluation.values), to_json(drawn.evaluation.values));
  EXPECT_EQ(read.lists[3].items, drawn.lists[3].items);
  EXPECT_EQ(read.protocol.sha256, file_fingerprint(path_));
  EXPECT_EQ(read.protocol.file, path_.string());
  EXPECT_FALSE(read.protocol.negatives.has_value());
  EXPECT_EQ(drawn.protocol.negatives, 12);
  EXPECT_FALSE(drawn.protocol.sha256.has_value());
}

TEST_F(Candidates, OfAFileAreThePeopleJudgedAndTheirOrderChangesNoScore) {
  write_file(path_, "b\ti2 i5 i1 i0\n");
  const EvaluationOutcome one = judge(store(), among(2, path_.string()));
  ASSERT_EQ(one.lists.size(), 1u);
  EXPECT_EQ(one.evaluation.users.users(), (std::vector<std::string>{"b"}));
  EXPECT_EQ(one.lists[0].items.size(), 4u);
  write_file(path_, "b\ti0 i1 i2 i5\n");
  const EvaluationOutcome other = judge(store(), among(2, path_.string()));
  EXPECT_EQ(other.lists[0].items, one.lists[0].items);
  EXPECT_EQ(other.lists[0].scores, one.lists[0].scores);
}

TEST_F(Candidates, ThatDoNotFitTheDataAreRefusedWithTheirLine) {
  EXPECT_THAT(refusal("a\ti3 i4\nc\ti5\n"), HasSubstr(":2: user 'c' is not in the dataset"));
  EXPECT_THAT(refusal("a\ti3 i9\n"), HasSubstr(":1: item 'i9' is not in the dataset"));
  EXPECT_THAT(refusal("a\ti3 i4\nb\ti5 i1\n"),
              HasSubstr(":2: item 'i0', held out in the test part for user 'b', is not among"));
  EXPECT_THAT(refusal("a\ti3 i4\na\ti3 i5\n"), HasSubstr(":2: user 'a' has candidates already"));
  EXPECT_THAT(refusal("a\ti3 i4 i3\n"), HasSubstr(":1: item 'i3' stands twice"));
  write_file(path_, "b\ti5\n");
  Fixed fixed({6, 5, 4, 3, 2, 1});
  try {
    evaluate(fixed, store(), among(2, path_.string()), {.part = Part::valid});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(":1: user 'b' has nothing held out in the valid part"));
  }
}

/// A recommender whose scores are log odds.
class Odds : public Fixed {
 public:
  using Fixed::Fixed;
  model::Capabilities capabilities() const override {
    model::Capabilities can = Fixed::capabilities();
    can.probabilities = true;
    return can;
  }
  torch::Tensor probabilities(const torch::Tensor& scores) const override {
    return scores.sigmoid();
  }
};

data::Dataset labelled_store() {
  data::Dataset data = store();
  data.parts[2].label = {1, 0, 1};
  return data;
}

EvaluationOptions of_rows() {
  EvaluationOptions options;
  options.protocol = "pointwise";
  options.metrics = {"auc", "logloss", "brier", "ece@10"};
  return options;
}

TEST(Pointwise, LossesNeedProbabilities) {
  const std::vector<float> scores{0.75f, 0.5f, 0.5f, 0.25f, 0.5f, 0.5f};  // as if they were
  Fixed fixed(scores);
  const EvaluationOutcome raw = evaluate(fixed, labelled_store(), of_rows(), {});
  EXPECT_EQ(raw.rows.score, (std::vector<float>{0.25f, 0.5f, 0.75f}));
  for (const char* name : {"logloss", "brier", "ece@10"})
    EXPECT_TRUE(std::isnan(value_of(raw.evaluation.values, name))) << name;
  Odds odds(scores);
  const EvaluationOutcome linked = evaluate(odds, labelled_store(), of_rows(), {});
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  EXPECT_FLOAT_EQ(linked.rows.score[0], static_cast<float>(sigmoid(0.25))) << "the dump has them";
  EXPECT_NEAR(
      value_of(linked.evaluation.values, "brier"),
      (std::pow(1 - sigmoid(.25), 2) + std::pow(sigmoid(.5), 2) + std::pow(1 - sigmoid(.75), 2)) /
          3,
      1e-6);
  EXPECT_NEAR(value_of(linked.evaluation.values, "logloss"),
              -(std::log(sigmoid(.25)) + std::log(1 - sigmoid(.5)) + std::log(sigmoid(.75))) / 3,
              1e-6);
  EXPECT_EQ(value_of(linked.evaluation.values, "auc"), value_of(raw.evaluation.values, "auc"));
}

TEST(Pointwise, ASampleOfTheRowsIsFixed) {
  data::Dataset data = shop();
  for (int64_t r = 0; r < data.part(Part::valid).size(); ++r)
    data.parts[1].label.push_back(static_cast<float>(r % 2));
  Fixed fixed(scores_of(data));
  const EvaluationRequest request{.part = Part::valid, .sample_rows = 7};
  const EvaluationOutcome some = evaluate(fixed, data, of_rows(), request);
  EXPECT_EQ(some.rows.size(), 7);
  EXPECT_EQ(evaluate(fixed, data, of_rows(), request).rows.item, some.rows.item);
  const EvaluationOutcome all = evaluate(fixed, data, of_rows(), {.part = Part::valid});
  EXPECT_EQ(all.rows.size(), 20);
  EXPECT_TRUE(std::ranges::includes(all.rows.user, some.rows.user)) << "in the file's order";
  for (int64_t r = 0; r < some.rows.size(); ++r)
    EXPECT_EQ(some.rows.score[r], scores_of(data)[some.rows.item[r]]);
}

TEST(Pointwise, WarmAndColdRowsOfCoLLMsSplitAreAsMany) {
  if (data::shared_data().empty()) GTEST_SKIP() << "no ../shared/data";
  const auto data = data::load_dataset(data::shared_data() / "ml-1m-collm");
  Fixed fixed(std::vector<float>(static_cast<size_t>(data->item_count()), 0.5f));
  EvaluationOptions options = of_rows();
  options.metrics = {"auc", "uauc"};
  options.groups = {"pairs:3", "pairs-code"};
  const std::vector<GroupValues> groups = evaluate(fixed, *data, options, {}).evaluation.groups;
  ASSERT_EQ(groups.size(), 4u);
  EXPECT_EQ(groups[0].name, "warm-pairs:3");
  EXPECT_EQ(groups[0].rows, 3682);
  EXPECT_EQ(groups[1].rows, 7331 - 3682);
  EXPECT_EQ(groups[2].rows, 3522);
  EXPECT_EQ(groups[3].rows, 3178);
  EXPECT_DOUBLE_EQ(value_of(groups[2].values, "auc"), 0.5);
}

/// Says a sentence for each query, and remembers what it was asked.
class Talker : public Fixed {
 public:
  Talker(std::vector<std::string> sayings, bool scores)
      : Fixed({6, 5, 4, 3, 2, 1}, scores), sayings_(std::move(sayings)) {}
  model::Capabilities capabilities() const override {
    model::Capabilities can = Fixed::capabilities();
    can.answers = true;
    return can;
  }
  std::vector<std::string> answer(const model::AnswerRequest& request) override {
    std::vector<std::string> texts;
    for (size_t q = 0; q < request.queries.size(); ++q) {
      const torch::Tensor row = request.candidates[static_cast<int64_t>(q)].contiguous();
      candidates.emplace_back(row.data_ptr<int64_t>(), row.data_ptr<int64_t>() + row.numel());
      texts.push_back(sayings_[candidates.size() - 1]);
    }
    return texts;
  }

  std::vector<std::vector<int64_t>> candidates;  ///< of each query, in order

 private:
  std::vector<std::string> sayings_;
};

/// Titles are the tokens: the store has none.
class Generated : public Candidates {
 protected:
  void SetUp() override { write_file(path_, "b\ti5 i2 i0 i1\na\ti4 i3\n"); }
};

TEST_F(Generated, WhoOnlyAnswersYieldsMetricsOfAnswersAlone) {
  Talker talker({"\"i3\"", "Take \"I5\"!"}, false);
  EvaluationOptions options = among(2, path_.string());
  options.groups = {"cold-users", "item-popularity:[0,1),[1,inf)"};
  const EvaluationOutcome outcome = evaluate(talker, store(), options, {.keep = 10});
  EXPECT_EQ(talker.candidates, (std::vector<std::vector<int64_t>>{{4, 3}, {5, 2, 0, 1}}))
      << "in the file's order";
  const NamedValues& values = outcome.evaluation.values;
  EXPECT_TRUE(std::isnan(value_of(values, "hit@1")));
  EXPECT_DOUBLE_EQ(value_of(values, "exact@1"), 0.5);
  EXPECT_DOUBLE_EQ(value_of(values, "valid@1"), 0.5) << "a sentence is no title";
  EXPECT_DOUBLE_EQ(value_of(values, "title-contains@1"), 1);
  EXPECT_EQ(outcome.protocol.sha256, file_fingerprint(path_));
  ASSERT_EQ(outcome.evaluation.groups.size(), 3u);
  const GroupValues& cold = outcome.evaluation.groups[1];  // items 2, 3 and 5 have no training row
  EXPECT_EQ(cold.users, 2);
  EXPECT_DOUBLE_EQ(value_of(cold.values, "title-contains@1"), 1);
  const GroupValues& warm = outcome.evaluation.groups[2];
  EXPECT_EQ(warm.users, 1) << "user b's item 0";
  EXPECT_DOUBLE_EQ(value_of(warm.values, "title-contains@1"), 0);

  const fs::path dump = path_.string() + ".dump";
  write_dump(dump, outcome, store());
  EXPECT_EQ(read_file(dump),
            "user:token\tanswer:token_seq\trelevant:token_seq\na\t\"i3\"\ti3\n"
            "b\tTake \"I5\"!\ti5\nb\tTake \"I5\"!\ti0\n");
  fs::remove(dump);
}

TEST_F(Generated, WhoDoesBothIsAskedForWhatTheMetricsNeed) {
  EvaluationOptions options = among(2, path_.string());
  options.metrics = {"hit@1"};
  Talker silent({"i3", "i1"}, true);
  EXPECT_DOUBLE_EQ(value_of(evaluate(silent, store(), options, {}).evaluation.values, "hit@1"), 1);
  EXPECT_TRUE(silent.candidates.empty());
  options.metrics = {"exact@1", "hit@1"};
  Talker both({"i3", "i1"}, true);
  const EvaluationOutcome outcome = evaluate(both, store(), options, {.keep = 10});
  EXPECT_DOUBLE_EQ(value_of(outcome.evaluation.values, "exact@1"), 0.5);
  EXPECT_DOUBLE_EQ(value_of(outcome.evaluation.values, "hit@1"), 1);
  EXPECT_EQ(outcome.evaluation.users.metric_count(), 2);
  EXPECT_DOUBLE_EQ(outcome.evaluation.users.mean(1), 0.5);
  EXPECT_EQ(outcome.lists.size(), 2u);
  options.metrics = {"exact@1"};
  Talker words({"i3", "i1"}, true);
  EXPECT_TRUE(evaluate(words, store(), options, {.keep = 10}).lists.empty());
}

TEST(Protocols, NameTheCapabilityThatIsMissing) {
  const auto refusal = [](model::Recommender& recommender, const std::string& protocol) {
    EvaluationOptions options;
    options.protocol = protocol;
    try {
      evaluate(recommender, labelled_store(), options, {});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::config);
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  Talker talker({}, false);
  EXPECT_THAT(refusal(talker, "full"), HasSubstr("scores every item (scores_all)"));
  EXPECT_THAT(refusal(talker, "pointwise"), HasSubstr("scores given candidates (scores)"));
  Fixed mute({6, 5, 4, 3, 2, 1}, false);
  EXPECT_THAT(refusal(mute, "candidates"), HasSubstr("scores given candidates (scores)"));
}

}  // namespace
}  // namespace kindred::eval
