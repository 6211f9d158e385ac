// The recipes of the CLLM4Rec paper's own sets, on small files of the real layout.
#include <gtest/gtest.h>

#include "core/yaml.h"
#include "data/published.h"
#include "data/resolve.h"
#include "data/temporary.h"

namespace kindred::data {
namespace {

constexpr int core = 8;  // users and items of the part that survives the 5-core

/// Calls `write(user, item, rating, day)` for: a block of 8 users and 8 items that liked one
/// another; the same items disliked by another user; a user and an item with too little.
template <class Write>
void each_review(Write write) {
  for (int user = 0; user < core; ++user)
    for (int item = 0; item < core; ++item)
      write(user, item, 4 + (user + item) % 2, user * 8 + item);
  for (int item = 0; item < core; ++item) write(90, item, 1 + item % 3, item);
  for (int item = 0; item < 4; ++item) write(91, item, 5, item);
  for (int user = 0; user < 4; ++user) write(user, 99, 5, 70 + user);
}

std::string review_text(int user, int item) {
  return user == item ? ""
                      : "Review by " + std::to_string(user) + " of " + std::to_string(item) + ".";
}

std::string amazon_reviews() {
  std::string lines;
  each_review([&](int user, int item, int rating, int day) {
    const Json line{{"reviewerID", "A" + std::to_string(user) + "XK0PWE"},
                    {"asin", "B000" + std::to_string(item) + "CBFY"},
                    {"reviewerName", "C. O. \"Nifty\""},
                    {"helpful", {day % 3, 3}},
                    {"reviewText", review_text(user, item)},
                    {"overall", static_cast<double>(rating)},
                    {"summary", "Works"},
                    {"unixReviewTime", 1390000000 + day * 86400},
                    {"reviewTime", "01 17, 2014"}};
    lines += line.dump() + "\n";
  });
  return lines;
}

/// Metadata of 2014 is Python, not JSON.
std::string amazon_metadata() {
  std::string lines;
  for (int item = 0; item < core; ++item)
    lines += "{'asin': 'B000" + std::to_string(item) + "CBFY', 'title': \"Lil' Drums " +
             std::to_string(item) + "\", 'categories': [['Beauty', 'Hair']], 'price': 9.5}\n";
  return lines;
}

std::string yelp_reviews() {
  std::string lines;
  const auto add = [&](int user, int item, double stars, const std::string& date) {
    const Json line{{"review_id", "KU_O5udG6zpxOg-" + date},
                    {"user_id", "mh_-eMZ6K5RLWhZyI" + std::to_string(user)},
                    {"business_id", "XQfwVwDr-v0ZS3_Cb" + std::to_string(item)},
                    {"stars", stars},
                    {"useful", 0},
                    {"funny", 0},
                    {"cool", 0},
                    {"text", review_text(user, item)},
                    {"date", date}};
    lines += line.dump() + "\n";
  };
  each_review([&](int user, int item, int rating, int day) {
    const int month = day / 28 + 1, of_month = day % 28 + 1;
    char date[32];
    std::snprintf(date, sizeof date, "2019-%02d-%02d 05:26:32", month, of_month);
    add(user, item, rating, date);
  });
  for (int user = 0; user < core; ++user) {  // outside the year: they would survive otherwise
    for (int item = 20; item < 28; ++item) add(user, item, 5, "2018-12-31 23:59:59");
    add(user, 30, 5, "2020-01-01 00:00:01");
  }
  return lines;
}

DataOptions data_of(const std::string& recipe) {
  const fs::path path = fs::path(KINDRED_SOURCE_DIR) / "recipes" / recipe;
  const Json tree = parse_yaml(read_text(path), recipe);
  return read_options<DataOptions>(tree.at("data"), recipe + ": data");
}

/// What is left is the block, with one review in train for all but the diagonal.
void expect_the_block(const DataOptions& options, const fs::path& folder) {
  const auto dataset = resolve(options, {{folder}, folder / "cache"});
  EXPECT_EQ(dataset->user_count(), core);
  EXPECT_EQ(dataset->item_count(), core);
  EXPECT_EQ(dataset->part(Part::train).size(), core * (core - 2));
  EXPECT_EQ(dataset->part(Part::valid).size(), core);
  EXPECT_EQ(dataset->part(Part::test).size(), core);
  const TextColumn* reviews = dataset->train_reviews();
  ASSERT_NE(reviews, nullptr);
  const InteractionTable& train = dataset->part(Part::train);
  for (int64_t row = 0; row < reviews->rows(); ++row) {
    const auto r = static_cast<size_t>(row);
    // Both are numbered in the order of the file, which is that of their names.
    EXPECT_EQ(reviews->get(row), review_text(train.user[r], train.item[r]));
  }
  ASSERT_TRUE(options.published);
  const std::string table = published_table(*options.published, *dataset);
  EXPECT_TRUE(table.starts_with("beside CLLM4Rec, Table 3:\n")) << table;
  for (const char* row : {"interactions", "users", "items", "sparsity", "train reviews"})
    EXPECT_NE(table.find(std::string("\n") + row), std::string::npos) << table;
}

TEST(PaperRecipes, AmazonSetsFromTheirRawFiles) {
  for (const auto& [recipe, category] : {std::pair{"amazon-beauty/cllm4rec-paper.yaml", "Beauty"},
                                         {"amazon-toys/cllm4rec.yaml", "Toys_and_Games"},
                                         {"amazon-sports/cllm4rec.yaml", "Sports_and_Outdoors"}}) {
    const TemporaryFolder folder;
    const DataOptions options = data_of(recipe);
    const std::string name = options.path + "/";
    folder.write(name + "reviews_" + category + "_5.json.gz", gzip(amazon_reviews()));
    folder.write(name + "meta_" + category + ".json.gz", gzip(amazon_metadata()));
    expect_the_block(options, folder.path());
    EXPECT_EQ(resolve(options, {{folder.path()}, folder.path() / "cache"})->title(3),
              "Lil' Drums 3");
  }
}

TEST(PaperRecipes, YelpFromItsRawFiles) {
  const TemporaryFolder folder;
  const DataOptions options = data_of("yelp/cllm4rec.yaml");
  const std::string name = options.path + "/yelp_academic_dataset_";
  folder.write(name + "review.json", yelp_reviews());
  folder.write(name + "business.json",
               "{\"business_id\":\"XQfwVwDr-v0ZS3_Cb0\",\"name\":\"Oskar Blues\",\"categories\":"
               "\"Gastropubs, Food\",\"hours\":null}\n");
  folder.write(name + "user.json", "{\"user_id\":\"mh_-eMZ6K5RLWhZyI0\",\"name\":\"Jane\"}\n");
  folder.write(name + "tip.json", "{\"user_id\":\"x\",\"text\":\"no review\"}\n");
  folder.write(name + "checkin.json", "{\"business_id\":\"x\",\"date\":\"2016\"}\n");
  expect_the_block(options, folder.path());
}

TEST(PaperRecipes, TableThreeBesideWhatWasCounted) {
  const TemporaryFolder folder;
  const std::string header = "user_id:token\titem_id:token\treview:token_seq\n";
  folder.write("d/train.inter", header + "a\tx\tgood\na\ty\t\nb\tx\tfine\n");
  folder.write("d/valid.inter", header + "b\ty\tunread\n");
  folder.write("d/test.inter", header);
  const auto dataset = load_dataset(folder.path() / "d");
  PublishedCounts published{"A paper, Table 3", 5, 2, 4, 3};
  EXPECT_EQ(published_table(published, *dataset),
            "beside A paper, Table 3:\n"
            "               published   here    difference\n"
            "interactions           5      4  -1 (-20.00%)\n"
            "users                  2      2          same\n"
            "items                  4      2  -2 (-50.00%)\n"
            "sparsity          37.50%  0.00%\n"
            "train reviews          3      2  -1 (-33.33%)\n");
  published = {};
  published.users = 1;
  EXPECT_EQ(published_table(published, *dataset),
            "beside published statistics:\n"
            "       published  here     difference\n"
            "users          1     2  +1 (+100.00%)\n");
}

}  // namespace
}  // namespace kindred::data
