#include "core/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/test_support.h"
#include "core/yaml.h"

namespace kindred {
namespace {

using test::expect_error;
using test::thrown_by;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

struct Inner {
  int epochs = 3;
  double dropout = 0.1;
  template <class V>
  void visit(V& v) {
    v("epochs", epochs, "passes over the data", Bounds{1, 1000});
    v("dropout", dropout, "dropped share", Bounds{0, 1, false, true});
  }
};

struct Outer {
  double l2 = 250.0;
  float rate = 0.1f;
  bool on = true;
  std::string name = "a";
  std::string kind = "x";
  int64_t count = 0;
  uint64_t seed = 1;
  uint8_t small = 0;
  std::optional<int> maybe;
  std::optional<std::string> maybe_kind;
  std::vector<double> ratios = {0.8, 0.1};
  std::vector<std::string> kinds = {"x"};
  Inner inner;
  std::vector<Inner> inners;
  std::optional<Inner> extra;
  Json any;
  template <class V>
  void visit(V& v) {
    v("l2", l2, "weight", Bounds{0});
    v("rate", rate, "step size", Bounds{0, 1, true});
    v("on", on, "a switch");
    v("name", name, "a name");
    v("kind", kind, "a kind", Choices{{"x", "y", "zebra"}});
    v("count", count, "a count");
    v("seed", seed, "a seed");
    v("small", small, "a byte");
    v("maybe", maybe, "may be absent", Bounds{0, 10});
    v("maybe_kind", maybe_kind, "may be absent", Choices{{"x", "y"}});
    v("ratios", ratios, "shares", Bounds{0, 1});
    v("kinds", kinds, "several", Choices{{"x", "y"}});
    v("inner", inner, "nested");
    v("inners", inners, "several nested");
    v("extra", extra, "nested, may be absent");
    v("any", any, "anything");
  }
};

Outer read(const std::string& text) {
  return read_options<Outer>(parse_yaml(text, "test"), "recipe.yaml: outer");
}

std::vector<std::string> problems(const std::string& text) {
  const auto error = thrown_by([&] { read(text); });
  if (!error) return {};
  EXPECT_EQ(error->code(), Exit::config);
  return error->lines();
}

TEST(Options, AbsentOptionsKeepTheirDefaults) {
  for (const char* text : {"{}", ""}) {
    const Outer options = read(text);
    EXPECT_EQ(options.l2, 250.0);
    EXPECT_FALSE(options.maybe.has_value());
    EXPECT_EQ(options.inner.epochs, 3);
  }
}

TEST(Options, ReadsEveryKind) {
  const Outer options = read(R"(
l2: 3
rate: 1e-3
on: false
name: b c
kind: zebra
count: -7
seed: 18446744073709551615
small: 255
maybe: 5
maybe_kind: y
ratios: [1, 0.5]
kinds: [y, x]
inner: {epochs: 9}
inners: [{epochs: 1}, {dropout: 0}]
extra: {epochs: 4}
any: {free: [form]}
)");
  EXPECT_EQ(options.l2, 3.0);
  EXPECT_EQ(options.rate, 1e-3f);
  EXPECT_FALSE(options.on);
  EXPECT_EQ(options.name, "b c");
  EXPECT_EQ(options.kind, "zebra");
  EXPECT_EQ(options.count, -7);
  EXPECT_EQ(options.seed, 18446744073709551615ull);
  EXPECT_EQ(options.small, 255);
  EXPECT_EQ(options.maybe, 5);
  EXPECT_EQ(options.maybe_kind, "y");
  EXPECT_THAT(options.ratios, ElementsAre(1.0, 0.5));
  EXPECT_THAT(options.kinds, ElementsAre("y", "x"));
  EXPECT_EQ(options.inner.epochs, 9);
  EXPECT_EQ(options.inner.dropout, 0.1);
  ASSERT_EQ(options.inners.size(), 2u);
  EXPECT_EQ(options.inners[1].epochs, 3);
  EXPECT_EQ(options.extra->epochs, 4);
  EXPECT_EQ(options.any.dump(), R"({"free":["form"]})");
}

TEST(Options, AllProblemsAtOnce) {
  EXPECT_THAT(
      problems(R"(
l2: -1
L2: 3
on: yes
name: 2014
kind: zebras
maybe: 11
ratios: [0.5, x, 2]
inner: {epochs: 0, epoch: 3, dropout: 1}
inners: {epochs: 1}
zzzzzzzz: 1
)"),
      UnorderedElementsAre(
          "recipe.yaml: outer.l2: got -1, expected at least 0",
          "recipe.yaml: outer: unknown key 'L2' (did you mean 'l2'?)",
          "recipe.yaml: outer.on: got the text 'yes', expected true or false",
          "recipe.yaml: outer.name: got 2014, expected a text; put it in quotes",
          "recipe.yaml: outer.kind: got the text 'zebras', expected one of x, y, zebra (did you "
          "mean "
          "'zebra'?)",
          "recipe.yaml: outer.maybe: got 11, expected 0 to 10",
          "recipe.yaml: outer.ratios[1]: got the text 'x', expected a finite number, 0 to 1",
          "recipe.yaml: outer.ratios[2]: got 2, expected 0 to 1",
          "recipe.yaml: outer.inner.epochs: got 0, expected 1 to 1000",
          "recipe.yaml: outer.inner: unknown key 'epoch' (did you mean 'epochs'?)",
          "recipe.yaml: outer.inner.dropout: got 1, expected at least 0, below 1",
          "recipe.yaml: outer.inners: got a section, expected a list, such as [a, b]",
          "recipe.yaml: outer: unknown key 'zzzzzzzz'; known keys: l2, rate, on, name, kind, "
          "count, seed, "
          "small, maybe, maybe_kind, ratios, kinds, inner, inners, extra, any"));
}

TEST(Options, IntegersAreReadWhereExact) {
  EXPECT_EQ(read("count: 1e3").count, 1000);
  EXPECT_EQ(read("count: 5.0").count, 5);
  EXPECT_EQ(read("count: -9223372036854775808").count, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(read("seed: 1e19").seed, 10'000'000'000'000'000'000ull);
  const auto refuse = [](const std::string& text, const std::string& line) {
    EXPECT_THAT(problems(text), ElementsAre("recipe.yaml: outer." + line)) << text;
  };
  refuse("count: 0.5", "count: got 0.5, expected an integer");
  refuse("small: 256", "small: got 256, expected 0 to 255");
  refuse("small: -1", "small: got -1, expected an integer, 0 to 255");
  refuse("small: 1e300", "small: got 1e+300, expected an integer, 0 to 255");
  refuse("small: .nan", "small: got nan, expected an integer, 0 to 255");
  refuse("small: null", "small: got null, expected an integer, 0 to 255");
  refuse("small: true", "small: got true, expected an integer, 0 to 255");
  refuse("maybe: \"5\"", "maybe: got the text '5', expected an integer, 0 to 10");
}

TEST(Options, NumbersMustBeFinite) {
  const auto refuse = [](const std::string& text, const std::string& line) {
    EXPECT_THAT(problems(text), ElementsAre("recipe.yaml: outer." + line)) << text;
  };
  refuse("l2: .nan", "l2: got nan, expected a finite number, at least 0");
  refuse("l2: .inf", "l2: got inf, expected a finite number, at least 0");
  refuse("rate: 0", "rate: got 0, expected above 0, at most 1");
  refuse("l2: [1]", "l2: got a list of 1, expected a finite number, at least 0");
}

TEST(Options, NullClearsAnOptional) {
  Outer options;
  options.maybe = 3;
  options.extra = Inner{};
  const Json object = parse_yaml("{maybe: null, extra: ~, maybe_kind: null}", "test");
  std::vector<std::string> found;
  OptionReader reader(object, "", found);
  options.visit(reader);
  reader.finish();
  EXPECT_TRUE(found.empty());
  EXPECT_FALSE(options.maybe.has_value());
  EXPECT_FALSE(options.extra.has_value());
}

TEST(Options, ASectionThatIsNoneIsOneProblem) {
  EXPECT_THAT(problems("[1]"),
              ElementsAre("recipe.yaml: outer: got a list of 1, expected a section of options"));
  EXPECT_THAT(problems("inner: 5"),
              ElementsAre("recipe.yaml: outer.inner: got 5, expected a section of options"));
}

TEST(Options, PlacesAtTheTopLevelOfAFile) {
  std::vector<std::string> found;
  read_options<Inner>(parse_yaml("{epochs: x, foo: 1}", "t"), "recipe.yaml:", found);
  read_options<Inner>(parse_yaml("epochs: 0", "t"), "", found);
  EXPECT_THAT(found,
              ElementsAre("recipe.yaml: epochs: got the text 'x', expected an integer, 1 to 1000",
                          "recipe.yaml: unknown key 'foo'; known keys: epochs, dropout",
                          "epochs: got 0, expected 1 to 1000"));
}

TEST(Options, WrittenOptionsAreReadBack) {
  Outer options = read("{maybe: 4, inners: [{epochs: 2}], rate: 0.3, any: [1]}");
  const Json written = write_options(options);
  EXPECT_EQ(
      written.dump(),
      R"({"l2":250.0,"rate":0.3,"on":true,"name":"a","kind":"x","count":0,"seed":1,"small":0,)"
      R"("maybe":4,"maybe_kind":null,"ratios":[0.8,0.1],"kinds":["x"],)"
      R"("inner":{"epochs":3,"dropout":0.1},"inners":[{"epochs":2,"dropout":0.1}],"extra":null,)"
      R"("any":[1]})");
  EXPECT_EQ(write_options(read_options<Outer>(parse_yaml(to_yaml(written), "t"), "")), written);
}

struct Unsaid {
  std::string format;
  template <class V>
  void visit(V& v) {
    v("format", format, "guessed where not said", Choices{{"csv", "tsv"}});
  }
};

TEST(Options, AChoiceNotMadeIsReadBackToo) {
  const Json written = write_options(Unsaid{});
  EXPECT_EQ(written.dump(), R"({"format":""})");
  EXPECT_EQ(read_options<Unsaid>(written, "").format, "");
  EXPECT_THROW(read_options<Unsaid>(Json{{"format", "xml"}}, ""), Error);
}

TEST(Options, AreDescribedWithDottedNames) {
  std::vector<std::string> lines;
  for (const OptionRow& row : describe_options<Outer>("o."))
    lines.push_back(row.name + " | " + row.type + " | " + row.default_value + " | " + row.allowed);
  EXPECT_THAT(
      lines,
      ElementsAre("o.l2 | number | 250.0 | at least 0",
                  "o.rate | number | 0.1 | above 0, at most 1", "o.on | bool | true | ",
                  "o.name | text | \"a\" | ", "o.kind | text | \"x\" | x | y | zebra",
                  "o.count | integer | 0 | ", "o.seed | integer | 1 | ", "o.small | integer | 0 | ",
                  "o.maybe | integer or null | null | 0 to 10",
                  "o.maybe_kind | text or null | null | x | y",
                  "o.ratios | list of number | [0.8,0.1] | 0 to 1",
                  "o.kinds | list of text | [\"x\"] | x | y",
                  "o.inner.epochs | integer | 3 | 1 to 1000",
                  "o.inner.dropout | number | 0.1 | at least 0, below 1",
                  "o.inners | list of section | [] | ", "o.extra | section or null | null | ",
                  "o.extra.epochs | integer | 3 | 1 to 1000",
                  "o.extra.dropout | number | 0.1 | at least 0, below 1", "o.any | any | null | "));
}

TEST(SetOption, SetsDottedKeysAndReadsScalars) {
  Json object = parse_yaml("{a: {b: 1}, s: null}", "test");
  for (const char* assignment :
       {"a.b=2", "a.c.d=1e-3", "s.x=true", "list=[1, two]", "map={k: v}", "text=a: b #1",
        "quoted=\"5\"", "hash=#fff", "empty=", "null=null", "equals=a=b", " spaced = x y "})
    set_option(object, assignment);
  EXPECT_EQ(
      object.dump(),
      R"({"a":{"b":2,"c":{"d":0.001}},"s":{"x":true},"list":[1,"two"],"map":{"k":"v"},)"
      R"("text":"a: b #1","quoted":"5","hash":"#fff","empty":null,"null":null,"equals":"a=b",)"
      R"("spaced":"x y"})");
}

TEST(SetOption, NamesWhatIsWrong) {
  Json object = parse_yaml("{a: 1}", "test");
  const auto refuse = [&](const std::string& assignment, const std::string& part) {
    expect_error(Exit::usage, part, [&] { set_option(object, assignment); });
  };
  refuse("a", "--set 'a': got no '='");
  refuse("=1", "a part of the key is empty");
  refuse("a..b=1", "a part of the key is empty");
  refuse("a.b=1", "is a value, not a section");
  refuse("x=[1", "is a bracket or quote left open?");
  refuse("x=1e999", "too large");
}

}  // namespace
}  // namespace kindred
