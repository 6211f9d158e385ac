#include "text/bag_of_words.h"

#include <gtest/gtest.h>

#include <cmath>

namespace kindred::text {
namespace {

using Words = std::vector<std::string>;

TEST(SplitWords, KeepsLowerCaseRunsOfLettersAndDigits) {
  EXPECT_EQ(split_words("It's a 12-string GUITAR!"),
            (Words{"it", "s", "a", "12", "string", "guitar"}));
  EXPECT_EQ(split_words("Öl \xF0\x9F\x8E\xB8 ΣΟΦΙΑ\n汉字"), (Words{"öl", "σοφια", "汉字"}));
  EXPECT_EQ(split_words(""), Words{});
  EXPECT_EQ(split_words(" ...--- "), Words{});
}

TEST(StopWords, AreCommonEnglishOnes) {
  for (const char* word : {"the", "and", "of", "it", "don", "yourself"})
    EXPECT_TRUE(is_stop_word(word)) << word;
  for (const char* word : {"guitar", "great", "price", ""})
    EXPECT_FALSE(is_stop_word(word)) << word;
}

BagOfWordsBuilder three_documents() {
  BagOfWordsBuilder builder(4);
  builder.add(0, "guitar guitar strap");
  builder.add(2, "guitar drum");
  builder.add(0, "Guitar strap and");  // pieces of a document may come in any order
  builder.add(1, "drum drum x");
  return builder;
}

TEST(BagOfWords, CountsAndScalesTheLargestToOne) {
  BagOfWordsOptions options;
  options.max_document_share = 1.0;
  options.min_documents = 1;
  const BagOfWords bags = three_documents().build(options);
  // tf-idf: guitar 4 ln 2, strap 2 ln 4, drum 3 ln 2; single letters and "and" are left out
  EXPECT_EQ(bags.words, (Words{"guitar", "strap", "drum"}));
  EXPECT_EQ(bags.offsets, (std::vector<int64_t>{0, 2, 3, 5, 5}));
  EXPECT_EQ(bags.columns, (std::vector<int32_t>{0, 1, 2, 0, 2}));
  EXPECT_EQ(bags.values, (std::vector<float>{1, 2.0f / 3, 1, 1, 1}));
  options.weighting = "tf-idf";
  const std::vector<float> weighted = three_documents().build(options).values;
  EXPECT_NEAR(weighted[0], 3 * std::log(2.0) / (2 * std::log(4.0)), 1e-6);
  EXPECT_NEAR(weighted[1], 1, 1e-6);
  options.weighting = "binary";
  EXPECT_EQ(three_documents().build(options).values, (std::vector<float>(5, 1.0f)));
}

TEST(BagOfWords, KeepsTheMostTellingWordsWithinTheLimits) {
  BagOfWordsOptions options;
  options.max_document_share = 1.0;
  EXPECT_EQ(three_documents().build(options).words, (Words{"guitar", "drum"}));
  options.vocabulary = 1;
  EXPECT_EQ(three_documents().build(options).words, (Words{"guitar"}));
  options = {};
  options.max_document_share = 0.4;
  options.min_documents = 1;
  options.stop_words = false;
  EXPECT_EQ(three_documents().build(options).words, (Words{"strap", "and", "x"}));
  options.min_documents = 5;
  const BagOfWords none = three_documents().build(options);
  EXPECT_TRUE(none.words.empty());
  EXPECT_EQ(none.documents(), 4);
}

}  // namespace
}  // namespace kindred::text
