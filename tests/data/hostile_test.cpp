// Inputs that are damaged, ambiguous or meant to hurt: each ends in a counted row or in an error
// that says where, never in a crash, a hang or silence.
#include <gtest/gtest.h>
#include <zstd.h>

#include <map>

#include "data/atomic.h"
#include "data/dataset.h"
#include "data/delimited.h"
#include "data/describe.h"
#include "data/lines.h"
#include "data/prepare.h"
#include "data/python_literal.h"
#include "data/source.h"
#include "data/temporary.h"

namespace kindred::data {
namespace {

class Hostile : public ::testing::Test {
 protected:
  PrepareOptions amazon(const std::string& content, const std::string& name = "reviews.json") {
    PrepareOptions made;
    made.format = "amazon-2014";
    made.input = folder_.write("in/" + name, content).string();
    made.output = (folder_.path() / "out").string();
    return made;
  }
  PrepareOptions csv(const std::string& content) {
    PrepareOptions made;
    made.format = "csv";
    made.input = folder_.write("in.csv", content).string();
    made.output = (folder_.path() / "out").string();
    made.columns = "user=u,item=i,rating=r,time=t";
    return made;
  }
  static std::string review(const std::string& user, const std::string& item,
                            const std::string& rating = "5.0",
                            const std::string& text = "\"fine\"") {
    return "{\"reviewerID\": \"" + user + "\", \"asin\": \"" + item +
           "\", \"reviewText\": " + text + ", \"overall\": " + rating +
           ", \"unixReviewTime\": 1393545600}\n";
  }
  static std::string reviews(int count) {
    std::string lines;
    for (int i = 0; i < count; ++i)
      lines += review("u" + std::to_string(i % 7), "i" + std::to_string(i / 7));
    return lines;
  }
  std::shared_ptr<const Dataset> prepared(const PrepareOptions& options) {
    info_ = prepare(options).info;
    return load_dataset(options.output);
  }
  std::vector<std::string> train_reviews(const Dataset& dataset) {
    std::vector<std::string> texts;
    for (int64_t row = 0; row < dataset.train_reviews()->rows(); ++row)
      texts.push_back(dataset.train_reviews()->get(row));
    return texts;
  }
  void expect_error(const PrepareOptions& options, Exit code, const std::string& part) {
    const Caught error = caught([&] { prepare(options); });
    EXPECT_EQ(error.code, code) << error.message;
    EXPECT_NE(error.message.find(part), std::string::npos) << error.message;
    EXPECT_FALSE(fs::exists(options.output));
  }

