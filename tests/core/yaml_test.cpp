#include "core/yaml.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/test_support.h"

namespace kindred {
namespace {

using test::expect_error;

Json yaml(const std::string& text) {
  return parse_yaml(text, "recipe.yaml");
}

void refuse(const std::string& text, const std::string& part) {
  SCOPED_TRACE(text.substr(0, 200));
  expect_error(Exit::config, part, [&] { yaml(text); });
}

TEST(Yaml, ReadsARecipe) {
  const Json recipe = yaml(R"(# kindred train recipes/sample/ease.yaml
data: {path: sample, split: {ratios: [0.8, 0.1, 0.1]}}
method: ease
ease:
  l2: 250.0   # lambda
stages:
  - name: first
    epochs: 3
  -
    name: second
note: "a: b # c"
)");
  EXPECT_EQ(recipe.dump(),
            R"({"data":{"path":"sample","split":{"ratios":[0.8,0.1,0.1]}},"method":"ease",)"
            R"("ease":{"l2":250.0},"stages":[{"name":"first","epochs":3},{"name":"second"}],)"
            R"("note":"a: b # c"})");
}

TEST(Yaml, ScalarsFollowTheCoreSchemaOfYaml12) {
  const auto reads = [](const std::string& text, const Json& expected) {
    const Json got = yaml("a: " + text)["a"];
    EXPECT_EQ(got, expected) << text;
    EXPECT_EQ(got.type(), expected.type()) << text;
  };
  for (const char* text : {"", "~", "null", "Null", "NULL"}) reads(text, nullptr);
  for (const char* text : {"true", "True", "TRUE"}) reads(text, true);
  for (const char* text : {"false", "False", "FALSE"}) reads(text, false);
  for (const char* text : {"yes", "no", "on", "off", "y", "n", "tRue", "nUll", "1_000", "12:30:45",
                           "0b11", "0x", "0o9", "1e", ".", "+", "1.2.3", "2024-01-01", "1,5"})
    reads(text, text);
  reads("0", 0);
  reads("-17", -17);
  reads("+5", 5);
  reads("012", 12);
  reads("0x1F", 31);
  reads("0o17", 15);
  reads("9223372036854775807", std::numeric_limits<int64_t>::max());
  reads("-9223372036854775808", std::numeric_limits<int64_t>::min());
  reads("18446744073709551615", std::numeric_limits<uint64_t>::max());
  reads("18446744073709551616", 18446744073709551616.0);
  reads("1e-4", 1e-4);
  reads("1e3", 1000.0);
  reads("5.", 5.0);
  reads(".5", 0.5);
  reads("-1.5E+2", -150.0);
  reads("1e-999", 0.0);
  reads(".inf", std::numeric_limits<double>::infinity());
  reads("-.INF", -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(yaml("a: .nan")["a"].get<double>()));
  EXPECT_EQ(yaml_scalar("-"), Json("-"));
  refuse("a: 1e999", "line 1, column 4: the number '1e999' is too large");
}

TEST(Yaml, QuotedAndTaggedScalars) {
  EXPECT_EQ(
      yaml(R"({a: "1", b: 'true', c: !!str 5, d: ! 6, e: !!int 7, f: !!float 8, g: "\x41\u00e9"})")
          .dump(),
      R"({"a":"1","b":"true","c":"5","d":"6","e":7,"f":8.0,"g":"Aé"})");
  refuse(R"(a: "\N")", "write it as \\uXXXX");
  refuse("a: !!int x", "does not fit");
  refuse("a: !!python/object:os.system x", "does not fit");
  refuse("a: !!python/object:os.system {x: 1}", "not of the core schema");
  refuse("a: !custom [1]", "not of the core schema");
}

TEST(Yaml, KeysAreText) {
  EXPECT_EQ(yaml("1: a\ntrue: b\n\"x y\": c\n2.50: d\n").dump(),
            R"({"1":"a","true":"b","x y":"c","2.50":"d"})");
  refuse("[1, 2]: a", "a key must be a scalar");
  refuse("{a: 1}: b", "a key must be a scalar");
}

TEST(Yaml, ARepeatedKeyIsRefusedWithItsPlace) {
  refuse("a: 1\nb: 2\na: 3\n", "recipe.yaml: line 3, column 1: the key 'a' is there twice");
  refuse("x: {1: a, \"1\": b}", "the key '1' is there twice");
  EXPECT_NO_THROW(yaml("a: {a: {a: 1}}"));
}

TEST(Yaml, SyntaxErrorsCarryLineAndColumn) {
  refuse("a: [1, 2", "line ");
  refuse("a: 1\n  b: 2", "line 2");
  refuse("a:\n\t- 1", "line 2");
  refuse("a: \"x", "line ");
  refuse("a: *nobody", "line 1");
  refuse("a: 1\n---\nb: 2", "a second document");
  refuse("a: 1\n...\nb: 2", "line 3");
  refuse("@a", "line 1");
}

TEST(Yaml, EmptyTextIsNull) {
  EXPECT_TRUE(yaml("").is_null());
  EXPECT_TRUE(yaml("# only a comment\n").is_null());
  EXPECT_TRUE(yaml("---\n").is_null());
}

TEST(Yaml, AliasesExpandWithinTheirLimit) {
  EXPECT_EQ(yaml("a: &x {b: [1, 2]}\nc: *x\nd: &k key\n").dump(),
            R"({"a":{"b":[1,2]},"c":{"b":[1,2]},"d":"key"})");
  refuse("a: &x [*x]", "an alias inside of what it refers to");
}

TEST(Yaml, ABillionLaughsAreRefused) {
  std::string text = "l0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string name = "l" + std::to_string(i), last = "*l" + std::to_string(i - 1);
    text += name + ": &" + name + " [";
    for (int j = 0; j < 10; ++j) text += (j > 0 ? ", " : "") + last;
    text += "]\n";
  }
  refuse(text, "aliases expand to more than 10000 nodes");
  std::string large = "a: &a \"" + std::string(500'000, 'x') + "\"\nb: [";
  for (int i = 0; i < 1000; ++i) large += "*a, ";
  refuse(large + "]", "aliases expand to more than");
}

TEST(Yaml, DepthIsLimitedAlsoThroughAliases) {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_NO_THROW(yaml(nested(64)));
  refuse(nested(65), "nested deeper than 64");
  refuse(nested(200'000), "nested deeper than 64");
  std::string block;
  for (int i = 0; i < 100; ++i) block += "- ";
  refuse(block + "x", "nested deeper than 64");
  std::string text = "a0: &a0 [1]\n";
  for (int i = 1; i < 70; ++i)
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) +
            "]\n";
  refuse(text, "nested deeper than 64");
}

TEST(Yaml, BytesThatAreNoText) {
  refuse(std::string(1'100'000, ' '), "expected at most 1048576");
  refuse("a: \xff", "byte 3 is not UTF-8");
  refuse(std::string("a\0b", 3), "byte 1 is a control character");
  refuse("a: \x1b[2J", "control character");
}

TEST(Yaml, LargeMappingsTakeTimeInProportion) {
  std::string text;
  for (int i = 0; text.size() < 900'000; ++i) text += "k" + std::to_string(i) + ": 1\n";
  EXPECT_GT(yaml(text).size(), 80'000u);
}

TEST(Yaml, WritesBlocksThatReadWell) {
  const Json value =
      parse_json(R"({"method":"ease","ease":{"l2":250.0,"on":true,"none":null},"list":[1,2.5,"x"],)"
                 R"("stages":[{"name":"a b"},[[1],[2]]],"empty":{},"none":[],"text":"1"})",
                 "test");
  EXPECT_EQ(to_yaml(value), R"(method: ease
ease:
  l2: 250.0
  "on": true
  none: null
list: [1, 2.5, x]
stages:
  - name: a b
  -
    - [1]
    - [2]
empty: {}
none: []
text: "1"
)");
}

TEST(Yaml, WhatIsWrittenIsReadBackEqual) {
  Json value = {
      {"", "empty key"}, {"true", 1}, {"a: b", "c # d"}, {"null", Json::array({nullptr})}};
  for (const char* text : {"",
                           " ",
                           "x ",
                           "null",
                           "~",
                           "1",
                           "1e3",
                           ".5",
                           "-",
                           "- a",
                           "? a",
                           "a: b",
                           "a #b",
                           "#",
                           "[a]",
                           "{a}",
                           "*a",
                           "&a",
                           "!a",
                           "%a",
                           "@a",
                           "`a",
                           "'a'",
                           "\"a\"",
                           "a\nb",
                           "a\n",
                           "\t",
                           "\x01",
                           "\x7f",
                           "\xc2\x85",
                           "\xe2\x80\xa8",
                           "\xef\xbb\xbfx",
                           "é😀",
                           "---",
                           "...",
                           "=",
                           "<<",
                           "Yes",
                           "a\\b",
                           "a,b",
                           "/usr/share/x.json",
                           "C:\\x"})
    value["texts"].push_back(text);
  value["numbers"] = {
      0, -1, 0.1, 1e300, 5e-324, -0.0, 1.0, 18446744073709551615ull, 123456789012.0};
  value["deep"] = Json::parse(R"([[[]],[{}],{"a":[{"b":[1,[2,{"c":[]}]]}]}])");
  value[std::string(3000, 'k')] = {{"long", std::string(3000, 'v')}};
  const Json back = parse_yaml(to_yaml(value), "test");
  EXPECT_EQ(back, value) << to_yaml(value);
  EXPECT_EQ(back.dump(), value.dump());
  for (const Json& scalar : {Json("x"), Json(1), Json(1.0), Json(nullptr), Json(true),
                             Json::array(), Json::object(), Json("- a")})
    EXPECT_EQ(parse_yaml(to_yaml(scalar), "test"), scalar);
  EXPECT_EQ(to_yaml(std::numeric_limits<double>::infinity()), ".inf\n");
}

TEST(Yaml, WhatOtherReadersTakeForSomethingElseIsQuoted) {
  for (const char* text :
       {"yes",  "No",   "ON",    "off", "y",          "null",     "~",   "True", "1e3",
        "012",  "0x1f", "1_000", "0b1", "2024-01-01", "12:30:45", ".5",  "-1",   "+1",
        ".inf", "=",    "<<",    "",    "- a",        "a: b",     "a #b"})
    EXPECT_EQ(to_yaml({{"a", text}}), "a: \"" + std::string(text) + "\"\n");
  for (const char* text : {"x", "a b", "none", "/usr/share/x.json", "é😀", "recall@20", "a,b"})
    EXPECT_EQ(to_yaml({{"a", text}}), "a: " + std::string(text) + "\n");
  EXPECT_EQ(to_yaml({{"no", "a"}}), "\"no\": a\n");
  EXPECT_EQ(to_yaml({{"a", "x\xc2\x85\x7f"}}), "a: \"x\\x85\\x7f\"\n");
  EXPECT_EQ(to_yaml({{"a", "x\xff"}}), "a: x\uFFFD\n") << "bytes that are no text";
}

TEST(Yaml, LongListsBreakIntoLines) {
  Json value;
  for (int i = 0; i < 100; ++i) value["list"].push_back(i * 1000);
  EXPECT_EQ(parse_yaml(to_yaml(value), "test"), value);
  EXPECT_NE(to_yaml(value).find("\n  - 1000\n"), std::string::npos);
}

}  // namespace
}  // namespace kindred
