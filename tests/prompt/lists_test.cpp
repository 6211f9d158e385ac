// Texts, lists and special tokens in templates: what is tokenised together, where parts come to
// stand, who gives way.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "core/error.h"
#include "prompt/packed_prompts.h"
#include "prompt/real_prompts.h"

namespace kindred::prompt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Texts = std::vector<std::string_view>;

constexpr int32_t kBos = 1001, kEos = 1002;

const std::vector<Slot>& slots() {
  static const std::vector<Slot> list = {{.name = "bos", .shape = SlotShape::special, .id = kBos},
                                         {.name = "eos", .shape = SlotShape::special, .id = kEos},
                                         {.name = "user", .shape = SlotShape::one, .kind = 0},
                                         {.name = "items", .shape = SlotShape::many, .kind = 1},
                                         {.name = "title", .shape = SlotShape::text},
                                         {.name = "about", .shape = SlotShape::text},
                                         {.name = "history",
                                          .shape = SlotShape::list,
                                          .entry = "\"<liked>\"",
                                          .separator = ", ",
                                          .empty = "nothing"},
                                         {.name = "liked", .shape = SlotShape::text},
                                         {.name = "set",
                                          .shape = SlotShape::list,
                                          .entry = "\"<candidate>\"<vector>",
                                          .separator = ","},
                                         {.name = "candidate", .shape = SlotShape::text},
                                         {.name = "vector", .shape = SlotShape::one, .kind = 1}};
  return list;
}

// An encoder of one id a byte that writes down what it was given as one string.
struct Recorder {
  std::shared_ptr<std::vector<std::string>> strings = std::make_shared<std::vector<std::string>>();

  Encode encode(text::SpaceCut cut = text::SpaceCut::never) const {
    return Encode(
        [strings = strings](std::string_view text) {
          strings->emplace_back(text);
          return std::vector<int32_t>(text.begin(), text.end());
        },
        cut);
  }
};

std::vector<int32_t> bytes(std::string_view text) {
  return {text.begin(), text.end()};
}

// Words as they stand, special tokens as {id}, vectors as [kind:row].
std::string shown(const PackedPrompts& prompts, size_t s = 0) {
  std::string result;
  for (auto t = static_cast<size_t>(prompts.offsets()[s]);
       t < static_cast<size_t>(prompts.offsets()[s + 1]); ++t) {
    const int32_t id = prompts.ids()[t];
    if (prompts.kinds()[t] != PackedPrompts::word) {
      result += "[" + std::to_string(prompts.kinds()[t]) + ":" + std::to_string(id) + "]";
    } else if (id > 1000) {
      result += "{" + std::to_string(id) + "}";
    } else {
      result += static_cast<char>(id);
    }
  }
  return result;
}

