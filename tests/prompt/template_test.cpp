#include "prompt/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "prompt/extended_vocabulary.h"
#include "prompt/prompt_batch.h"

namespace kindred::prompt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// One id a byte: what was tokenised together can be read off.
std::vector<int32_t> bytes(std::string_view text) {
  return {text.begin(), text.end()};
}

std::string text_of(const std::vector<int32_t>& ids) {
  return {ids.begin(), ids.end()};
}

const std::vector<Slot>& slots() {
  static const std::vector<Slot> list = {{"user", SlotShape::one, 0},
                                         {"item", SlotShape::one, 1},
                                         {"items", SlotShape::many, 1},
                                         {"text", SlotShape::words, 0}};
  return list;
}

std::vector<std::string> segments(const Template& form) {
  std::vector<std::string> result;
  for (const Template::Part& part : form.parts()) {
    result.push_back(part.slot < 0 ? text_of(part.ids)
                                   : "<" + form.slots()[static_cast<size_t>(part.slot)].name + ">");
  }
  return result;
}

std::string message(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::config);
    return error.what();
  }
  return "no error";
}

TEST(Template, HardSegmentsAreTokenisedApartWithoutTheSpaceBeforeASlot) {
  const Template form("<user> has interacted with <items>, <user> will", slots(), bytes);
  EXPECT_THAT(segments(form),
              ElementsAre("<user>", " has interacted with", "<items>", ",", "<user>", " will"));
  EXPECT_EQ(form.fixed_length(), 1 + 20 + 1 + 1 + 5);
  EXPECT_EQ(form.room(30), 2);
  EXPECT_EQ(form.room(20), 0);
}

TEST(Template, PrefixSpaceFollowsTheOption) {
  const auto with = [](PrefixSpace prefix) {
    return segments(Template("To <user>: of <item>.", slots(), bytes, {.prefix_space = prefix}));
  };
  EXPECT_THAT(with(PrefixSpace::none), ElementsAre("To", "<user>", ": of", "<item>", "."));
  EXPECT_THAT(with(PrefixSpace::first), ElementsAre(" To", "<user>", ": of", "<item>", "."));
  EXPECT_THAT(with(PrefixSpace::each), ElementsAre(" To", "<user>", " : of", "<item>", " ."));
  EXPECT_THAT(segments(Template("To <user>.", slots(), bytes, {.keep_trailing_space = true})),
              ElementsAre("To ", "<user>", "."));
}

TEST(Template, SpaceBeforeAWordsSlotGoesToItsText) {
  EXPECT_TRUE(Template("<item>: <text>", slots(), bytes).words_take_space());
  EXPECT_FALSE(Template("<item>:<text>", slots(), bytes).words_take_space());
}

TEST(Template, AngleBracketsThatAreNoMarkersAreText) {
  EXPECT_THAT(segments(Template("a < b <3 <> <user>", slots(), bytes)),
              ElementsAre("a < b <3 <>", "<user>"));
}

TEST(Template, MistakesAreSentences) {
  EXPECT_THAT(message([] { Template("<usr> has", slots(), bytes); }),
              AllOf(HasSubstr("'<usr>'"), HasSubstr("did you mean '<user>'")));
  EXPECT_THAT(message([] { Template("<items> and <text>", slots(), bytes); }),
              HasSubstr("a second slot of any length"));
  EXPECT_THAT(message([] { Template("", slots(), bytes); }), HasSubstr("empty prompt"));
}

TEST(PackedPrompts, CutHistoriesKeepTheMostRecentItemsAndTheClosingWords) {
  const Template form("<user> with <items> will:", slots(), bytes);
  const std::vector<int32_t> user{4}, items{10, 11, 12, 13, 14};
  PackedPrompts prompts;
  const Placed cut = prompts.add(form, std::vector<Filling>{user, items}, form.fixed_length() + 2);
  EXPECT_EQ(cut.slots[1].cut, 3);
  EXPECT_THAT(prompts.ids(),
              ElementsAre(4, ' ', 'w', 'i', 't', 'h', 13, 14, ' ', 'w', 'i', 'l', 'l', ':'));
  EXPECT_FALSE(prompts.add(form, std::vector<Filling>{user, items}, 100).is_cut());
  EXPECT_THAT(prompts.offsets(), ElementsAre(0, 14, 14 + 17));
}

TEST(PackedPrompts, CutTextsKeepTheirFirstWords) {
  const Template form("<item>:<text>", slots(), bytes);
  const std::vector<int32_t> item{2}, words{7, 8, 9};
  PackedPrompts prompts;
  const Placed cut = prompts.add(form, std::vector<Filling>{item, words}, 4);
  EXPECT_EQ(cut.slots[1].cut, 1);
  EXPECT_THAT(prompts.ids(), ElementsAre(2, ':', 7, 8));
  EXPECT_THAT(prompts.kinds(), ElementsAre(1, -1, -1, -1));
}

TEST(PackedPrompts, APromptThatNeverFitsIsAConfigurationError) {
  const Template form("<user> has interacted with <items>", slots(), bytes);
  const std::vector<int32_t> user{4};
  PackedPrompts prompts;
  EXPECT_THAT(message([&] { prompts.add(form, std::vector<Filling>{user, {}}, 5); }),
              HasSubstr("the context of the backbone"));
}

TEST(PackedPrompts, NoTextProducesASlot) {
  // "user_3", "<item_3>" and the markers themselves inside a text are ordinary words.
  const Template form("<user>:<text>", slots(), bytes);
  const std::vector<int32_t> user{3}, words = bytes("user_3 <item_3> <user> <items>");
  PackedPrompts prompts;
  prompts.add(form, std::vector<Filling>{user, words}, 1000);
  for (size_t t = 1; t < prompts.kinds().size(); ++t) {
    EXPECT_EQ(prompts.kinds()[t], PackedPrompts::word);
  }
  const ExtendedVocabulary vocabulary{256, 5, 7};
  const auto ids = vocabulary.ids(prompts);
  EXPECT_EQ(ids[0], 256 + 3);
  for (size_t t = 1; t < ids.size(); ++t) EXPECT_LT(ids[t], 256);
}

TEST(PromptBatch, CollatedBlocksGoBackToTheirPlaces) {
  const Template form("<user> ab <items> c", slots(), bytes);
  PackedPrompts prompts;
  const std::vector<int32_t> first{3}, second{1}, some{5, 2}, none;
  prompts.add(form, std::vector<Filling>{first, some}, 100);
  prompts.add(form, std::vector<Filling>{second, none}, 100);
  const auto read = last_positions(prompts);
  const PromptBatch batch = collate(prompts, 2, read);
  const torch::Tensor values =
      torch::cat({batch.words, batch.slots[0] + 1000, batch.slots[1] + 2000})
          .index_select(0, batch.order);
  std::vector<int64_t> got(values.data_ptr<int64_t>(), values.data_ptr<int64_t>() + values.numel());
  EXPECT_THAT(
      got, ElementsAre(1003, ' ', 'a', 'b', 2005, 2002, ' ', 'c', 1001, ' ', 'a', 'b', ' ', 'c'));
  EXPECT_THAT(read, ElementsAre(7, 13));
}

}  // namespace
}  // namespace kindred::prompt
