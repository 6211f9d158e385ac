// Hostile values of fields, and tables whose rows are not what their header says.
#include <gtest/gtest.h>

#include "data/delimited.h"
#include "data/hostile.h"
#include "data/lines.h"
#include "data/source.h"

namespace kindred::data {
namespace {

// --- values

TEST_F(Hostile, RatingsThatAreNoNumbersOrImpossible) {
  for (const char* rating : {"NaN", "nan", "inf", "\"4,5\"", "-1", "", "five", "1e400"}) {
    PrepareOptions o =
        csv("u,i,r,t\na,x,5,1400000000\na,y," + std::string(rating) + ",1400000000\n");
    o.max_bad_rows = "0";
    expect_error(o, Exit::bad_data, "in.csv:3: rating ");
  }
  PrepareOptions o = csv("u,i,r,t\na,x,-1,1400000000\nb,y,1,1400000000\n");
  o.rating_range = {-1, 1};
  EXPECT_EQ(prepared(o)->part(Part::train).rating, (std::vector<float>{-1, 1}));
  PrepareOptions json = amazon(review("a", "x", "NaN") + review("a", "y", "\"4,5\"") +
                               review("a", "z", "\"4.5\"") + review("a", "w", "null"));
  fs::remove_all(json.output);
  EXPECT_EQ(prepared(json)->part(Part::train).rating, (std::vector<float>{4.5}));
  EXPECT_EQ(info_["rows"]["bad"], 3);
}

TEST_F(Hostile, TimesInMillisecondsZeroMissingOrNonsense) {
  const auto ms = prepared(csv("u,i,r,t\na,x,5,1588687728923\na,y,5,0\na,z,5,1588687728999\n"));
  EXPECT_EQ(ms->by_user(Part::train).row(0).size(), 1u);
  EXPECT_EQ(info_["time_unit"], "milliseconds");
  EXPECT_EQ(info_["missing_times"], 1);
  const auto none = prepared(csv("u,i,r,t\na,x,5,0\na,y,5,\n"));
  EXPECT_EQ(info_["time_unit"], "none");
  EXPECT_TRUE(none->part(Part::train).time.empty());
  fs::remove_all(folder_.path() / "out");
  PrepareOptions o = csv("u,i,r,t\na,x,5,yesterday\n");
  o.max_bad_rows = "0";
  expect_error(o, Exit::bad_data, "in.csv:2: time 'yesterday'");
  PrepareOptions temporal = csv("u,i,r,t\na,x,5,\n");
  temporal.split.kind = "temporal";
  expect_error(temporal, Exit::bad_data, "needs times");
}

TEST_F(Hostile, IdsWithBlanksAreRefusedUnlessReplaced) {
  for (const std::string id : {"a b", "a\\tb", "a\\nb", "a\\u0000b"}) {
    PrepareOptions o = amazon(review("ok", "x") + review(id, "x"));
    expect_error(o, Exit::bad_data, "reviews.json:2: user id ");
    expect_error(o, Exit::bad_data, "--replace-id-spaces");
    o.replace_id_spaces = "_";
    EXPECT_TRUE(prepared(o)->users.find("a_b").has_value()) << id;
    fs::remove_all(o.output);
  }
  PrepareOptions o = amazon(
      "{\"reviewerID\": \"\", \"asin\": \"x\", \"overall\": 5}\n"
      "{\"asin\": \"x\", \"overall\": 5}\n"
      "{\"reviewerID\": [1], \"asin\": \"x\", \"overall\": 5}\n" +
      review("a", "x"));
  EXPECT_EQ(prepared(o)->user_count(), 1);
  EXPECT_EQ(info_["rows"]["bad"], 3);
}

TEST_F(Hostile, TextsMissingEmptyOrNotUtf8Survive) {
  const std::string r = "\xef\xbf\xbd";
  const auto dataset = prepared(
      amazon(review("a", "1", "5", "\"caf\xe9!\"") + review("b", "1", "5", "null") +
             review("c", "1", "5", "\"\"") + review("d", "1", "5", "\"lone \\ud800 half\"") +
             review("e", "1", "5", "\"pair \\ud83d\\ude00\"") +
             review("f", "1", "5", "\"nul \\u0000 byte\"") +
             "{\"reviewerID\": \"g\", \"asin\": \"1\", \"overall\": 5, \"unixReviewTime\": "
             "1393545600}\n"));
  EXPECT_EQ(train_reviews(*dataset),
            (std::vector<std::string>{"caf" + r + "!", "", "", "lone " + r + " half", "pair 😀",
                                      "nul   byte", ""}));
  EXPECT_EQ(info_["texts"]["review"]["empty"], 3);
  EXPECT_EQ(info_["texts"]["replaced_bytes"], 1 + 6);
  EXPECT_EQ(info_["rows"]["bad"], 0);
}

TEST_F(Hostile, LongTextsAreCutBetweenCharactersAndCounted) {
  std::string text;
  for (int i = 0; i < 60000; ++i) text += "漢";
  PrepareOptions o = amazon(review("a", "x", "5", "\"" + text + "\""));
  const auto dataset = prepared(o);
  EXPECT_EQ(train_reviews(*dataset)[0], text.substr(0, 131072 / 3 * 3));
  EXPECT_EQ(info_["texts"]["cut"], 1);
  o.max_text_bytes = 200000;
  EXPECT_EQ(train_reviews(*prepared(o))[0], text);
}

// --- tables

TEST_F(Hostile, CsvQuotesThatNeverCloseCostOneRow) {
  PrepareOptions o = csv("u,i,r,t\na,\"x,5,1400000000\nb,y,5,1400000000\nc,y,5,1400000000\n");
  EXPECT_EQ(prepared(o)->user_count(), 2);
  EXPECT_NE(info_["rows"]["first_bad"].get<std::string>().find("in.csv:2: a quoted field"),
            std::string::npos);
}

// The first line of a record is gone (moved, or overwritten where it was repaired) when its next
// line has been read; its fields must not be.
TEST(Delimited, FieldsOutliveTheLineTheyCameFrom) {
  for (const std::string bad_byte : {"\xff", ""}) {
    std::string content = "user,item,text,more\n";
    for (int i = 0; i < 20000; ++i) {
      const std::string n = std::to_string(i);
      content += "a person's long name " + n + ",thing number " + n + ",\"one" + bad_byte +
                 "\nand" + bad_byte + "\ntwo " + n + "\",end " + n + "\n";
    }
    const std::string shown = bad_byte.empty() ? "" : "\xef\xbf\xbd";
    Delimited syntax;
    BadRows bad("0");
    const auto records = open_delimited(LineReader(memory_source(content), "in.csv"), syntax,
                                        {"user", "item", "text", "more"}, bad);
    for (int i = 0; i < 20000; ++i) {
      const std::string n = std::to_string(i);
      ASSERT_TRUE(records->next());
      ASSERT_EQ(records->cell(0).text, "a person's long name " + n);
      ASSERT_EQ(records->cell(1).text, "thing number " + n);
      ASSERT_EQ(records->cell(2).text, "one" + shown + "\nand" + shown + "\ntwo " + n);
      ASSERT_EQ(records->cell(3).text, "end " + n);
    }
    EXPECT_FALSE(records->next());
  }
}

TEST_F(Hostile, CsvRowsOfTheWrongWidthAndMissingColumns) {
  PrepareOptions o = csv("u,i,r,t\na,x,5\nb,y,5,1400000000\nc,y,5,1400000000,more\n");
  EXPECT_EQ(prepared(o)->user_count(), 1);
  EXPECT_EQ(info_["rows"]["bad"], 2);
  fs::remove_all(o.output);
  o.columns = "user=usr,item=i";
  expect_error(o, Exit::bad_data, "has no column 'usr'");
  o.columns = "user=u,itme=i";
  expect_error(o, Exit::usage, "no column for 'item' (it names user, itme)");
  o.columns = "user:u";
  expect_error(o, Exit::usage, "role=column");
  o.columns = "user=u,user=i";
  expect_error(o, Exit::usage, "given twice");
}

TEST_F(Hostile, ManyQuotedLinesTakeLinearTime) {
  std::string content = "u,i,r,t\n";
  for (int i = 0; i < 200000; ++i) content += "\",x,\"\n";
  PrepareOptions o = csv(content);
  o.max_bad_rows = "100%";
  EXPECT_EQ(caught([&] { prepare(o); }).code, Exit::bad_data);
}

}  // namespace
}  // namespace kindred::data
