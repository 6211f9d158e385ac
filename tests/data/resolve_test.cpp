#include "data/resolve.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "data/describe.h"
#include "data/temporary.h"

namespace kindred::data {
namespace {

class Resolve : public ::testing::Test {
 protected:
  Resolve() {
    std::string rows = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n";
    for (int u = 0; u < 8; ++u)
      for (int i = 0; i < 10; ++i)
        rows += "u" + std::to_string(u) + "\ti" + std::to_string(i) + "\t" +
                std::to_string(i % 5 + 1) + "\t" + std::to_string(1500000000 + i) + "\n";
    folder_.write("data/shop/shop.inter", rows);
    folder_.write("data/shop/shop.item", "item_id:token\ttitle:token_seq\ni1\tOne\n");
    places_.search = {folder_.path() / "nowhere", folder_.path() / "data"};
    places_.cache = folder_.path() / "cache";
  }
  size_t cached() const {
    size_t folders = 0;
    if (fs::exists(places_.cache / "data"))
      for (const auto& entry : fs::directory_iterator(places_.cache / "data"))
        folders += entry.is_directory();
    return folders;
  }

  TemporaryFolder folder_;
  DataPlaces places_;
};

TEST_F(Resolve, RawFilesArePreparedOnceForEachSetOfOptions) {
  DataOptions options;
  options.path = "shop";
  const auto first = resolve(options, places_);
  EXPECT_EQ(first->name, "shop");
  EXPECT_EQ(first->user_count(), 8);
  const fs::path where = resolve_folder(options, places_);
  const auto written = fs::last_write_time(where / "dataset.json");
  EXPECT_EQ(resolve(options, places_)->fingerprint, first->fingerprint);
  EXPECT_EQ(fs::last_write_time(where / "dataset.json"), written);
  EXPECT_EQ(cached(), 1u);
  options.split.seed = 2;
  EXPECT_NE(resolve(options, places_)->fingerprint, first->fingerprint);
  options.min_rating = 4;
  EXPECT_LT(resolve(options, places_)->part(Part::train).size(), first->part(Part::train).size());
  EXPECT_EQ(cached(), 3u);
  // A changed input is another input.
  options = {};
  options.path = "shop";
  std::ofstream(folder_.path() / "data/shop/shop.inter", std::ios::app)
      << "u9\ti1\t5\t1500000000\n";
  EXPECT_EQ(resolve(options, places_)->user_count(), 9);
  EXPECT_EQ(cached(), 4u);
}

TEST_F(Resolve, ProcessesThatPrepareTheSameDataWaitForEachOther) {
  DataOptions options;
  options.path = "shop";
  std::vector<std::thread> threads;
  std::vector<std::string> fingerprints(4);
  for (size_t i = 0; i < 4; ++i)
    threads.emplace_back([&, i] { fingerprints[i] = resolve(options, places_)->fingerprint; });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(fingerprints, std::vector<std::string>(4, fingerprints[0]));
  EXPECT_EQ(cached(), 1u);
}

TEST_F(Resolve, SplitFilesAreLoadedAsTheyAreAndTakeNoFilters) {
  DataOptions options;
  options.path = "shop";
  const fs::path prepared = resolve_folder(options, places_);
  DataOptions again;
  again.path = fs::absolute(prepared).string();
  EXPECT_EQ(resolve_folder(again, places_), prepared);
  again.split.kind = "given";
  EXPECT_EQ(resolve_folder(again, places_), prepared);
  again.min_rating = 4;
  again.split.seed = 3;
  const Caught error = caught([&] { resolve(again, places_); });
  EXPECT_EQ(error.code, Exit::config);
  EXPECT_NE(error.message.find("data.min_rating"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("data.split"), std::string::npos) << error.message;
}

TEST_F(Resolve, MissingDataNamesThePlacesLookedIn) {
  DataOptions options;
  options.path = "shpo";
  const Caught error = caught([&] { resolve(options, places_); });
  EXPECT_EQ(error.code, Exit::missing);
  EXPECT_NE(error.message.find("nowhere/shpo"), std::string::npos) << error.message;
  EXPECT_EQ(caught([&] { resolve({}, places_); }).code, Exit::config);
}

TEST_F(Resolve, PlacesComeFromOptionsThenTheEnvironment) {
  ::setenv("KINDRED_DATA", "/d", 1);
  ::setenv("KINDRED_CACHE", "/c", 1);
  EXPECT_EQ(DataPlaces::from_environment("", "").search, (std::vector<fs::path>{"/d", "data"}));
  EXPECT_EQ(DataPlaces::from_environment("/x", "/y").search, (std::vector<fs::path>{"/x", "data"}));
  EXPECT_EQ(DataPlaces::from_environment("/x", "/y").cache, "/y");
  EXPECT_EQ(DataPlaces::from_environment("", "").cache, "/c");
  ::unsetenv("KINDRED_DATA");
  ::unsetenv("KINDRED_CACHE");
  EXPECT_EQ(DataPlaces::from_environment("", "").cache, ".kindred");
}

TEST_F(Resolve, TheDataSectionOfARecipeReportsEveryMistake) {
  const Json section = Json::parse(
      R"({"path": "shop", "k_cores": 5, "min_rating": "high", "split": {"kind": "randm", "seed": -1}})");
  const Caught error = caught([&] { read_options<DataOptions>(section, "recipe.yaml: data"); });
  EXPECT_EQ(error.code, Exit::config);
  for (const char* part : {"k_cores", "min_rating", "randm", "seed"})
    EXPECT_NE(error.message.find(part), std::string::npos) << part << " in " << error.message;
}

TEST_F(Resolve, DescribesWhatItFinds) {
  const auto raw = describe(folder_.path() / "data" / "shop");
  ASSERT_TRUE(raw);
  EXPECT_EQ(raw->what, "raw data, format recbole: 80 interactions of 8 users with 10 items");
  EXPECT_TRUE(raw->problems.empty());
  DataOptions options;
  options.path = "shop";
  const auto prepared = describe(resolve_folder(options, places_));
  ASSERT_TRUE(prepared);
  EXPECT_NE(
      prepared->what.find("prepared folder: 80 interactions of 8 users with 10 items, train 64"),
      std::string::npos)
      << prepared->what;
  const auto item = describe(folder_.path() / "data" / "shop" / "shop.item");
  EXPECT_EQ(item->what, "RecBole item file: 1 rows, fields item_id title");
  EXPECT_FALSE(describe(folder_.write("notes.md", "hello")));
  EXPECT_EQ(caught([&] { describe(folder_.path() / "none"); }).code, Exit::missing);
  const auto broken = describe(folder_.write(
      "r.json", "{\"reviewerID\":\"a\",\"asin\":\"x\",\"overall\":5}\n{\"reviewerID\":\n"));
  ASSERT_EQ(broken->problems.size(), 1u);
  EXPECT_NE(broken->problems[0].find("r.json:2: "), std::string::npos) << broken->problems[0];
}

TEST_F(Resolve, GuessesFormats) {
  const auto guess = [&](const std::string& name, const std::string& line) {
    return guess_format(folder_.write("guess/" + name, line + "\n")).value_or("none");
  };
  EXPECT_EQ(guess("a.json", R"({"reviewerID": "a", "asin": "b", "helpful": [0, 0]})"),
            "amazon-2014");
  EXPECT_EQ(
      guess("a.json", R"({"overall": 5.0, "verified": true, "reviewerID": "a", "asin": "b"})"),
      "amazon-2018");
  EXPECT_EQ(guess("a.jsonl", R"({"rating": 5.0, "parent_asin": "b", "user_id": "a"})"),
            "amazon-2023");
  EXPECT_EQ(guess("r.json", R"({"review_id":"r","user_id":"u","business_id":"b"})"), "yelp");
  EXPECT_EQ(guess("x.jsonl", R"({"u": 1})"), "jsonl");
  EXPECT_EQ(guess("ratings.dat", "1::2::3::4"), "movielens");
  EXPECT_EQ(guess("u.data", "1\t2\t3\t4"), "movielens");
  EXPECT_EQ(guess("ratings.csv", "userId,movieId,rating,timestamp"), "movielens");
  EXPECT_EQ(guess("orders.csv", "a,b"), "csv");
  EXPECT_EQ(guess("train.txt", "0 1 2 3"), "user-items");
  EXPECT_EQ(guess("Beauty.txt", "1 2"), "user-item");
  EXPECT_EQ(guess("poem.txt", "shall I compare"), "none");
  EXPECT_EQ(guess("x.bin", "?"), "none");
}

}  // namespace
}  // namespace kindred::data
