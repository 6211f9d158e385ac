#include "core/strings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace kindred {
namespace {

using testing::ElementsAre;

TEST(Strings, SplitAndJoinAreInverse) {
  EXPECT_THAT(split("a,,b", ','), ElementsAre("a", "", "b"));
  EXPECT_THAT(split("", ','), ElementsAre(""));
  EXPECT_THAT(split(",", ','), ElementsAre("", ""));
  for (const char* text : {"", ",", "a", "a,b", ",a,,b,"})
    EXPECT_EQ(join(split(text, ','), ","), text);
  EXPECT_EQ(join({}, ", "), "");
}

TEST(Strings, TrimTakesWhiteSpaceAtBothEnds) {
  EXPECT_EQ(trim(" \t\r\n a b \v\f"), "a b");
  EXPECT_EQ(trim("  "), "");
  EXPECT_EQ(trim("\xc2\xa0x"), "\xc2\xa0x");
}

TEST(Strings, CatPrintsItsParts) {
  EXPECT_EQ(cat("got ", 3, ", expected ", 4.5, 'x'), "got 3, expected 4.5x");
}

TEST(Strings, TheNearestNameIsSuggestedWhenItIsNear) {
  const std::vector<std::string> known = {"epochs", "l2", "learning_rate", "batch_size"};
  EXPECT_EQ(nearest_name("epoch", known), "epochs");
  EXPECT_EQ(nearest_name("L2", known), "l2");
  EXPECT_EQ(nearest_name("learnign_rate", known), "learning_rate");
  EXPECT_EQ(nearest_name("batchsize", known), "batch_size");
  EXPECT_EQ(nearest_name("optimizer", known), "");
  EXPECT_EQ(nearest_name("", known), "");
  EXPECT_EQ(nearest_name("epoch", {}), "");
  EXPECT_EQ(nearest_name(std::string(10'000'000, 'e'), known), "");
  EXPECT_EQ(suggestion("epoch", known), " (did you mean 'epochs'?)");
  EXPECT_EQ(suggestion("optimizer", known), "");
}

TEST(Strings, Numbers) {
  EXPECT_EQ(number(0.1), "0.1");
  EXPECT_EQ(number(1.0 / 3, 3), "0.333");
  EXPECT_EQ(number(1e300), "1e+300");
  EXPECT_EQ(number(std::numeric_limits<double>::quiet_NaN()), "nan");
  EXPECT_EQ(number(-std::numeric_limits<double>::infinity()), "-inf");
  EXPECT_EQ(shortest_number(0.1), "0.1");
  EXPECT_EQ(shortest_number(1.0 / 3), "0.3333333333333333");
  EXPECT_EQ(shortest_number(250), "250");
  EXPECT_EQ(shortest_number(std::numeric_limits<double>::infinity()), "inf");
}

TEST(Strings, Commas) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(-12345678), "-12,345,678");
  EXPECT_EQ(with_commas(std::numeric_limits<long long>::min()), "-9,223,372,036,854,775,808");
}

TEST(Strings, QuotesMakeTextHarmless) {
  EXPECT_EQ(quote("a é😀"), "'a é😀'");
  EXPECT_EQ(quote("\x1b[2J\n\x7f\xff\xc2\x9b"), "'\\x1b[2J\\x0a\\x7f\\xff\\xc2\\x9b'");
  EXPECT_EQ(quote(std::string(100, 'x'), 5), "'xxxxx'...");
  EXPECT_EQ(quote("ééé", 3), "'éé'...") << "a character is not cut in two";
  EXPECT_EQ(quote("xxxxx", 5), "'xxxxx'");
  EXPECT_EQ(quote(""), "''");
}

}  // namespace
}  // namespace kindred
