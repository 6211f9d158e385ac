// Awkward texts, alone and in pairs, through a small tokenizer of each kind and its variants.
// Fixtures: tests/reference/text_kinds.py.

#include <gtest/gtest.h>

#include <sstream>

#include "core/error.h"
#include "text/tokenizer_fixture.h"

namespace kindred::text {
namespace {

class TokenizerKinds : public testing::TestWithParam<const char*> {
 protected:
  const Fixture data_ = fixture(std::string(GetParam()) + ".json");

  std::shared_ptr<Tokenizer> variant(const std::string& name) const {
    const Fixture changes = data_["variants"][name]["changes"];
    return Tokenizer::from_json(patched(data_["tokenizer"], changes).dump(), name);
  }
};

TEST_P(TokenizerKinds, EveryVariantEqualsTheReference) {
  const auto cases = data_["cases"].get<std::vector<std::string>>();
  ASSERT_GT(cases.size(), 250u);
  const size_t group = data_["group"];
  for (const auto& [name, variant_data] : data_["variants"].items()) {
    const auto tokenizer = variant(name);
    std::istringstream digests(variant_data["rows"].get<std::string>());
    for (size_t begin = 0; begin < cases.size(); begin += group) {
      std::string rows, expected;
      for (size_t i = begin; i < std::min(begin + group, cases.size()); ++i) {
        rows += (i > begin ? std::string(1, '\0') : "") + rows_of(*tokenizer, cases[i]);
      }
      digests >> expected;
      EXPECT_EQ(short_digest(rows, 8), expected) << name << ", from case " << begin;
    }
  }
}

TEST_P(TokenizerKinds, PartsCutBeforeASpaceHaveTheIdsOfTheWhole) {
  const auto cases = data_["cases"].get<std::vector<std::string>>();
  for (const auto& [name, variant_data] : data_["variants"].items()) {
    expect_parts_of_whole(*variant(name), cases, name);
  }
  // As LLaMA's: spaces are marks, one stands in front.
  const bool marks = std::string(GetParam()) == "character_bpe";
  EXPECT_EQ(variant("plain")->space_cut(), marks ? SpaceCut::drop : SpaceCut::never);
}

TEST_P(TokenizerKinds, PairsAndCutTextsEqualTheReference) {
  const auto cases = data_["cases"].get<std::vector<std::string>>();
  for (const auto& [name, variant_data] : data_["variants"].items()) {
    const auto tokenizer = variant(name);
    const size_t specials =
        tokenizer->encode_pair("", "").ids.size() -
        tokenizer->encode_pair("", "", {.add_special_tokens = false}).ids.size();
    for (size_t i = 0; i < data_["pairs"].size(); ++i) {
      const auto [length, side] = data_["pairs"][i].get<std::pair<size_t, std::string>>();
      std::string rows;
      for (const bool add : {true, false}) {
        EncodeOptions options{.add_special_tokens = add};
        options.max_length = std::max(length, add ? specials + 1 : 1);
        options.truncation_side = side == "left" ? Side::left : Side::right;
        for (size_t at = 0; at + 1 < cases.size(); at += 2) {
          const PairIds both = tokenizer->encode_pair(cases[at], cases[at + 1], options);
          rows += id_row({static_cast<int32_t>(*options.max_length)});
          rows += id_row(both.ids) + id_row(both.types);
          rows += id_row(tokenizer->encode(cases[at], options));
        }
      }
      EXPECT_EQ(short_digest(rows, 16), variant_data["pairs"][i]) << name << ", " << length;
    }
  }
}

TEST_P(TokenizerKinds, ALengthBelowTheSpecialTokensIsRefused) {
  const auto tokenizer = variant("plain");
  const size_t specials = tokenizer->prefix_ids().size() + tokenizer->suffix_ids().size();
  ASSERT_GT(specials, 0u);
  EXPECT_THROW(tokenizer->encode("a", {.max_length = specials - 1}), Error);
  EXPECT_EQ(tokenizer->encode("a", {.max_length = specials}).size(), specials);
}

INSTANTIATE_TEST_SUITE_P(Small, TokenizerKinds,
                         testing::Values("word_piece", "character_bpe", "unigram"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace kindred::text
