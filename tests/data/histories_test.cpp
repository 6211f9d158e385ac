// What a person did, by the one rule: on data worked out by hand and on CoLLM's MovieLens.
#include "data/histories.h"

#include <gtest/gtest.h>

#include <array>

#include "data/temporary.h"

namespace kindred::data {
namespace {

using Items = std::vector<Index>;
using Times = std::vector<int64_t>;

struct Row {
  Index user, item;
  float label;
  int64_t time;
};

/// Two people and six items, with labels and times. Times of valid lie among those of train.
Dataset store(bool times = true) {
  Dataset data;
  for (const char* user : {"a", "b"}) data.users.add(user);
  for (const char* item : {"i0", "i1", "i2", "i3", "i4", "i5"}) data.items.add(item);
  const std::array<std::vector<Row>, 3> parts{{
      {{0, 2, 1, 30}, {1, 5, 0, 10}, {0, 0, 1, 10}, {0, 1, 0, 20}, {0, 0, 1, 50}, {0, 3, 1, 10}},
      {{0, 4, 1, 20}, {0, 5, 0, 60}, {1, 4, 1, 5}},
      {{0, 5, 1, 40}, {0, 1, 0, 70}, {1, 0, 1, 80}, {0, 3, 1, 90}},
  }};
  for (size_t p = 0; p < parts.size(); ++p) {
    for (const Row& row : parts[p]) {
      data.parts[p].user.push_back(row.user);
      data.parts[p].item.push_back(row.item);
      data.parts[p].label.push_back(row.label);
      if (times) data.parts[p].time.push_back(row.time);
    }
  }
  return data;
}

Items row_of(const Csr& rows, Index user) {
  const auto row = rows.row(user);
  return {row.begin(), row.end()};
}

TEST(Histories, HoldWhatSomebodyLikedOldestFirst) {
  const Dataset data = store();
  const Histories train = histories(data, std::array{Part::train});
  // i0 was met at 10 and at 50: the last meeting counts. i3 stands after it in the file.
  EXPECT_EQ(row_of(train.items, 0), (Items{3, 2, 0}));
  EXPECT_EQ(train.times, (Times{10, 30, 50}));
  EXPECT_EQ(row_of(train.items, 1), Items());
  const Histories both = histories(data, std::array{Part::train, Part::valid});
  EXPECT_EQ(row_of(both.items, 0), (Items{3, 4, 2, 0})) << "by time, whatever the part";
  EXPECT_EQ(row_of(both.items, 1), (Items{4}));
}

TEST(Histories, FollowTheFilesWhereThereAreNoTimes) {
  Dataset data = store(false);
  const Histories both = histories(data, std::array{Part::train, Part::valid});
  EXPECT_EQ(row_of(both.items, 0), (Items{2, 0, 3, 4}));
  EXPECT_TRUE(both.times.empty());
  // One part without times: nothing can be said about all of them.
  data.parts[0].time = {9, 8, 7, 6, 5, 4};
  EXPECT_EQ(row_of(histories(data, std::array{Part::train, Part::valid}).items, 0),
            (Items{2, 0, 3, 4}));
  EXPECT_EQ(row_of(histories(data, std::array{Part::train}).items, 0), (Items{3, 0, 2}));
}

TEST(Histories, OfRowsAreCutBeforeThem) {
  const Dataset data = store();
  const RowHistories test(data, Part::test);
  // i5 at 40: before it i0 and i3 at 10, i4 at 20, i2 at 30; i0 comes again at 50.
  EXPECT_EQ(test.before(0).items, (Items{0, 3, 4, 2}));
  EXPECT_EQ(test.before(0).times, (Times{10, 10, 20, 30}));
  EXPECT_EQ(test.before(1).items, (Items{3, 4, 2, 5, 0})) << "a liked test row is earlier too";
  EXPECT_EQ(test.before(2).items, (Items{4})) << "a disliked row never is";
  EXPECT_EQ(test.before(3).items, (Items{3, 4, 2, 5, 0}));
  const RowHistories valid(data, Part::valid);
  EXPECT_EQ(valid.before(0).items, (Items{0, 3})) << "of the row's part and those before it";
  EXPECT_EQ(valid.before(2).items, Items());
  const RowHistories train(data, Part::train);
  EXPECT_EQ(train.before(0).items, (Items{0, 3}));
  EXPECT_EQ(train.before(5).items, (Items{0})) << "of one time: the earlier in the file";
  const Dataset untimed = store(false);
  const RowHistories in_order(untimed, Part::test);
  EXPECT_EQ(in_order.before(0).items, (Items{2, 0, 3, 4}));
  EXPECT_TRUE(in_order.before(0).times.empty());
}

TEST(Histories, WhatIsDislikedIsKnownAndNotTaken) {
  const Dataset data = store();
  EXPECT_EQ(row_of(positives(data, Part::train), 0), (Items{2, 0, 0, 3})) << "repeats too";
  EXPECT_EQ(row_of(distinct_positives(data, std::array{Part::train, Part::test}), 0),
            (Items{0, 2, 3, 5}));
  EXPECT_EQ(row_of(distinct_positives(data, std::array{Part::train}), 1), Items());
  EXPECT_EQ(row_of(data.distinct_by_user(all_parts), 0), (Items{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(row_of(data.distinct_by_user(all_parts), 1), (Items{0, 4, 5}));
  EXPECT_EQ(data.item_popularity(), (std::vector<int64_t>{2, 0, 1, 1, 0, 0}));
}

// Without labels every row counts, as it always did.
TEST(Histories, EveryRowCountsWithoutLabels) {
  Dataset data = store(false);
  for (InteractionTable& table : data.parts) table.label.clear();
  EXPECT_EQ(row_of(positives(data, Part::train), 0), row_of(data.by_user(Part::train), 0));
  EXPECT_EQ(distinct_positives(data, all_parts).columns, data.distinct_by_user(all_parts).columns);
  EXPECT_EQ(data.item_popularity(), (std::vector<int64_t>{2, 1, 1, 1, 0, 1}));
}

TEST(Histories, OfCollmsMovieLens) {
  if (shared_data().empty()) GTEST_SKIP() << "no ../shared/data";
  const auto data = load_dataset(shared_data() / "ml-1m-collm");
  EXPECT_EQ(histories(*data, std::array{Part::train}).items.nnz(), 18191);
  EXPECT_EQ(histories(*data, std::array{Part::train, Part::valid}).items.nnz(), 18191 + 5495);
  EXPECT_EQ(distinct_positives(*data, std::array{Part::train}).nnz(), 18191);
  EXPECT_EQ(data->distinct_by_user(all_parts).nnz(), 33891 + 10401 + 7331);
  int64_t popularity = 0;
  for (const int64_t count : data->item_popularity()) popularity += count;
  EXPECT_EQ(popularity, 18191);
  // Its files are in the order of time for each person, so that rows have the histories that they
  // have in the files' order.
  const RowHistories rows(*data, Part::test);
  std::vector<Items> earlier(static_cast<size_t>(data->user_count()));
  for (const Part part : all_parts) {
    const InteractionTable& table = data->part(part);
    for (int64_t r = 0; r < table.size(); ++r) {
      Items& items = earlier[static_cast<size_t>(table.user[r])];
      if (part == Part::test) ASSERT_EQ(rows.before(r).items, items) << r;
      if (is_positive(table, r)) items.push_back(table.item[r]);
    }
  }
}

}  // namespace
}  // namespace kindred::data
