// Filters, splits and the files of the prepared folder.
#include "data/prepare.h"

#include <gtest/gtest.h>

#include <set>

#include "core/hash.h"
#include "core/strings.h"
#include "data/dataset.h"
#include "data/load_all.h"
#include "data/prepare.h"
#include "data/temporary.h"

namespace kindred::data {
namespace {

class Prepare : public ::testing::Test {
 protected:
  PrepareOptions options(const std::string& csv) {
    PrepareOptions made;
    made.format = "csv";
    made.input = folder_.write("in.csv", csv).string();
    made.output = (folder_.path() / "out").string();
    made.columns = "user=u,item=i,rating=r,time=t";
    return made;
  }
  std::shared_ptr<const Dataset> prepared(const PrepareOptions& options) {
    report_ = prepare(options);
    return load_dataset(options.output);
  }
  /// "u:i" of a part, in its order.
  static std::vector<std::string> rows(const Dataset& dataset, Part part) {
    std::vector<std::string> texts;
    const InteractionTable& table = dataset.part(part);
    for (size_t i = 0; i < table.user.size(); ++i)
      texts.push_back(dataset.users.token(table.user[i]) + ":" +
                      dataset.items.token(table.item[i]));
    return texts;
  }
  using Texts = std::vector<std::string>;