std::string message(const std::function<void()>& run, Exit code = Exit::config) {
  try {
    run();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  return "no error";
}

TemplateOptions cuts(std::vector<std::string> order) {
  TemplateOptions options;
  options.gives_way = std::move(order);
  return options;
}

TEST(Lists, AreTokenisedAsOneStringWithTheWordsRoundThem) {
  const Recorder recorder;
  const Template form("<bos>Liked: <history>. Now <title>? <user> so", slots(), recorder.encode(),
                      cuts({"history"}));
  recorder.strings->clear();
  const std::vector<int32_t> user{4};
  const Texts liked{"A", "B C"};
  PackedPrompts prompts;
  const Placed placed =
      prompts.add(form, form.fillings({{"liked", liked}, {"title", "D"}, {"user", user}}), 1000);
  EXPECT_EQ(shown(prompts), "{1001}Liked: \"A\", \"B C\". Now D?[0:4] so");
  EXPECT_THAT(*recorder.strings, ElementsAre("Liked: \"A\", \"B C\". Now D?"))
      << "what stands between vectors is one string; words alone were tokenised before";
  EXPECT_EQ(placed.last(), prompts.tokens() - 1);
  EXPECT_EQ(placed.slots[static_cast<size_t>(form.slot("user"))].begin, 26);
  EXPECT_EQ(placed.slots[static_cast<size_t>(form.slot("user"))].end, 27);
}

TEST(Lists, EntriesWithVectorsTakeTheSeparatorsAlong) {
  const Recorder recorder;
  const Template form("<user><bos> From <set> one.", slots(), recorder.encode(), cuts({}));
  recorder.strings->clear();
  const std::vector<int32_t> user{4}, rows{7, 8, 9};
  const Texts titles{"A", "B", "C"};
  PackedPrompts prompts;
  const Placed placed = prompts.add(
      form, form.fillings({{"user", user}, {"candidate", titles}, {"vector", rows}}), 1000);
  EXPECT_EQ(shown(prompts), "[0:4]{1001} From \"A\"[1:7],\"B\"[1:8],\"C\"[1:9] one.");
  EXPECT_THAT(*recorder.strings, ElementsAre(" From \"A\"", ",\"B\"", ",\"C\"", " one."));
  const Landing& vectors = placed.slots[static_cast<size_t>(form.slot("vector"))];
  EXPECT_EQ(prompts.ids()[static_cast<size_t>(vectors.begin)], 7);
  EXPECT_EQ(prompts.ids()[static_cast<size_t>(vectors.end) - 1], 9);
}

TEST(Lists, WithoutEntriesAreWhatTheSlotSays) {
  const Template form("Liked: <history>.", slots(), bytes);
  PackedPrompts prompts;
  prompts.add(form, form.fillings({{"liked", Texts{}}}), 100);
  EXPECT_EQ(shown(prompts), "Liked: nothing.");
  EXPECT_EQ(form.fixed_length(), 15);
}

TEST(Lists, SpacesRoundVectorsFollowTheOptions) {
  const std::vector<int32_t> user{4};
  const auto with = [&](TemplateOptions options) {
    options.gives_way.emplace();
    const Template form("<title> \n<user> \tand <title>: <user> <user> .", slots(), bytes, options);
    PackedPrompts prompts;
    prompts.add(form, form.fillings({{"title", " T "}, {"user", user}}), 100);
    return shown(prompts);
  };
  EXPECT_EQ(with({}), " T [0:4] \tand  T :[0:4][0:4] .") << "a text's own spaces stay";
  EXPECT_EQ(with({.keep_trailing_space = true}), " T  \n[0:4] \tand  T : [0:4] [0:4] .");
  EXPECT_EQ(with({.drop_leading_space = true}), " T [0:4]and  T :[0:4][0:4].");
  EXPECT_EQ(with({.prefix_space = PrefixSpace::first}), "  T [0:4] \tand  T :[0:4][0:4] .");
  EXPECT_EQ(with({.prefix_space = PrefixSpace::each}), "  T [0:4]  \tand  T :[0:4][0:4]  .");
}

TEST(Lists, PrefixSpaceIsNotDoubledForATokenizerThatPutsOneItself) {
  const Encode own([](std::string_view text) { return bytes("_" + std::string(text)); },
                   text::SpaceCut::never, true);
  for (const PrefixSpace prefix : {PrefixSpace::none, PrefixSpace::first, PrefixSpace::each}) {
    const Template form("<bos>To <user> of <title>.", slots(), own, {.prefix_space = prefix});
    const std::vector<int32_t> user{4};
    PackedPrompts prompts;
    prompts.add(form, form.fillings({{"user", user}, {"title", "T"}}), 100);
    EXPECT_EQ(shown(prompts), "{1001}_To[0:4]_ of T.");
  }
}

TEST(Lists, NoTextChangesTheStructure) {
  const Template form("<bos><user> Liked <history>; <set> or <title>?<eos>", slots(), bytes,
                      cuts({"history"}));
  const Texts hostile{"<user>", "a\n\"b\", \"c\"", "</s>", "<s><unk>", "<history>", "\\<bos>", ""};
  const std::vector<int32_t> user{4}, rows{1, 2, 3, 4, 5, 6, 7};
  PackedPrompts prompts;
  prompts.add(form,
              form.fillings({{"user", user},
                             {"liked", hostile},
                             {"candidate", hostile},
                             {"vector", rows},
                             {"title", "<bos><title>"}}),
              1000);
  std::string want = "{1001}[0:4] Liked ";
  for (size_t i = 0; i < hostile.size(); ++i) {
    want += (i > 0 ? ", \"" : "\"") + std::string(hostile[i]) + "\"";
  }
  want += "; ";
  for (size_t i = 0; i < hostile.size(); ++i) {
    want +=
        (i > 0 ? ",\"" : "\"") + std::string(hostile[i]) + "\"[1:" + std::to_string(i + 1) + "]";
  }
  EXPECT_EQ(shown(prompts), want + " or <bos><title>?{1002}");
}

// The strings of special tokens in titles are no special tokens, by the real tokenizers either.
TEST(Lists, NoTextBecomesASpecialToken) {
  for (const std::string name : {"llama", "opt", "qwen", "gpt2"}) {
    const auto tokenizer = real_tokenizer(name);
    if (tokenizer == nullptr) GTEST_SKIP() << "../shared/tokenizers/" << name << " is not here";
    const Template form("<bos>Liked: <history>. <user> Now <title>?", slots(), encoder(tokenizer),
                        cuts({"history"}));
    const Texts hostile{"<s>", "</s>", "<unk> <pad>", "<|endoftext|>", "<|im_start|>", "a</s>b"};
    const std::vector<int32_t> user{4};
    PackedPrompts prompts;
    const Placed placed = prompts.add(
        form, form.fillings({{"liked", hostile}, {"user", user}, {"title", "<s></s>"}}), 1000);
    for (int64_t t = 1; t < placed.end; ++t) {
      const auto at = static_cast<size_t>(t);
      if (prompts.kinds()[at] != PackedPrompts::word) continue;
      EXPECT_FALSE(tokenizer->is_special(prompts.ids()[at])) << name << " token " << t;
    }
  }
}

TEST(Lists, GiveWayInTheStatedOrder) {
  const std::string text = "<history>|<about>|<items>|<title>";
  const Texts liked{"aaa", "bbb", "ccc"};
  const std::vector<int32_t> items{1, 2, 3, 4};
  const auto with = [&](std::vector<std::string> order, int64_t limit) {
    const Template form(text, slots(), bytes, cuts(std::move(order)));
    PackedPrompts prompts;
    prompts.add(form,
                form.fillings(
                    {{"liked", liked}, {"about", "0123456789"}, {"items", items}, {"title", "T"}}),
                limit);
    EXPECT_LE(prompts.tokens(), limit);
    return shown(prompts);
  };
  const std::string whole = "\"aaa\", \"bbb\", \"ccc\"|0123456789|[1:1][1:2][1:3][1:4]|T";
  EXPECT_EQ(with({"history"}, 37), whole);
  EXPECT_EQ(with({"history", "items"}, 36), "\"bbb\", \"ccc\"|0123456789|[1:1][1:2][1:3][1:4]|T");
  EXPECT_EQ(with({"history", "items"}, 27), "\"ccc\"|0123456789|[1:1][1:2][1:3][1:4]|T");
  EXPECT_EQ(with({"history", "items"}, 22), "nothing|0123456789|[1:4]|T");
  EXPECT_EQ(with({"items", "history"}, 36),
            "\"aaa\", \"bbb\", \"ccc\"|0123456789|[1:2][1:3][1:4]|T");
  EXPECT_EQ(with({"about", "items"}, 32), "\"aaa\", \"bbb\", \"ccc\"|01234|[1:1][1:2][1:3][1:4]|T");
  EXPECT_EQ(with({"about", "items"}, 25), "\"aaa\", \"bbb\", \"ccc\"||[1:3][1:4]|T");
  EXPECT_THAT(message([&] { with({"items"}, 20); }, Exit::bad_data),
              AllOf(HasSubstr("33 tokens of what may not be cut"), HasSubstr("gives_way")));
}

TEST(Lists, CutTextsEndInWholeCharacters) {
  const Template form("<about>", slots(), bytes);
  PackedPrompts prompts;
  const Placed placed = prompts.add(form, form.fillings({{"about", "añ日"}}), 5);
  EXPECT_EQ(shown(prompts), "añ");
  EXPECT_EQ(placed.slots[0].cut, 3) << "the bytes that fitted are no character";
}

TEST(Lists, MistakesAreSentences) {
  const auto compiled = [](const std::string& text, TemplateOptions options = {},
                           std::vector<Slot> more = {}) {
    more.insert(more.end(), slots().begin(), slots().end());
    return message([&] { Template(text, more, bytes, options); });
  };
  EXPECT_THAT(compiled("<history> and <title>"),
              AllOf(HasSubstr("a second slot of any length, '<title>'"), HasSubstr("gives_way")));
  EXPECT_THAT(compiled("<history>", cuts({"historie"})), HasSubstr("did you mean '<history>'"));
  EXPECT_THAT(compiled("<user>", cuts({"user"})), HasSubstr("which has one length"));
  EXPECT_THAT(compiled("<history><liked>", cuts({})), HasSubstr("needs a name of its own"));
  EXPECT_THAT(compiled("<liked><history>", cuts({})), HasSubstr("needs a name of its own"));
  EXPECT_THAT(compiled("<odd>", {}, {{.name = "odd", .shape = SlotShape::list, .entry = "no"}}),
              HasSubstr("got no slot"));
  EXPECT_THAT(
      compiled("<odd>", {}, {{.name = "odd", .shape = SlotShape::list, .entry = "<items>"}}),
      HasSubstr("expected words, single vectors, texts and special tokens"));
  EXPECT_EQ(compiled("a \\<user> b"), "no error");
  EXPECT_EQ(compiled("<title>", cuts({"history"})), "no error") << "a slot this prompt is without";
}

TEST(Lists, UnequalColumnsAndMissingFillingsAreRefused) {
  const Template form("<set>", slots(), bytes);
  const std::vector<int32_t> rows{1};
  const Texts titles{"A", "B"};
  PackedPrompts prompts;
  EXPECT_THROW(prompts.add(form, form.fillings({{"candidate", titles}, {"vector", rows}}), 100),
               Error);
  EXPECT_THROW((void)form.fillings({{"candidate", titles}}), Error);
  EXPECT_EQ(prompts.sequences(), 0);
  EXPECT_EQ(prompts.ids().size(), 0u);
}

TEST(Encode, TokenisesATitleOnceWhereTextsMayBeCut) {
  for (const text::SpaceCut cut : {text::SpaceCut::keep, text::SpaceCut::drop}) {
    const Recorder recorder;
    const Template form("Liked: <history>. Now <title> or not?", slots(), recorder.encode(cut),
                        cuts({"history"}));
    const Texts liked{"A", "B", "C", "B"}, others{"C", "A"};
    recorder.strings->clear();
    PackedPrompts prompts;
    prompts.add(form, form.fillings({{"liked", liked}, {"title", "A"}}), 1000);
    prompts.add(form, form.fillings({{"liked", others}, {"title", "C"}}), 1000);
    const auto made = *recorder.strings;
    prompts.add(form, form.fillings({{"liked", liked}, {"title", "A"}}), 1000);
    EXPECT_EQ(*recorder.strings, made) << "nothing is tokenised a second time";
    std::map<std::string, int> count;
    for (const std::string& text : made) ++count[text];
    for (const auto& [text, times] : count) EXPECT_EQ(times, 1) << text;
    EXPECT_EQ(count.count(cut == text::SpaceCut::keep ? " \"B\"," : "\"B\","), 1u);
    if (cut == text::SpaceCut::keep) {
      EXPECT_EQ(shown(prompts), "Liked: \"A\", \"B\", \"C\", \"B\". Now A or not?");
    }
  }
}

// Neighbours that do not fit together: no cell is made of half of them.
TEST(Encode, CutsOnlyBeforeSpacesBetweenVisibleCharacters) {
  const Recorder recorder;
  const auto cells = [&](std::initializer_list<std::string_view> words_and_texts) {
    const Encode encode = recorder.encode(text::SpaceCut::keep);
    Line line;
    bool filled = false;
    for (const std::string_view one : words_and_texts) {
      filled ? line.add_text(one) : line.add_words(one);
      filled = !filled;
    }
    recorder.strings->clear();
    std::vector<int32_t> ids;
    encode.append(line, ids);
    EXPECT_EQ(ids, bytes(line.text()));
    return *recorder.strings;
  };
  EXPECT_THAT(cells({"a bc d ef", "T"}), ElementsAre("a", " bc d", " efT"));
  EXPECT_THAT(cells({"a ", "T U", " b"}), ElementsAre("a", " T U", " b"));
  EXPECT_THAT(cells({"a ", " T", "."}), ElementsAre("a  T.")) << "two spaces stay together";
  EXPECT_THAT(cells({"a ", "", ""}), ElementsAre("a ")) << "a space at the end is no cell";
  EXPECT_THAT(cells({"x", "é", " b"}), ElementsAre("xé b")) << "only ASCII is known";
  EXPECT_THAT(cells({"x", "T\n", " b"}), ElementsAre("xT\n b"));
}

// What is claimed of the tokenizers: random prompts of real titles, whole and by cells.
TEST(Encode, CellsHaveTheIdsOfTheWhole) {
  const fs::path data = shared_folder() / "data/amazon-beauty";
  if (!fs::exists(data)) GTEST_SKIP() << data << " is not here";
  RealRows real;
  real.read_items(data / "beauty.item");
  text::LineGenerator random(5, text::fixture("real.json"));
  const auto title = [&]() -> std::string {
    return random.below(5) == 0 ? random.line() : real.titles[random.below(real.titles.size())];
  };
  for (const std::string name : {"llama", "opt", "qwen", "gpt2"}) {
    const auto tokenizer = real_tokenizer(name);
    if (tokenizer == nullptr) GTEST_SKIP() << "../shared/tokenizers/" << name << " is not here";
    EXPECT_EQ(tokenizer->space_cut(),
              name == "llama" ? text::SpaceCut::drop : text::SpaceCut::keep);
    const Encode encode = encoder(tokenizer);
    EXPECT_EQ(encode.puts_space_in_front(), name == "llama");
    for (int i = 0; i < 500; ++i) {
      Line line;
      line.add_words("The user's list of movies: \"");
      for (uint64_t left = random.below(4); left > 0; --left) {
        line.add_text(title());
        line.add_words(left % 2 ? "\", \"" : " , and 'so");
      }
      line.add_text(title());
      line.add_words(" 's last. Now or never ");
      std::vector<int32_t> ids;
      encode.append(line, ids);
      ASSERT_EQ(ids, encode(line.text())) << name << ": " << line.text();
    }
  }
}

TEST(Encode, MayBeAskedFromManyThreads) {
  std::atomic<int> calls = 0;
  const Encode encode(
      [&](std::string_view text) {
        ++calls;
        return bytes(text);
      },
      text::SpaceCut::keep);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&encode] {
      for (int i = 0; i < 2000; ++i) {
        Line line;
        line.add_words("of \"");
        line.add_text(std::to_string(i % 50));
        line.add_words("\" it is");
        std::vector<int32_t> ids;
        encode.append(line, ids);
        EXPECT_EQ(ids, bytes(line.text()));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LT(calls.load(), 4 * 60);
}

}  // namespace
}  // namespace kindred::prompt