  TemporaryFolder folder_;
  Json info_;
};

// --- compressed files

TEST_F(Hostile, GzipMembersAreConcatenated) {
  const auto dataset =
      prepared(amazon(gzip(review("a", "x")) + gzip("") + gzip(review("b", "y")), "r.json.gz"));
  EXPECT_EQ(dataset->user_count(), 2);
  const auto padded =
      prepared(amazon(gzip(review("a", "x")) + std::string(512, '\0'), "r.json.gz"));
  EXPECT_EQ(padded->user_count(), 1);
}

TEST_F(Hostile, GzipTruncatedAnywhereIsAnError) {
  const std::string whole = gzip(reviews(2000));
  for (const size_t kept :
       {whole.size() - 1, whole.size() - 8, whole.size() / 2, size_t{11}, size_t{3}}) {
    const Caught error = caught([&] { prepare(amazon(whole.substr(0, kept), "r.json.gz")); });
    EXPECT_EQ(error.code, Exit::bad_data) << kept;
    EXPECT_NE(error.message.find("truncated"), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("r.json.gz"), std::string::npos) << error.message;
  }
  // The second of two members is cut.
  const Caught error =
      caught([&] { prepare(amazon(whole + whole.substr(0, whole.size() / 2), "r.json.gz")); });
  EXPECT_NE(error.message.find("member 2"), std::string::npos) << error.message;
}

TEST_F(Hostile, GzipWithAWrongChecksumOrTrailingBytesIsAnError) {
  std::string content = gzip(reviews(200));
  content[content.size() - 6] ^= 1;
  expect_error(amazon(content, "r.json.gz"), Exit::bad_data, "damaged");
  expect_error(amazon(gzip(reviews(200)) + "trailing", "r.json.gz"), Exit::bad_data,
               "after the end of gzip member 1");
}

TEST_F(Hostile, ANameThatLiesAboutCompression) {
  expect_error(amazon(review("a", "x"), "r.json.gz"), Exit::bad_data, "its content is not gzip");
  expect_error(amazon("", "r.json.gz"), Exit::bad_data, "the file is empty");
  EXPECT_EQ(prepared(amazon(gzip(review("a", "x")), "r.json"))->user_count(), 1);
}

TEST_F(Hostile, ZstdWholeAndTruncated) {
  const std::string plain = reviews(500);
  std::string packed(ZSTD_compressBound(plain.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), 3));
  EXPECT_EQ(prepared(amazon(packed, "r.json.zst"))->user_count(), 7);
  fs::remove_all(folder_.path() / "out");
  expect_error(amazon(packed.substr(0, packed.size() / 2), "r.json.zst"), Exit::bad_data,
               "truncated");
  packed[packed.size() / 2] ^= 0x55;
  EXPECT_EQ(caught([&] { prepare(amazon(packed, "r.json.zst")); }).code, Exit::bad_data);
}

// --- bad lines

TEST_F(Hostile, BadLinesAreSkippedAndCountedUpToTheLimit) {
  const std::string bad = "{\"reviewerID\": \"broken\n";
  PrepareOptions o =
      amazon(review("a", "x") + bad + "not json at all\n[1, 2]\n\n" + review("b", "x"));
  EXPECT_EQ(prepared(o)->user_count(), 2);
  EXPECT_EQ(info_["rows"]["bad"], 3);
  EXPECT_NE(info_["rows"]["first_bad"].get<std::string>().find("reviews.json:2: "),
            std::string::npos);
  fs::remove_all(o.output);
  o.max_bad_rows = "2";
  expect_error(o, Exit::bad_data, "reviews.json:2: ");
  expect_error(o, Exit::bad_data, "--max-bad-rows 2");
  o.max_bad_rows = "3";
  EXPECT_EQ(prepared(o)->user_count(), 2);
  fs::remove_all(o.output);
  // The default: a share of the rows, ten always.
  std::string eleven = reviews(500);
  for (int i = 0; i < 11; ++i) eleven += bad;
  expect_error(amazon(eleven), Exit::bad_data, "reviews.json:501: ");
  for (const char* limit : {"-1", "many", "200%", "1.5", ""}) {
    PrepareOptions wrong = amazon(review("a", "x"));
    wrong.max_bad_rows = limit;
    expect_error(wrong, Exit::usage, "max-bad-rows");
  }
}

TEST_F(Hostile, TheWrongFormatFailsEarly) {
  std::string lines;
  for (int i = 0; i < 5000; ++i) lines += "garbage\n";
  PrepareOptions o = amazon(lines);
  o.max_bad_rows = "1%";
  expect_error(o, Exit::bad_data, "first of 1,001 bad of 1,001 rows");
}

TEST_F(Hostile, ByteOrderMarkCarriageReturnsAndNoLastLineEnd) {
  std::string content = "\xef\xbb\xbf" + review("a", "x");
  content.insert(content.size() - 1, "\r");
  content += review("b", "x");
  content.pop_back();
  EXPECT_EQ(prepared(amazon(content))->user_count(), 2);
  EXPECT_EQ(info_["rows"]["bad"], 0);
  fs::remove_all(folder_.path() / "out");
  expect_error(amazon("\xff\xfe{\0\"", "r.json"), Exit::bad_data, "UTF-16");
}

TEST_F(Hostile, PythonLiteralLinesAreReadAndNeverEvaluated) {
  const auto dataset = prepared(amazon(
      "{'reviewerID': 'a', 'asin': 'x', 'reviewText': \"it's \\x41 \\u00e9 \\n\" 'joined', "
      "'overall': 5.0, 'unixReviewTime': 1393545600L, 'helpful': (0, 1), 'vote': None, 'ok': "
      "True,}\n"
      "{'reviewerID': __import__('os').system('touch evaluated'), 'asin': 'x', 'overall': 5.0}\n"));
  EXPECT_EQ(train_reviews(*dataset), (std::vector<std::string>{"it's A é  joined"}));
  EXPECT_EQ(info_["rows"]["bad"], 1);
  EXPECT_FALSE(fs::exists("evaluated"));
}

TEST_F(Hostile, PythonLiteralsAsJson) {
  const auto converted = [](std::string_view literal) {
    std::string json;
    return python_to_json(literal, json) ? json : "refused";
  };
  EXPECT_EQ(converted("{'a': 1, \"b\": [1., .5, -2e3, 0.10], 3: None}"),
            "{\"a\":1,\"b\":[1.0,0.5,-2e3,0.10],\"3\":null}");
  EXPECT_EQ(converted("['\\'', \"\\\"\", u'x', r'\\d', '\\101', '\\U0001F600', '\\q']"),
            "[\"'\",\"\\\"\",\"x\",\"\\\\d\",\"A\",\"\\ud83d\\ude00\",\"\\\\q\"]");
  EXPECT_EQ(converted("()"), "[]");
  for (const char* bad : {"",    "{",   "{'a'}", "{'a': }",    "'open",  "'\\x4'",
                          "'\\", "foo", "1 2",   "{'a': f()}", "[1,,2]", "'\\U00110000'",
                          "inf", "nan", "--1",   "01",         "[00.5]", "{1 + 2: 3}",
                          "u",   "[1",  "'a' b"})
    EXPECT_EQ(converted(bad), "refused") << bad;
  EXPECT_EQ(converted(std::string(100000, '[')), "refused");
  EXPECT_EQ(converted(std::string(50, '[') + std::string(50, ']')),
            std::string(50, '[') + std::string(50, ']'));
}

TEST_F(Hostile, ALineOfAHundredMegabytesIsSkippedWithoutBeingHeld) {
  PrepareOptions o = amazon(review("a", "x"));
  {
    std::ofstream file(o.input, std::ios::binary | std::ios::app);
    file << "{\"reviewText\": \"";
    const std::string piece(1 << 20, 'z');
    for (int i = 0; i < 100; ++i) file << piece;
    file << "\"}\n" << review("b", "x");
  }
  EXPECT_EQ(prepared(o)->user_count(), 2);
  EXPECT_EQ(info_["rows"]["bad"], 1);
  EXPECT_NE(info_["rows"]["first_bad"].get<std::string>().find(":2: line above"),
            std::string::npos);
}

TEST(Lines, AcrossBuffersOfEveryAlignment) {
  const TemporaryFolder folder;
  std::string content;
  std::vector<std::string> wanted;
  for (int i = 0; i < 3000; ++i) {
    wanted.push_back(
        std::string(static_cast<size_t>(i * 37 % 1500), static_cast<char>('a' + i % 26)));
    content += wanted.back() + (i % 3 ? "\n" : "\r\n");
  }
  LineReader lines(folder.write("lines", content));
  std::vector<std::string> got;
  std::string_view line;
  uint64_t checked = 0;
  while (lines.next(line)) {
    EXPECT_EQ(content.compare(lines.offset(), line.size(), line), 0);
    checked += line.size();
    got.emplace_back(line);
  }
  EXPECT_EQ(got, wanted);
  EXPECT_EQ(lines.number(), 3000u);
  LineReader small(folder.path() / "lines", 1000);
  uint64_t skipped = 0, kept = 0;
  while (small.next(line)) ++(small.too_long() ? skipped : kept);
  EXPECT_EQ(skipped,
            static_cast<uint64_t>(std::count_if(wanted.begin(), wanted.end(),
                                                [](const auto& w) { return w.size() > 1000; })));
  EXPECT_EQ(skipped + kept, 3000u);
}

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

// --- RecBole files and prepared folders

class HostileFolders : public Hostile {
 protected:
  Caught load_error(const std::string& train, const std::string& item = "") {
    folder_.write("set/train.inter", train);
    folder_.write("set/valid.inter", "user_id:token\titem_id:token\n");
    folder_.write("set/test.inter", "user_id:token\titem_id:token\n");
    if (!item.empty()) folder_.write("set/x.item", item);
    return caught([&] { load_dataset(folder_.path() / "set"); });
  }
};

TEST_F(HostileFolders, DamagedAtomicFilesNameFileLineAndField) {
  const std::string header = "user_id:token\titem_id:token\trating:float\n";
  const std::map<std::string, std::string> cases{
      {"", "is empty"},
      {"user_id\titem_id:token\n", "header field 'user_id'"},
      {"user_id:int\titem_id:token\n", "header field 'user_id:int'"},
      {"user_id:token\tuser_id:token\n", "occurs twice"},
      {"user_id:token\tother:token\na\tb\n", "has no field 'item_id'"},
      {header, "holds no interaction"},
      {header + "a\tx\n", "train.inter:2: has 2 fields"},
      {header + "a\tx\t5\n\tx\t5\n", "train.inter:3: field 'user_id' is empty"},
      {header + "a\tx\tfive\n", "train.inter:2: field 'rating' is 'five'"},
      {header + "a\tx\tnan\n", "field 'rating' is 'nan'"}};
  for (const auto& [content, part] : cases) {
    const Caught error = load_error(content);
    EXPECT_EQ(error.code, Exit::bad_data) << content;
    EXPECT_NE(error.message.find(part), std::string::npos) << error.message;
  }
}

TEST_F(HostileFolders, FoldersThatAreNotWhatTheySeem) {
  EXPECT_EQ(caught([&] { load_dataset(folder_.path() / "none"); }).code, Exit::missing);
  EXPECT_EQ(caught([&] { load_dataset(folder_.path()); }).code, Exit::missing);
  EXPECT_EQ(caught([&] { load_dataset(folder_.write("file", "")); }).code, Exit::bad_data);
  const std::string rows = "user_id:token\titem_id:token\na\tx\n";
  folder_.write("set/only.inter", rows);
  Caught error = caught([&] { load_dataset(folder_.path() / "set"); });
  EXPECT_EQ(error.code, Exit::missing);
  EXPECT_NE(error.message.find("is not split"), std::string::npos) << error.message;
  folder_.write("set/valid.inter", rows);
  EXPECT_EQ(caught([&] { load_dataset(folder_.path() / "set"); }).code, Exit::missing);
  folder_.write("set/train.inter", rows);
  folder_.write("set/a.item", "item_id:token\nx\n");
  EXPECT_EQ(load_dataset(folder_.path() / "set")->item_count(), 1);
  folder_.write("set/b.item", "item_id:token\nx\n");
  error = caught([&] { load_dataset(folder_.path() / "set"); });
  EXPECT_NE(error.message.find("several .item files"), std::string::npos) << error.message;
  fs::remove(folder_.path() / "set" / "b.item");
  folder_.write("set/other.train.inter", rows);
  EXPECT_EQ(caught([&] { load_dataset(folder_.path() / "set"); }).code, Exit::bad_data);
}

TEST_F(HostileFolders, APreparedFolderThatWasChangedIsSeen) {
  PrepareOptions o = amazon(reviews(70));
  prepare(o);
  EXPECT_TRUE(describe(o.output)->problems.empty());
  const fs::path train = fs::path(o.output) / "out.train.inter";
  const std::string content = read_text(train);
  folder_.write("out/out.train.inter",
                content.substr(0, content.rfind('\n', content.size() - 2) + 1));
  const Caught error = caught([&] { load_dataset(o.output); });
  EXPECT_EQ(error.code, Exit::bad_data);
  EXPECT_NE(error.message.find("prepare the folder again"), std::string::npos) << error.message;
  EXPECT_EQ(describe(o.output)->problems.size(), 2u);
  folder_.write("out/out.train.inter", content);
  std::string info = read_text(fs::path(o.output) / "dataset.json");
  info.replace(info.find("\"schema\": 1"), 11, "\"schema\": 9");
  folder_.write("out/dataset.json", info);
  const Caught newer = caught([&] { load_dataset(o.output); });
  EXPECT_EQ(newer.code, Exit::bad_data);
  EXPECT_NE(newer.message.find("schema 9"), std::string::npos) << newer.message;
}

TEST_F(HostileFolders, ATextFileCutShortWhileInUseIsAnError) {
  PrepareOptions o = amazon(reviews(70));
  prepare(o);
  const auto dataset = load_dataset(o.output);
  fs::resize_file(fs::path(o.output) / "out.train.inter", 100);
  EXPECT_EQ(caught([&] { dataset->train_reviews()->get(30); }).code, Exit::io);
}

TEST_F(HostileFolders, QuotesInFilesByOthersAreLiteralUnlessTheyClose) {
  folder_.write("set/train.inter", "user_id:token\titem_id:token\na\tx\na\ty\na\tz\na\tw\n");
  folder_.write(
      "set/x.item",
      "item_id:token\ttitle:token_seq\tbrand:token_seq\n"
      "x\t\"Weird Al\" mug\tno\ny\t\"never closed\tb\nz\t\"quoted \"\"tab\there\"\"\"\tc\n"
      "w\t\"\td\n");
  const auto dataset = load_dataset(folder_.path() / "set");
  EXPECT_EQ(dataset->title(0), "\"Weird Al\" mug");
  EXPECT_EQ(dataset->title(1), "\"never closed");
  EXPECT_EQ(dataset->title(2), "quoted \"tab\there\"");
  EXPECT_EQ(dataset->title(3), "\"");
  EXPECT_EQ(dataset->item_text("brand")->get(1), "b");
}

TEST_F(HostileFolders, FieldsRoundTripWhateverTheyHold) {
  for (const std::string text : {"", "plain", "\"", "\"\"", "\"a", "a\"", "\"a\"", "\"a\" b",
                                 "\"\"\"", " lead", "tail ", "q\"\"q", "\"\",\""}) {
    std::string line;
    append_field(line, text);
    line += '\t';
    append_field(line, "next");
    std::vector<std::string_view> fields;
    split_fields(line, '\t', fields);
    ASSERT_EQ(fields.size(), 2u) << text;
    EXPECT_EQ(unquoted(fields[0]), text);
    EXPECT_EQ(fields[1], "next");
  }
}

}  // namespace
}  // namespace kindred::data