  TemporaryFolder folder_;
  PrepareReport report_;
};

std::string many_rows(int users, int events) {
  std::string csv = "u,i,r,t\n";
  for (int u = 0; u < users; ++u)
    for (int e = 0; e < events; ++e)
      csv += "u" + std::to_string(u) + ",i" + std::to_string((u * 7 + e * 3) % 50) + ",5," +
             std::to_string(1500000000 + e * 86400 + u) + "\n";
  return csv;
}

TEST_F(Prepare, FiltersRunInTheirOrderWithCounts) {
  PrepareOptions o = options(
      "u,i,r,t\n"
      "a,x,5,1400000000\na,x,4,1400000100\na,y,4,1400000200\na,z,3,1400000300\n"
      "b,x,5,1400000000\nb,y,5,1300000000\nb,y,5,1400000400\n"
      "c,x,4,1400000500\nd,w,5,1400000600\n");
  o.min_rating = 4;
  o.from = "2014-01-01";
  o.duplicates = "first";
  o.min_item_events = 2;
  o.k_core = 2;
  const auto dataset = prepared(o);
  const Json& filters = report_.info["filters"];
  std::vector<std::string> names;
  std::vector<int> after;
  for (const Json& step : filters) {
    names.push_back(step["name"]);
    after.push_back(step["after"]["interactions"]);
  }
  EXPECT_EQ(names, (Texts{"rating", "dates", "duplicates", "counts", "k-core"}));
  EXPECT_EQ(filters[0]["before"], (Json{{"interactions", 9}, {"users", 4}, {"items", 4}}));
  EXPECT_EQ(after, (std::vector<int>{8, 7, 6, 5, 4}));
  EXPECT_EQ(filters[4]["after"], (Json{{"interactions", 4}, {"users", 2}, {"items", 2}}));
  EXPECT_EQ(rows(*dataset, Part::train), (Texts{"a:x", "a:y", "b:x", "b:y"}));
  // "first" kept the earlier rating of a:x.
  EXPECT_EQ(dataset->part(Part::train).rating[0], 5);
  EXPECT_NE(report_.table().find("after k-core 2"), std::string::npos);
}

TEST_F(Prepare, KCoreIsIterativeAndTheCountFilterIsOnePass) {
  // A chain: dropping d makes z rare, which makes c rare, and so on.
  const std::string csv =
      "u,i,r,t\na,x,5,0\na,y,5,0\nb,x,5,0\nb,y,5,0\nc,y,5,0\nc,z,5,0\nd,z,5,0\n";
  PrepareOptions o = options(csv);
  o.k_core = 2;
  EXPECT_EQ(rows(*prepared(o), Part::train), (Texts{"a:x", "a:y", "b:x", "b:y"}));
  o.k_core = 0;
  o.min_user_events = 2;
  o.min_item_events = 2;
  EXPECT_EQ(rows(*prepared(o), Part::train), (Texts{"a:x", "a:y", "b:x", "b:y", "c:y", "c:z"}));
}

TEST_F(Prepare, DuplicatesByTimeThenByTheFilesOrder) {
  const std::string csv = "u,i,r,t\na,x,1,1500000002\na,x,2,1500000001\na,x,3,1500000002\n";
  PrepareOptions o = options(csv);
  EXPECT_EQ(prepared(o)->part(Part::train).rating,
            (std::vector<float>{3}));  // "last" is the default
  o.duplicates = "first";
  EXPECT_EQ(prepared(o)->part(Part::train).rating, (std::vector<float>{2}));
  o.duplicates = "keep";
  EXPECT_EQ(prepared(o)->part(Part::train).rating.size() +
                prepared(o)->part(Part::valid).rating.size() +
                prepared(o)->part(Part::test).rating.size(),
            3u);
}

TEST_F(Prepare, NothingLeftNamesTheFilter) {
  PrepareOptions o = options("u,i,r,t\na,x,5,1400000000\nb,x,5,1400000000\n");
  o.min_rating = 5.5;
  auto error = caught([&] { prepare(o); });
  EXPECT_EQ(error.code, Exit::bad_data);
  EXPECT_NE(error.message.find("empty after filter rating"), std::string::npos) << error.message;
  o.min_rating = 4;
  o.k_core = 3;
  error = caught([&] { prepare(o); });
  EXPECT_NE(error.message.find("empty after filter k-core"), std::string::npos) << error.message;
  o.k_core = 0;
  o.to = "2001-01-01";
  error = caught([&] { prepare(o); });
  EXPECT_NE(error.message.find("empty after filter dates"), std::string::npos) << error.message;
  EXPECT_FALSE(fs::exists(o.output));
  EXPECT_EQ(caught([&] { prepare(options("u,i,r,t\n")); }).code, Exit::bad_data);
}

TEST_F(Prepare, TheDateWindowIncludesItsLastDay) {
  PrepareOptions o = options(
      "u,i,r,t\na,w,5,2014-05-30\na,x,5,2014-05-31T00:00:00\na,y,5,2014-06-01T23:59:59\na,z,5,2014-"
      "06-02\n");
  o.from = "2014-05-31";
  o.to = "2014-06-01";
  EXPECT_EQ(prepared(o)->item_count(), 2);
}

TEST_F(Prepare, RandomSplitHoldsTheContractsCounts) {
  for (const int n : {1, 2, 3, 4, 9, 10, 19, 20, 29, 30, 35}) {
    PrepareOptions o = options(many_rows(6, n));
    const auto dataset = prepared(o);
    const int held = n < 3 ? 0 : std::max(1, n / 10);
    for (const Part part : {Part::valid, Part::test}) {
      const Csr by_user = dataset->by_user(part);
      for (int64_t user = 0; user < by_user.rows(); ++user)
        EXPECT_EQ(by_user.row(user).size(), static_cast<size_t>(held)) << n;
    }
    EXPECT_EQ(dataset->part(Part::train).size(), 6 * (n - 2 * held)) << n;
    EXPECT_EQ(report_.info["counts"]["train_only_users"], n < 3 ? 6 : 0);
  }
}

TEST_F(Prepare, ExtremeRatiosLeaveTrainOneInteraction) {
  PrepareOptions o = options(many_rows(4, 3));
  o.split.ratios = {0.02, 0.29, 0.69};
  const auto dataset = prepared(o);
  const Csr train = dataset->by_user(Part::train);
  for (int64_t user = 0; user < 4; ++user) EXPECT_EQ(train.row(user).size(), 1u);
}

TEST_F(Prepare, APartWithoutAShareIsEmpty) {
  using Ratios = std::vector<double>;
  for (const char* kind : {"random", "temporal"}) {
    for (const Ratios& ratios : {Ratios{1, 0, 0}, Ratios{0.8, 0, 0.2}, Ratios{0.8, 0.2, 0}}) {
      PrepareOptions o = options(many_rows(4, 10));
      o.split.kind = kind;
      o.split.ratios = ratios;
      const auto dataset = prepared(o);
      EXPECT_EQ(dataset->part(Part::train).size(), ratios[0] == 1 ? 40 : 32) << kind;
      EXPECT_EQ(dataset->part(Part::valid).size(), ratios[1] > 0 ? 8 : 0) << kind;
      EXPECT_EQ(dataset->part(Part::test).size(), ratios[2] > 0 ? 8 : 0) << kind;
    }
  }
}

// What `kindred train --final` trains on: every row, and every review at its row.
TEST_F(Prepare, AllPartsCanTrain) {
  std::string csv = "u,i,r,t,text\n";
  for (int u = 0; u < 3; ++u)
    for (int e = 0; e < 10; ++e)
      csv += cat("u", u, ",i", e, ",5,", 1500000000 + e, ",word-", u, "-", e, "\n");
  PrepareOptions o = options(csv);
  o.columns = "user=u,item=i,rating=r,time=t,review=text";
  const auto split = prepared(o);
  const auto all = load_all_train(o.output);
  const InteractionTable& train = all->part(Part::train);
  ASSERT_EQ(train.size(), 30);
  EXPECT_EQ(train.time.size(), 30u);
  EXPECT_EQ(train.rating.size(), 30u);
  EXPECT_EQ(all->part(Part::valid).size() + all->part(Part::test).size(), 0);
  ASSERT_EQ(all->train_reviews()->rows(), 30);
  for (int64_t row = 0; row < 30; ++row) {
    const auto r = static_cast<size_t>(row);
    EXPECT_EQ(all->train_reviews()->get(row),
              cat("word-", all->users.token(train.user[r]).substr(1), "-",
                  all->items.token(train.item[r]).substr(1)));
  }
  EXPECT_NE(all->fingerprint, split->fingerprint);
  EXPECT_NE(all->content_fingerprint, split->content_fingerprint);
}

TEST_F(Prepare, TheSplitsSeedDecidesAndOtherUsersDoNot) {
  PrepareOptions o = options(many_rows(20, 20));
  const auto first = prepared(o);
  EXPECT_EQ(prepared(o)->fingerprint, first->fingerprint);
  o.split.seed = 2;
  EXPECT_NE(prepared(o)->fingerprint, first->fingerprint);
  // Without the other users, user 3 is split as before.
  std::string alone = "u,i,r,t\n";
  std::istringstream all(many_rows(20, 20));
  for (std::string line; std::getline(all, line);)
    if (line.starts_with("u3,")) alone += line + "\n";
  const auto single = prepared(options(alone));
  for (const Part part : all_parts) {
    Texts of_three;
    for (const std::string& row : rows(*first, part))
      if (row.starts_with("u3:")) of_three.push_back(row);
    EXPECT_EQ(rows(*single, part), of_three);
  }
}

TEST_F(Prepare, RandomSplitChoosesEveryPlaceAlike) {
  PrepareOptions o = options(many_rows(2000, 10));
  const auto dataset = prepared(o);
  std::map<int64_t, int> days;
  const InteractionTable& test = dataset->part(Part::test);
  for (const int64_t time : test.time) ++days[(time - 1500000000) / 86400];
  ASSERT_EQ(days.size(), 10u);
  for (const auto& [day, count] : days) EXPECT_NEAR(count, 200, 70) << day;  // sd 13.4
}

TEST_F(Prepare, LeaveOneOutTakesTheLastByTime) {
  PrepareOptions o = options(
      "u,i,r,t\na,4,5,1500000004\na,1,5,1500000001\na,2,5,1500000002\na,3,5,1500000002\nb,1,5,"
      "1500000001\n"
      "b,2,5,1500000000\n");
  o.split.kind = "leave-one-out";
  const auto dataset = prepared(o);
  EXPECT_EQ(rows(*dataset, Part::train), (Texts{"a:1", "a:2", "b:2", "b:1"}));
  EXPECT_EQ(rows(*dataset, Part::valid), (Texts{"a:3"}));  // later in the file at the same time
  EXPECT_EQ(rows(*dataset, Part::test), (Texts{"a:4"}));
  EXPECT_EQ(report_.info["counts"]["train_only_users"], 1);
  EXPECT_EQ(report_.info["counts"]["test"]["cold_items"], 1);
}

TEST_F(Prepare, TemporalByRatiosKeepsOneTimeTogether) {
  std::string csv = "u,i,r,t\n";
  for (int day = 0; day < 10; ++day)
    for (const char* user : {"a", "b"})
      csv += std::string(user) + ",i" + std::to_string(day) + ",5,2015-01-" + (day < 9 ? "0" : "") +
             std::to_string(day + 1) + "\n";
  PrepareOptions o = options(csv);
  o.split.kind = "temporal";
  o.split.ratios = {0.75, 0.1, 0.15};  // 15 of 20 falls inside the eighth day
  const auto dataset = prepared(o);
  EXPECT_EQ(dataset->part(Part::train).size(), 14);
  EXPECT_EQ(dataset->part(Part::valid).size(), 2);
  EXPECT_EQ(dataset->part(Part::test).size(), 4);
  EXPECT_EQ(report_.info["counts"]["test"]["cold_items"], 2);
}

TEST_F(Prepare, TemporalByDatesAndByMonths) {
  std::string csv = "u,i,r,t\n";
  for (int month = 1; month <= 12; ++month)
    csv += "a,m" + std::to_string(month) + ",5,2015-" + (month < 10 ? "0" : "") +
           std::to_string(month) + "-15\n";
  PrepareOptions o = options(csv);
  o.split.kind = "temporal";
  o.split.valid_from = "2015-04-15";
  o.split.test_from = "2015-09-16";
  auto dataset = prepared(o);
  EXPECT_EQ(rows(*dataset, Part::train), (Texts{"a:m1", "a:m2", "a:m3"}));
  EXPECT_EQ(rows(*dataset, Part::test), (Texts{"a:m10", "a:m11", "a:m12"}));
  o.split = {};
  o.split.kind = "temporal";
  o.split.months = {4, 2, 1};
  dataset = prepared(o);
  EXPECT_EQ(rows(*dataset, Part::train), (Texts{"a:m6", "a:m7", "a:m8", "a:m9"}));
  EXPECT_EQ(rows(*dataset, Part::valid), (Texts{"a:m10", "a:m11"}));
  EXPECT_EQ(rows(*dataset, Part::test), (Texts{"a:m12"}));
  EXPECT_EQ(report_.info["counts"]["before_first_month"], 5);
  o.split.months = {0, 2, 1};
  EXPECT_EQ(prepared(o)->part(Part::train).size(), 9);
}

TEST_F(Prepare, WritesAtomicFilesAndWhatWasDone) {
  PrepareOptions o = options(
      "u,i,r,t,text,name\n"
      "a,x,4.5,1500000000,\"tab\there\",\"\"\"Quoted\"\" name\"\n"
      "a,y,5,1500000001,\"\"\"begins\"\" so\",\"plain, \"\"marks\"\" inside\"\n");
  o.columns = "user=u,item=i,rating=r,time=t,review=text,title=name";
  const auto dataset = prepared(o);
  const fs::path out = o.output;
  EXPECT_EQ(read_text(out / "out.train.inter"),
            "user_id:token\titem_id:token\trating:float\ttimestamp:float\treview:token_seq\n"
            "a\tx\t4.5\t1500000000\ttab here\n"
            "a\ty\t5\t1500000001\t\"\"\"begins\"\" so\"\n");
  EXPECT_EQ(
      read_text(out / "out.item"),
      "item_id:token\ttitle:token_seq\nx\t\"\"\"Quoted\"\" name\"\ny\tplain, \"marks\" inside\n");
  EXPECT_EQ(read_text(out / "out.user"), "user_id:token\na\n");
  EXPECT_EQ(read_text(out / "out.test.inter"),
            "user_id:token\titem_id:token\trating:float\ttimestamp:float\treview:token_seq\n");
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(out))
    names.insert(entry.path().filename().string());
  EXPECT_EQ(names, (std::set<std::string>{"dataset.json", "out.item", "out.test.inter",
                                          "out.train.inter", "out.user", "out.valid.inter"}));
  const Json info = read_json((out / "dataset.json").string());
  EXPECT_EQ(info["schema"], 1);
  EXPECT_EQ(info["options"]["max_bad_rows"], "0.1%");
  EXPECT_EQ(info["options"]["duplicates"], "last");
  EXPECT_EQ(info["options"]["split"]["kind"], "random");
  EXPECT_EQ(info["fingerprint"], dataset->fingerprint);
  for (const auto& [name, hash] : info["files"].items())
    EXPECT_EQ(file_fingerprint(out / name), hash.get<std::string>());
  EXPECT_EQ(dataset->train_reviews()->get(0), "tab here");
  EXPECT_EQ(dataset->train_reviews()->get(1), "\"begins\" so");
  EXPECT_EQ(dataset->title(0), "\"Quoted\" name");
  EXPECT_EQ(dataset->title(1), "plain, \"marks\" inside");
}

TEST_F(Prepare, TheSameInputGivesTheSameBytes) {
  PrepareOptions o = options(many_rows(30, 12));
  prepare(o);
  std::map<std::string, std::string> first;
  for (const auto& entry : fs::directory_iterator(o.output))
    first[entry.path().filename().string()] = read_text(entry.path());
  prepare(o);
  for (const auto& [name, content] : first)
    EXPECT_EQ(read_text(fs::path(o.output) / name), content);
}

TEST_F(Prepare, ReplacesOnlyAFolderItHasWritten) {
  PrepareOptions o = options(many_rows(3, 5));
  prepare(o);
  prepare(o);
  folder_.write("out/notes.txt", "mine");
  const auto error = caught([&] { prepare(o); });
  EXPECT_EQ(error.code, Exit::usage);
  EXPECT_NE(error.message.find("notes.txt"), std::string::npos) << error.message;
  EXPECT_EQ(read_text(fs::path(o.output) / "notes.txt"), "mine");
  o.output = folder_.write("file", "x").string();
  EXPECT_EQ(caught([&] { prepare(o); }).code, Exit::usage);
}

TEST_F(Prepare, AStopLeavesNothing) {
  PrepareOptions o = options(many_rows(3, 5));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(caught([&] { prepare(o, stop.get_token()); }).code, Exit::interrupted);
  EXPECT_FALSE(fs::exists(o.output));
  for (const auto& entry : fs::directory_iterator(folder_.path()))
    EXPECT_EQ(entry.path().filename().string(), "in.csv");
}

TEST_F(Prepare, FingerprintsDependOnTheSplitAlone) {
  const std::string header = "user_id:token\titem_id:token\ttimestamp:float\n";
  const auto write = [&](const std::string& name, const std::string& train,
                         const std::string& test) {
    folder_.write(name + "/train.inter", header + train);
    folder_.write(name + "/valid.inter", header);
    folder_.write(name + "/test.inter", header + test);
    return load_dataset(folder_.path() / name)->fingerprint;
  };
  const std::string one = write("one", "a\tx\t1\nb\tx\t2\n", "a\ty\t3\n");
  EXPECT_EQ(write("order", "b\tx\t2\na\tx\t1\n", "a\ty\t3\n"), one);
  EXPECT_EQ(write("times", "b\tx\t7\na\tx\t8\n", "a\ty\t9\n"), one);
  EXPECT_NE(write("moved", "b\tx\t2\n", "a\tx\t1\na\ty\t3\n"), one);
  EXPECT_NE(write("swapped", "b\tx\t2\na\ty\t1\n", "a\tx\t3\n"), one);
  EXPECT_NE(write("crossed", "b\ty\t2\na\tx\t1\n", "a\ty\t3\n"), one);
  EXPECT_NE(write("twice", "b\tx\t2\nb\tx\t2\na\tx\t1\n", "a\ty\t3\n"), one);
}

// The one promise about reviews: those of validation and test are out of reach. The loaded dataset
// has a single way to reviews; their rows are the training rows; and no text of it, in any column,
// holds what only a held-out review says. Held-out files are cut off after their last needed column
// as well, which no one may notice.
TEST_F(Prepare, HeldOutReviewsAreOutOfReach) {
  std::string csv = "u,i,r,t,text\n";
  for (int u = 0; u < 30; ++u)
    for (int e = 0; e < 10; ++e)
      csv += "u" + std::to_string(u) + ",i" + std::to_string(e) + ",5," +
             std::to_string(1500000000 + e) + ",secret-" + std::to_string(u) + "-" +
             std::to_string(e) + "\n";
  PrepareOptions o = options(csv);
  o.columns = "user=u,item=i,rating=r,time=t,review=text";
  const auto dataset = prepared(o);
  const TextColumn* reviews = dataset->train_reviews();
  ASSERT_EQ(reviews->rows(), dataset->part(Part::train).size());
  std::set<std::string> seen;
  for (int64_t row = 0; row < reviews->rows(); ++row) {
    const auto r = static_cast<size_t>(row);
    const std::string text = reviews->get(row);
    EXPECT_EQ(text, "secret-" + dataset->users.token(dataset->part(Part::train).user[r]).substr(1) +
                        "-" + dataset->items.token(dataset->part(Part::train).item[r]).substr(1));
    seen.insert(text);
  }
  for (const Part part : {Part::valid, Part::test}) {
    const InteractionTable& table = dataset->part(part);
    ASSERT_GT(table.size(), 0);
    for (size_t i = 0; i < table.user.size(); ++i)
      EXPECT_FALSE(seen.contains("secret-" + dataset->users.token(table.user[i]).substr(1) + "-" +
                                 dataset->items.token(table.item[i]).substr(1)));
  }
  EXPECT_TRUE(dataset->item_text_columns().empty());
  EXPECT_TRUE(dataset->user_text_columns().empty());
  // Bytes of held-out reviews are not even looked at: other ones change nothing.
  for (const char* part : {"valid", "test"}) {
    const fs::path file = fs::path(o.output) / ("out." + std::string(part) + ".inter");
    std::string content = read_text(file);
    for (size_t at = 0; (at = content.find("secret-", at)) != std::string::npos;)
      for (; content[at] != '\n'; ++at) content[at] = '\xff';
    folder_.write("out/" + file.filename().string(), content);
  }
  const auto changed = load_dataset(o.output);
  EXPECT_EQ(changed->fingerprint, dataset->fingerprint);
  for (int64_t row = 0; row < reviews->rows(); ++row)
    EXPECT_EQ(changed->train_reviews()->get(row), reviews->get(row));
}

template <class T>
concept AsksForReviewsOfAPart = requires(const T& dataset) { dataset.train_reviews(Part::test); };
static_assert(!AsksForReviewsOfAPart<Dataset>,
              "reviews can only be asked for without naming a part");

}  // namespace
}  // namespace kindred::data
