// Groups of users and items, and the per-user matrix.
#include "eval/metrics/groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "core/error.h"
#include "core/files.h"
#include "eval/metrics/user_metrics.h"

namespace kindred::eval {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int64_t unbounded = std::numeric_limits<int64_t>::max();

std::vector<std::string> names(const std::vector<Group>& groups) {
  std::vector<std::string> result;
  for (const Group& group : groups) result.push_back(group.name);
  return result;
}

TEST(Groups, Parse) {
  EXPECT_EQ(parse_group("user-activity").quantiles, 4);
  EXPECT_EQ(parse_group("item-popularity:7").quantiles, 7);
  EXPECT_EQ(parse_group("cold-items").by, GroupSpec::By::cold_items);
  EXPECT_THAT(parse_group("item-popularity: [5,10), [0,5) ,[10,inf)").intervals,
              ElementsAre(CountInterval{0, 5}, CountInterval{5, 10}, CountInterval{10, unbounded}));
}

TEST(Groups, MistakesAreConfigurationErrors) {
  for (const char* text : {"",
                           "user-activty",
                           "user-activity:1",
                           "user-activity:101",
                           "user-activity:",
                           "user-activity:[5,5)",
                           "user-activity:[5,10]",
                           "user-activity:[0,5),[4,9)",
                           "user-activity:[0,5)[5,9)",
                           "user-activity:[-1,5)",
                           "cold-users:3",
                           "user-activity:[a,b)",
                           "user-activity:[0,5),",
                           "pairs",
                           "pairs:0",
                           "pairs:x",
                           "pairs-code:3",
                           "items-top",
                           "items-top:35",
                           "items-top:0%",
                           "items-bottom:100%",
                           "items-bottom:x%",
                           "items-top:35%%"}) {
    try {
      parse_group(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::config) << text;
    }
  }
  try {
    parse_group("user-activty");
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'user-activity'"));
  }
}

TEST(Groups, ColdAndIntervals) {
  const std::vector<int64_t> users{0, 3, 7}, items{0, 0, 12};
  const std::vector<GroupSpec> specs{parse_group("cold-users"), parse_group("cold-items"),
                                     parse_group("user-activity:[0,5),[5,10),[10,inf)")};
  const std::vector<Group> groups = make_groups(specs, {users, items});
  EXPECT_THAT(names(groups), ElementsAre("cold-users", "warm-users", "cold-items", "warm-items",
                                         "user-activity [0,5)", "user-activity [5,10)"))
      << "empty groups are left out";
  EXPECT_THAT(groups[0].member, ElementsAre(1, 0, 0));
  EXPECT_THAT(groups[3].member, ElementsAre(0, 0, 1));
  EXPECT_TRUE(groups[3].of_items);
  EXPECT_THAT(groups[4].member, ElementsAre(1, 1, 0));
}

TEST(Groups, QuantilesNeverPartEqualCounts) {
  const std::vector<int64_t> counts{1, 1, 1, 1, 1, 2, 3, 4, 5, 9};
  EXPECT_THAT(quantile_intervals(counts, 4),
              ElementsAre(CountInterval{1, 2}, CountInterval{2, 4}, CountInterval{4, unbounded}));
  EXPECT_THAT(quantile_intervals(std::vector<int64_t>{3, 3, 3}, 4),
              ElementsAre(CountInterval{3, unbounded}));
  EXPECT_TRUE(quantile_intervals({}, 4).empty());
  const std::vector<GroupSpec> specs{parse_group("item-popularity:2")};
  const std::vector<Group> groups = make_groups(specs, {{}, counts});
  EXPECT_THAT(names(groups), ElementsAre("item-popularity [1,2)", "item-popularity [2,inf)"));
}

using Flags = std::vector<uint8_t>;

TEST(Groups, PairsGoByUserAndItemTogether) {
  const std::vector<int64_t> users{0, 3, 4}, items{3, 2, 9, 0};
  const std::vector<GroupSpec> specs{parse_group("pairs:3"), parse_group("pairs-code")};
  const std::vector<Group> groups = make_groups(specs, {users, items});
  EXPECT_THAT(names(groups),
              ElementsAre("warm-pairs:3", "cold-pairs:3", "warm-pairs-code", "cold-pairs-code"));
  const auto rows = [&](const Group& group) {
    Flags all;
    for (int64_t user = 0; user < 3; ++user)
      for (int64_t item = 0; item < 4; ++item) all.push_back(group.holds(user, item) ? 1 : 0);
    return all;
  };
  EXPECT_EQ(rows(groups[0]), (Flags{0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0})) << "both have three";
  EXPECT_EQ(rows(groups[1]), (Flags{1, 1, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1})) << "the rest";
  EXPECT_EQ(rows(groups[2]), (Flags{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0})) << "more than three";
  EXPECT_EQ(rows(groups[3]), (Flags{1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1})) << "one unseen";
  const std::vector<int64_t> all_rows{5, 5, 5};
  const std::vector<Group> by_rows =
      make_groups(specs, {.users = users, .items = items, .user_rows = all_rows});
  EXPECT_TRUE(by_rows[0].holds(0, 0)) << "rows of any label count";
}

TEST(Groups, SharesOfTheItemsBreakTiesByTheirPlaces) {
  const std::vector<int64_t> items{5, 1, 1, 7, 1, 0};
  const std::vector<uint32_t> ties{0, 5, 1, 2, 3, 4};
  const std::vector<GroupSpec> specs{parse_group("items-top:50%"), parse_group("items-bottom:35%"),
                                     parse_group("items-bottom:1%")};
  const std::vector<Group> groups = make_groups(specs, {.items = items, .item_ties = ties});
  EXPECT_THAT(names(groups), ElementsAre("items-top:50%", "items-bottom:35%", "items-bottom:1%"));
  EXPECT_EQ(groups[0].member, (Flags{1, 0, 1, 1, 0, 0}));
  EXPECT_EQ(groups[1].member, (Flags{0, 1, 0, 0, 0, 1})) << "2.1 items are 2";
  EXPECT_EQ(groups[2].member, (Flags{0, 0, 0, 0, 0, 1})) << "never none";
  EXPECT_TRUE(groups[0].of_items);
  EXPECT_TRUE(need_item_ties(specs));
  EXPECT_FALSE(need_item_ties(std::vector<GroupSpec>{parse_group("cold-items")}));
}

UserMetrics small_matrix() {
  UserMetrics metrics({"a", "b", "c"}, {{MetricKind::recall, 20}, {MetricKind::uauc, 0}});
  metrics.row(0)[0] = 0.1;
  metrics.row(1)[0] = 1.0 / 3;
  metrics.row(2)[0] = 0;
  metrics.row(1)[1] = 0.5;
  return metrics;
}

TEST(UserMetrics, MeansSkipWhatIsNotDefined) {
  const UserMetrics metrics = small_matrix();
  EXPECT_EQ(metrics.count(1), 1);
  EXPECT_DOUBLE_EQ(metrics.mean(1), 0.5);
  EXPECT_TRUE(std::isnan(metrics.standard_error(1)));
  const double mean = (0.1 + 1.0 / 3) / 3;
  const double variance = (std::pow(0.1 - mean, 2) + std::pow(1.0 / 3 - mean, 2) + mean * mean) / 2;
  EXPECT_DOUBLE_EQ(metrics.standard_error(0), std::sqrt(variance / 3));
  const std::vector<uint8_t> flags{0, 1, 1};
  EXPECT_EQ(metrics.select(flags).users(), (std::vector<std::string>{"b", "c"}));
  EXPECT_TRUE(std::isnan(UserMetrics({}, {{MetricKind::auc, 0}}).mean(0)));
}

TEST(UserMetrics, FileKeepsEveryBit) {
  const auto path = std::filesystem::temp_directory_path() / "kindred_user_metrics_test.tsv";
  write_user_metrics(path, small_matrix());
  const UserMetrics back = read_user_metrics(path);
  EXPECT_EQ(back.users(), small_matrix().users());
  EXPECT_EQ(back.metrics(), small_matrix().metrics());
  for (int64_t u = 0; u < 3; ++u) {
    for (int64_t m = 0; m < 2; ++m) {
      const double expected = small_matrix().at(u, m);
      EXPECT_TRUE(back.at(u, m) == expected || (std::isnan(expected) && std::isnan(back.at(u, m))));
    }
  }
  for (const char* text : {"", "item\n", "user:token\trecal@20:float\n", "user:token\tauc\n",
                           "user:token\tauc:float\na\n", "user:token\tauc:float\na\tx\n"}) {
    write_file(path, text);
    EXPECT_THROW(read_user_metrics(path), Error) << text;
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace kindred::eval
