#include "core/json.h"

#include <gtest/gtest.h>

#include "core/files.h"
#include "core/test_support.h"

namespace kindred {
namespace {

using test::expect_error;

TEST(Json, KeepsTheOrderAndTheKindsOfNumbers) {
  const std::string text =
      R"({"z":1,"a":[true,null,-2,18446744073709551615,0.5,"\u00e9\ud83d\ude00"],"m":{"":{}}})";
  const Json value = parse_json(text, "test");
  EXPECT_EQ(value.dump(),
            R"({"z":1,"a":[true,null,-2,18446744073709551615,0.5,"é😀"],"m":{"":{}}})");
  EXPECT_TRUE(value["a"][3].is_number_unsigned());
  EXPECT_TRUE(value["a"][2].is_number_integer());
  EXPECT_TRUE(value["a"][4].is_number_float());
  EXPECT_EQ(value, Json::parse(text));
}

TEST(Json, TakesScalarsAndAByteOrderMark) {
  EXPECT_EQ(parse_json(" 7 ", "test"), Json(7));
  EXPECT_EQ(parse_json("\xef\xbb\xbf[]", "test"), Json::array());
}

TEST(Json, NamesWhereTheSyntaxIsWrong) {
  const auto refuse = [](const std::string& text, const std::string& part) {
    expect_error(Exit::bad_data, part, [&] { parse_json(text, "config.json"); });
  };
  refuse("", "config.json: not valid JSON at byte 0 (line 1): the text ends too early");
  refuse("{\"a\": ", "the text ends too early");
  refuse("{\"a\":\n 1,}", "line 2");
  refuse("[1] 2", "byte 4");
  refuse("[1] [2]", "byte 4");
  refuse("[1, 2", "the text ends too early");
  refuse("{\"a\" 1}", "unexpected");
  refuse("[NaN]", "unexpected");
  refuse("[1e999]", "the number is too large");
  refuse("[\"\xff\"]", "not UTF-8");
  refuse("[\"\xed\xa0\x80\"]", "not UTF-8");
  refuse("[\"a\nb\"]", "unexpected");
  refuse("['a']", "unexpected");
  refuse("// c\n1", "unexpected");
  refuse(std::string("[1]\0", 4), "byte 3: a NUL byte");
}

TEST(Json, RefusesARepeatedKeyInTheSameObjectOnly) {
  expect_error(Exit::bad_data, "the key 'a' is there twice",
               [] { parse_json(R"({"a":1,"b":2,"a":3})", "test"); });
  expect_error(Exit::bad_data, "the key 'a' is there twice",
               [] { parse_json(R"([{"x":{"a":1,"\u0061":3}}])", "test"); });
  EXPECT_NO_THROW(parse_json(R"({"a":{"a":{"a":1}},"b":{"a":1}})", "test"));
}

TEST(Json, RefusesDeepNestingOfAnyLength) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_NO_THROW(parse_json(nested(200), "test"));
  expect_error(Exit::bad_data, "deeper than 200", [&] { parse_json(nested(201), "test"); });
  expect_error(Exit::bad_data, "deeper than 200", [&] { parse_json(nested(5'000'000), "test"); });
  std::string objects;
  for (int i = 0; i < 300; ++i) objects += "{\"a\":";
  expect_error(Exit::bad_data, "deeper than 200", [&] { parse_json(objects, "test"); });
}

TEST(Json, ALargeObjectTakesTimeInProportion) {
  // A vocabulary of this size would take minutes if every key were compared with every other.
  std::string text = "{";
  for (int i = 0; i < 300'000; ++i)
    text += (i > 0 ? ",\"token" : "\"token") + std::to_string(i) + "\":" + std::to_string(i);
  const Json value = parse_json(text + "}", "test");
  EXPECT_EQ(value.size(), 300'000u);
  EXPECT_EQ(value.back(), Json(299'999));
}

TEST(Json, UntrustedTextInAMessageIsMadeHarmless) {
  const auto error =
      test::thrown_by([] { parse_json("{\"\\u001b[2J\":1,\"\\u001b[2J\":1}", "x"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(std::string(error->what()).find('\x1b'), std::string::npos);
}

TEST(Json, ReadsFiles) {
  const test::TemporaryFolder folder;
  write_file(folder / "a.json", "{\"a\": 1}");
  EXPECT_EQ(read_json(folder / "a.json"), Json({{"a", 1}}));
  write_file(folder / "bad.json", "{");
  expect_error(Exit::bad_data, "bad.json: not valid JSON", [&] { read_json(folder / "bad.json"); });
  expect_error(Exit::missing, "none.json", [&] { read_json(folder / "none.json"); });
}

}  // namespace
}  // namespace kindred
