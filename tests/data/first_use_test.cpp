// What a person meets who points `prepare` or `validate` at the wrong file, or a slightly wrong
// one.
#include <gtest/gtest.h>

#include "data/dataset.h"
#include "data/describe.h"
#include "data/prepare.h"
#include "data/temporary.h"

namespace kindred::data {
namespace {

class FirstUse : public ::testing::Test {
 protected:
  PrepareOptions options(const std::string& name, std::string_view content,
                         const std::string& format = "csv") const {
    PrepareOptions made;
    made.format = format;
    made.input = folder_.write(name, content).string();
    made.output = (folder_.path() / "out").string();
    if (format == "csv") made.columns = "user=u,item=i";
    return made;
  }
  std::string refusal(const PrepareOptions& options, Exit code = Exit::bad_data) const {
    const Caught error = caught([&] { prepare(options); });
    EXPECT_EQ(error.code, code) << error.message;
    EXPECT_FALSE(fs::exists(options.output));
    return error.message;
  }
  static void expect_part(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }

  TemporaryFolder folder_;
};

std::string review(const std::string& rest) {
  return "{\"reviewerID\": \"a\", \"asin\": \"x\", \"overall\": 5.0, \"verified\": true, " + rest +
         "}\n";
}

TEST_F(FirstUse, AColumnThatOccursTwiceIsNotChosenSilently) {
  expect_part(refusal(options("in.csv", "u,i,i\na,x,y\n")), "in.csv:1: has two columns 'i'");
  EXPECT_EQ(prepare(options("in.csv", "u,i,n,n\na,x,1,2\n")).info["counts"]["interactions"], 1);
}

TEST_F(FirstUse, AnotherSeparatorIsNamed) {
  expect_part(refusal(options("in.csv", "u;i\na;x\n")), "give --field-separator ';'");
  expect_part(refusal(options("in.csv", "u\ti\na\tx\n")), "--format tsv");
  PrepareOptions o = options("in.csv", "u;i\na;x\n");
  o.field_separator = ";";
  EXPECT_EQ(prepare(o).info["counts"]["interactions"], 1);
}

TEST_F(FirstUse, AFileWithoutRowsSaysWhatStandsInIt) {
  const std::string message = refusal(options("in.json", "[{}]\n", "amazon-2018"));
  expect_part(message, "in.json: holds no interaction that can be read");
  expect_part(message, "a JSON list, expected one object a line");
  expect_part(refusal(options("in.csv", "u,i\n")), "in.csv: holds no interaction");
  std::string words;
  for (int i = 0; i < 20; ++i) words += "hello there\n";
  expect_part(refusal(options("in.json", words, "amazon-2018")), "'hello there' is no JSON object");
}

TEST_F(FirstUse, ColumnsThatAreNotGivenAreAskedFor) {
  PrepareOptions o = options("in.csv", "u,i\na,x\n");
  o.columns = Json();
  expect_part(refusal(o, Exit::usage),
              "columns: is not given; name the columns, such as user=NAME");
}

TEST_F(FirstUse, TheFormatIsGuessed) {
  PrepareOptions o = options("in.json", review("\"reviewText\": \"good\""), "");
  EXPECT_EQ(prepare(o).info["options"]["format"], "amazon-2018");
  fs::remove_all(o.output);
  o.input = folder_.write("notes.md", "hello").string();
  expect_part(refusal(o, Exit::usage), "cannot be guessed");
  o.input = (folder_.path() / "none").string();
  refusal(o, Exit::missing);
}

TEST_F(FirstUse, PythonsNanIsAMissingValue) {
  const PrepareOptions o =
      options("in.json",
              review("\"reviewText\": NaN, \"unixReviewTime\": 1400000000") +
                  "{\"reviewerID\": \"a\", \"asin\": \"y\", \"overall\": NaN, \"vote\": false}\n",
              "amazon-2018");
  const Json info = prepare(o).info;
  EXPECT_EQ(info["counts"]["interactions"], 1);
  EXPECT_EQ(info["texts"]["review"]["empty"], 1);
  EXPECT_EQ(info["rows"]["bad"], 1);
}

TEST_F(FirstUse, TimesOfTwoUnitsAreWarnedOf) {
  std::string lines;
  for (int i = 0; i < 5; ++i) lines += review("\"unixReviewTime\": 140000000" + std::to_string(i));
  lines += review("\"unixReviewTime\": 1400000000123") + review("\"unixReviewTime\": 0");
  PrepareOptions o = options("in.json", lines, "amazon-2018");
  o.duplicates = "keep";
  testing::internal::CaptureStderr();
  prepare(o);
  expect_part(testing::internal::GetCapturedStderr(),
              "1 times do not look like seconds (the first is 1400000000123)");
}

TEST_F(FirstUse, ValidateLooksIntoATable) {
  const auto good = describe(folder_.write("good.csv", "u,i\na,x\nb,y\n"));
  expect_part(good->what, "a table (csv): 2 rows, columns u, i; prepare reads it with");
  EXPECT_TRUE(good->problems.empty());
  const auto ragged = describe(folder_.write("ragged.csv", "u,i\na,x\nb\n"));
  ASSERT_EQ(ragged->problems.size(), 1u);
  expect_part(ragged->problems[0], "ragged.csv:3: has 1 fields, expected 2");
  EXPECT_EQ(describe(folder_.write("empty.csv", ""))->problems.size(), 1u);
  EXPECT_TRUE(describe(folder_.write("own.jsonl", "{\"u\": 1}\n"))->problems.empty());
  EXPECT_EQ(describe(folder_.write("own.jsonl", "{\"u\": 1}\n{\"u\n"))->problems.size(), 1u);
}

TEST_F(FirstUse, ValidateFindsIdsThatPrepareRefuses) {
  const std::string line = "{\"reviewerID\": \"a b\", \"asin\": \"x\", \"overall\": 5}\n";
  const auto described = describe(folder_.write("in.json", line + line));
  ASSERT_EQ(described->problems.size(), 1u);
  expect_part(described->problems[0], "user id 'a b' holds a blank (first of 2)");
  PrepareOptions o = options("in.json", line, "amazon-2018");
  expect_part(refusal(o), "--replace-id-spaces");
}

TEST_F(FirstUse, ManyIdsAtOnceAreNumberedAsOneByOne) {
  std::vector<std::string> texts;
  for (int i = 0; i < 1000; ++i) texts.push_back("id" + std::to_string(i * i % 331));
  const std::vector<std::string_view> tokens(texts.begin(), texts.end());
  IdMap together, single;
  std::vector<Index> numbers(tokens.size());
  together.add(tokens, numbers);
  for (size_t i = 0; i < tokens.size(); ++i) EXPECT_EQ(numbers[i], single.add(tokens[i]));
  EXPECT_EQ(together.size(), single.size());
}

}  // namespace
}  // namespace kindred::data
