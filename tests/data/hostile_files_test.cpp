// Hostile compressed files and lines.
#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>

#include "data/hostile.h"
#include "data/lines.h"
#include "data/python_literal.h"

namespace kindred::data {
namespace {

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

}  // namespace
}  // namespace kindred::data
