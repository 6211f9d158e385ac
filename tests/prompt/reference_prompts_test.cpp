// CoLLM's and A-LLMRec's prompts built from templates on 1,000 real rows each, against the ids of
// the reference tokenizers. Fixture: tests/reference/prompt_ids.py. Rows and tokenizers are not
// part of the project: ../shared, else skipped.

#include <gtest/gtest.h>

#include "core/error.h"
#include "prompt/packed_prompts.h"
#include "prompt/real_prompts.h"

namespace kindred::prompt {
namespace {

using text::Fixture;

Fixture expected() {
  return Fixture::parse(
      read_file(fs::path(KINDRED_SOURCE_DIR) / "tests/fixtures/prompt/prompt_ids.json"));
}

// Vectors as -1 - kind, words as their ids.
std::string row_of(const PackedPrompts& prompts, size_t s) {
  std::string row;
  for (auto t = static_cast<size_t>(prompts.offsets()[s]);
       t < static_cast<size_t>(prompts.offsets()[s + 1]); ++t) {
    const int kind = prompts.kinds()[t];
    const int32_t id = kind == PackedPrompts::word ? prompts.ids()[t] : -1 - kind;
    row += (row.empty() ? "" : " ") + std::to_string(id);
  }
  return row;
}

void expect_digests(const PackedPrompts& prompts, const Fixture& want, const std::string& name) {
  const std::string digests = want["digests"];
  ASSERT_EQ(digests.size(), 8 * static_cast<size_t>(prompts.sequences()));
  EXPECT_EQ(prompts.tokens(), want["tokens"].get<int64_t>()) << name;
  int wrong = 0;
  for (size_t s = 0; s < static_cast<size_t>(prompts.sequences()); ++s) {
    if (text::short_digest(row_of(prompts, s), 8) != digests.substr(8 * s, 8) && wrong++ < 3) {
      ADD_FAILURE() << name << ", row " << s << ": " << row_of(prompts, s);
    }
  }
  EXPECT_EQ(wrong, 0) << name;
}

constexpr int32_t kLlamaBos = 1, kOptBos = 2;

const std::string kQuestion =
    "#Question: A user has given high ratings to the following movies: <history>. ";
const std::string kAnswer = "? Answer with \"Yes\" or \"No\". \\n#Answer:";
const std::map<std::string, std::string> kCollm = {
    {"full",
     kQuestion +
         "Additionally, we have information about the user's preferences encoded in the feature "
         "<user>. Using all available information, make a prediction about whether the user would "
         "enjoy the movie titled <title> with the feature <item>" +
         kAnswer},
    {"text-only", kQuestion +
                      "Leverage the information to predict whether the user would enjoy the movie "
                      "titled <title>" +
                      kAnswer},
    {"step-1", kQuestion +
                   "Using all available information, make a prediction about whether the user "
                   "would enjoy the movie titled <title>" +
                   kAnswer}};

// CoLLM's prompt reads its slots as special tokens: spaces before them stay.
Template collm_form(const std::string& prompt, const Encode& encode, bool bos_is_text) {
  const std::vector<Slot> slots = {{.name = "bos", .shape = SlotShape::special, .id = kLlamaBos},
                                   {.name = "history",
                                    .shape = SlotShape::list,
                                    .entry = "\"<history_title>\"",
                                    .separator = ", ",
                                    .empty = "unkow"},
                                   {.name = "history_title", .shape = SlotShape::text},
                                   {.name = "user", .shape = SlotShape::one, .kind = 0},
                                   {.name = "title", .shape = SlotShape::text},
                                   {.name = "item", .shape = SlotShape::one, .kind = 1}};
  TemplateOptions options;
  options.keep_trailing_space = true;
  options.gives_way = std::vector<std::string>{"history"};
  return Template((bos_is_text ? "\\<s>" : "<bos>") + kCollm.at(prompt), slots, encode, options);
}

class CollmPrompts : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Tokenizers, CollmPrompts, testing::Values("llama", "qwen"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(CollmPrompts, HaveTheReferencesIds) {
  const std::string name = GetParam();
  const auto tokenizer = real_tokenizer(name);
  const fs::path data = shared_folder() / "data/ml-1m-collm";
  if (tokenizer == nullptr || !fs::exists(data))
    GTEST_SKIP() << data << " or a tokenizer is not here";
  const RealRows real = collm_rows(1000);
  const Encode encode = encoder(tokenizer);
  for (const auto& [prompt, text] : kCollm) {
    // Qwen's vocabulary has no token <s> that is special: the authors' is text there.
    const Template form = collm_form(prompt, encode, name == "qwen");
    PackedPrompts prompts;
    for (const RealRow& row : real.rows) {
      const int32_t user = 3;
      const Placed placed = prompts.add(form,
                                        form.fillings({{"history_title", row.history},
                                                       {"user", {&user, 1}},
                                                       {"title", row.candidates[0]},
                                                       {"item", row.candidate_rows}}),
                                        1024);
      EXPECT_FALSE(placed.is_cut());
      EXPECT_EQ(placed.end, prompts.tokens());
    }
    expect_digests(prompts, expected()["prompts"][name + "/" + prompt], name + "/" + prompt);
  }
}

TEST(CollmPrompts, OfLlamaHaveTheIdsThatAreKnown) {
  const auto tokenizer = real_tokenizer("llama");
  if (tokenizer == nullptr) GTEST_SKIP() << "../shared/tokenizers/llama is not here";
  const Template form = collm_form("full", encoder(tokenizer), false);
  const std::vector<int32_t> user{5}, item{9};
  PackedPrompts prompts;
  const Placed placed = prompts.add(
      form,
      form.fillings(
          {{"history_title", Filling()}, {"user", user}, {"title", "Heat (1995)"}, {"item", item}}),
      1024);
  const auto& ids = prompts.ids();
  EXPECT_EQ(ids[0], kLlamaBos);
  EXPECT_EQ(ids[1], 396) << "# after <s>";
  const auto at_user =
      static_cast<size_t>(placed.slots[static_cast<size_t>(form.slot("user"))].begin);
  const auto at_item =
      static_cast<size_t>(placed.slots[static_cast<size_t>(form.slot("item"))].begin);
  EXPECT_EQ(prompts.kinds()[at_user], 0);
  EXPECT_EQ(prompts.kinds()[at_item], 1);
  EXPECT_EQ(ids[at_user], 5);
  EXPECT_EQ(ids[at_item], 9);
  EXPECT_EQ(ids[at_user - 1], 29871) << "the space before a slot";
  EXPECT_EQ(ids[at_item - 1], 29871);
  EXPECT_EQ(ids[at_user + 1], 869) << ". after a slot";
  EXPECT_EQ(encoder(tokenizer)("Yes"), std::vector<int32_t>{3869});
  EXPECT_EQ(encoder(tokenizer)("No"), std::vector<int32_t>{1939});
}

const std::string kFigure3 =
    "<user><bos> is a user representation. This user has bought <history> in the past. Recommend "
    "an "
    "item for this user to buy next from the following set of item titles, <candidates>. The "
    "recommendation is";
const std::string kReleased =
    "<user><bos> is a user representation.This user has bought <history> in the previous. "
    "Recommend "
    "one next item for this user to buy next from the following item title set, <candidates>. The "
    "recommendation is ";

// The user's vector stands before the beginning of the text.
Template a_llmrec_form(const std::string& prompt, const Encode& encode, bool stripped = false) {
  const std::vector<Slot> slots = {
      {.name = "user", .shape = SlotShape::one, .kind = 0},
      {.name = "bos", .shape = SlotShape::special, .id = kOptBos},
      {.name = "history",
       .shape = SlotShape::list,
       .entry = "\"<history_title>\"<history_vector>",
       .separator = ","},
      {.name = "candidates",
       .shape = SlotShape::list,
       .entry = "\"<candidate_title>\"<candidate_vector>",
       .separator = ","},
      {.name = "history_title", .shape = SlotShape::text},
      {.name = "history_vector", .shape = SlotShape::one, .kind = 1},
      {.name = "candidate_title", .shape = SlotShape::text},
      {.name = "candidate_vector", .shape = SlotShape::one, .kind = 1}};
  TemplateOptions options;
  options.keep_trailing_space = !stripped;
  options.drop_leading_space = stripped;
  options.gives_way = std::vector<std::string>{"history"};
  return Template(prompt, slots, encode, options);
}

Placed add(const RealRow& row, const Template& form, int64_t limit, PackedPrompts& prompts) {
  const int32_t user = 0;
  return prompts.add(form,
                     form.fillings({{"user", {&user, 1}},
                                    {"history_title", row.history},
                                    {"history_vector", row.history_rows},
                                    {"candidate_title", row.candidates},
                                    {"candidate_vector", row.candidate_rows}}),
                     limit);
}

TEST(ALlmRecPrompts, HaveTheReferencesIds) {
  const auto tokenizer = real_tokenizer("opt");
  const fs::path data = shared_folder() / "data/amazon-beauty";
  if (tokenizer == nullptr || !fs::exists(data))
    GTEST_SKIP() << data << " or a tokenizer is not here";
  const RealRows real = beauty_rows(1000);
  const Encode encode = encoder(tokenizer);
  const std::map<std::string, Template> forms = {
      {"opt/figure-3", a_llmrec_form(kFigure3, encode)},
      {"opt/released", a_llmrec_form(kReleased, encode)},
      {"opt/released-stripped", a_llmrec_form(kReleased, encode, true)}};
  for (const auto& [name, form] : forms) {
    PackedPrompts prompts;
    for (const RealRow& row : real.rows) EXPECT_FALSE(add(row, form, 4096, prompts).is_cut());
    expect_digests(prompts, expected()["prompts"][name], name);
  }
}

// A shorter context costs the oldest entries of the history, whole, and nothing else.
TEST(ALlmRecPrompts, LoseTheOldestOfTheHistoryOnly) {
  const auto tokenizer = real_tokenizer("opt");
  const fs::path data = shared_folder() / "data/amazon-beauty";
  if (tokenizer == nullptr || !fs::exists(data))
    GTEST_SKIP() << data << " or a tokenizer is not here";
  const RealRows real = beauty_rows(50);
  const Template form = a_llmrec_form(kFigure3, encoder(tokenizer));
  int cut_rows = 0;
  for (const RealRow& row : real.rows) {
    PackedPrompts whole, cut, wanted;
    const int64_t length = add(row, form, 4096, whole).end;
    const Placed placed = add(row, form, length - 5, cut);
    const auto list = static_cast<size_t>(form.slot("history"));
    const auto gone = placed.slots[list].cut;
    ASSERT_GT(gone, 0);
    RealRow rest = row;
    rest.history.erase(rest.history.begin(), rest.history.begin() + gone);
    rest.history_rows.erase(rest.history_rows.begin(), rest.history_rows.begin() + gone);
    add(rest, form, 4096, wanted);
    EXPECT_EQ(cut.ids(), wanted.ids());
    EXPECT_EQ(cut.kinds(), wanted.kinds());
    cut_rows += gone > 1;
  }
  EXPECT_LT(cut_rows, 10) << "no more goes than must";
}

}  // namespace
}  // namespace kindred::prompt
