// The external sort behind `prepare`, and that the files it leads to keep their bytes.
#include "data/sorted_spill.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "core/hash.h"
#include "core/random.h"
#include "data/prepare.h"
#include "data/split.h"
#include "data/temporary.h"
#include "data/user_reviews.h"

namespace kindred::data {
namespace {

using Texts = std::vector<std::pair<uint32_t, std::string>>;

/// Texts of random lengths under random keys; one in fifty is far longer than a run.
Texts random_texts(uint64_t keys, int count) {
  Random random(7, "sorted-spill-test");
  Texts texts;
  for (int i = 0; i < count; ++i) {
    const uint64_t length = random.below(50) == 0 ? 3000 + random.below(5000) : random.below(40);
    std::string text = std::to_string(i) + ":";
    while (text.size() < length) text += static_cast<char>('a' + random.below(26));
    if (random.below(10) == 0) text.clear();
    texts.emplace_back(static_cast<uint32_t>(random.below(keys)), text);
  }
  return texts;
}

Texts sorted_by(const SortedSpill::Limits& limits, const Texts& texts) {
  const TemporaryFolder folder;
  SortedSpill spill(folder.path() / "spill", limits);
  for (const auto& [key, text] : texts) spill.add(key, text);
  spill.finish();
  Texts read;
  std::string again;
  for (SortedSpill::Record record; spill.next(record);) {
    read.emplace_back(record.key, record.text);
    spill.read(record.place, record.text.size(), again);
    EXPECT_EQ(again, record.text);
  }
  SortedSpill::Record record;
  EXPECT_FALSE(spill.next(record));
  EXPECT_TRUE(fs::is_empty(folder.path())) << "the file has no name";
  return read;
}

TEST(SortedSpill, GivesTextsByKeyAndThenAsTheyCame) {
  const Texts texts = random_texts(60, 4000);
  Texts expected = texts;
  std::stable_sort(expected.begin(), expected.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const size_t run_bytes : {size_t{1}, size_t{500}, size_t{20000}, size_t{1} << 30})
    EXPECT_EQ(sorted_by({.run_bytes = run_bytes, .read_bytes = 1}, texts), expected) << run_bytes;
}

TEST(SortedSpill, MayBeEmptyAndHoldEmptyTexts) {
  EXPECT_EQ(sorted_by({}, {}), Texts{});
  EXPECT_EQ(sorted_by({}, {{3, ""}, {1, ""}}), (Texts{{1, ""}, {3, ""}}));
}

TEST(SortedSpill, AFileThatCannotBeMadeIsAnIoError) {
  const TemporaryFolder folder;
  SortedSpill spill(folder.path() / "absent" / "spill", {.run_bytes = 10});
  EXPECT_EQ(caught([&] { spill.add(1, "more than ten bytes"); }).code, Exit::io);
}

TEST(UserReviews, AreTheSameHeldOrReadOneByOne) {
  for (const size_t held : {size_t{0}, size_t{60}, size_t{1} << 20}) {
    const TemporaryFolder folder;
    SortedSpill spill(folder.path() / "spill", {.run_bytes = 200});
    std::map<uint32_t, std::vector<uint32_t>> rows_of;
    std::vector<uint8_t> parts;
    for (uint32_t row = 0; row < 200; ++row) {
      const uint32_t user = row * 7 % 10;
      spill.add(user, "review " + std::to_string(row));
      rows_of[user].insert(rows_of[user].begin(), row);  // the latest first
      parts.push_back(row % 3 == 0 ? no_part : 0);
    }
    spill.finish();
    UserReviews reviews(spill, held);
    for (const auto& [user, rows] : rows_of) {
      reviews.load(static_cast<Index>(user), rows, parts);
      for (const uint32_t row : rows)
        if (parts[row] != no_part)
          EXPECT_EQ(reviews.get(row), "review " + std::to_string(row)) << held;
    }
  }
}

// The bytes that version 0.1.0 wrote: whatever changes inside, these files must not.
TEST(PreparedBytes, StayWhatTheyWere) {
  const TemporaryFolder folder;
  Random random(3, "prepared-bytes");
  std::string csv = "u,i,r,t,text\n";
  for (int row = 0; row < 5000; ++row) {
    const auto number = [&](uint64_t below) { return std::to_string(random.below(below)); };
    csv += "u" + number(300);
    csv += ",i" + number(120);
    csv += "," + number(6);
    csv += "," + std::to_string(1500000000 + random.below(1000) * 3600) + ",\"";
    for (uint64_t words = random.below(20); words > 0; --words) csv += number(1000) + " \"\"q\t";
    csv += "\"\n";
  }
  PrepareOptions options;
  options.format = "csv";
  options.input = folder.write("in.csv", csv).string();
  options.output = (folder.path() / "out").string();
  options.columns = "user=u,item=i,rating=r,time=t,review=text";
  options.min_rating = 2;
  options.k_core = 9;
  const Json files = prepare(options).info["files"];
  EXPECT_EQ(files["out.train.inter"],
            "7df9de2d89004b738e861341dde3dffefffd2fcaf049c3d7c0a45fd396351301");
  EXPECT_EQ(files["out.valid.inter"],
            "3107ed4b51366a84bc84e7d4069aec17c3a0d9e9dcc0b8de8251ee1e92cee13f");
  EXPECT_EQ(files["out.test.inter"],
            "36eb83ba56492348e9ca5d52d9c17c3751ef82e7d7c31b172a794014a4b58bd8");
  EXPECT_EQ(files["out.item"], "c4e122f418d929507a04976b25f40682b5d375bb6b6c477cc9370bf9822a4ca6");
  EXPECT_EQ(files["out.user"], "c673662ed21b6796c2eee33fc01b1e0f4450adb78695175fd9b4ed0dc5bfce35");
}

}  // namespace
}  // namespace kindred::data
