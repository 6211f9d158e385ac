// Awkward texts through a small tokenizer and its variants.
// Fixture: tests/reference/text_tokenizer.py (write_small).

#include <gtest/gtest.h>

#include <sstream>
#include <thread>

#include "core/utf8.h"
#include "text/tokenizer_fixture.h"

namespace kindred::text {
namespace {

TEST(TokenizerCases, IdsAndTextsEqualTheReference) {
  const auto from_json = Tokenizer::load(fixture_path("small"));
  TestFolder folder;
  for (const char* file : {"vocab.json", "merges.txt"}) {
    fs::copy(fixture_path("small") / file, folder.path() / file);
  }
  const auto from_files = Tokenizer::load(folder.path());
  const Fixture cases = fixture("cases.json")["cases"];
  ASSERT_GT(cases.size(), 200u);
  for (const Fixture& one : cases) {
    const std::string text = one["text"];
    const std::vector<int32_t> ids = one["ids"];
    EXPECT_EQ(from_json->encode(text), ids) << one["text"];
    EXPECT_EQ(from_files->encode(text), ids) << one["text"];
    EXPECT_EQ(from_json->decode(ids), one["decoded"].get<std::string>());
    EXPECT_EQ(from_json->decode(ids), text);
  }
}

TEST(TokenizerCases, EveryVariantEqualsTheReference) {
  const Fixture data = fixture("cases.json");
  const Fixture small = Fixture::parse(read_file(fixture_path("small") / "tokenizer.json"));
  ASSERT_GT(data["variants"].size(), 20u);
  for (const auto& [name, variant] : data["variants"].items()) {
    const auto tokenizer = Tokenizer::from_json(patched(small, variant["changes"]).dump(), name);
    std::istringstream digests(variant["rows"].get<std::string>());
    for (const Fixture& one : data["cases"]) {
      std::string expected;
      digests >> expected;
      const std::string text = one["text"];
      EXPECT_EQ(short_digest(rows_of(*tokenizer, text), 8), expected)
          << name << ": " << one["text"] << " gives " << id_row(tokenizer->encode(text));
    }
  }
}

TEST(TokenizerCases, PartsCutBeforeASpaceHaveTheIdsOfTheWhole) {
  const Fixture data = fixture("cases.json");
  const Fixture small = Fixture::parse(read_file(fixture_path("small") / "tokenizer.json"));
  std::vector<std::string> cases;
  for (const Fixture& one : data["cases"]) cases.push_back(one["text"]);
  const auto cut_of = [&](const std::string& name) {
    const auto tokenizer =
        Tokenizer::from_json(patched(small, data["variants"][name]["changes"]).dump(), name);
    expect_parts_of_whole(*tokenizer, cases, name);
    return tokenizer->space_cut();
  };
  for (const auto& [name, variant] : data["variants"].items()) cut_of(name);
  for (const std::string name : {"plain", "prefix space", "Qwen", "Llama 3", "runs of digits"}) {
    EXPECT_EQ(cut_of(name), SpaceCut::keep) << name;
  }
  for (const std::string name : {"whole text", "replaced, stripped, prepended"}) {
    EXPECT_EQ(cut_of(name), SpaceCut::never) << name;
  }
}

TEST(TokenizerCases, AWordOfAMegabyteHasTheIdsOfItsParts) {
  // Without spaces, digits or signs the whole text is one word; "x" joins with nothing in this
  // vocabulary across the seam that is checked below.
  const auto tokenizer = Tokenizer::load(fixture_path("small"));
  const size_t count = size_t{1} << 20;
  const std::vector<int32_t> one = tokenizer->encode("guitarx");
  std::string word;
  while (word.size() < count) word += "guitarx";
  std::vector<int32_t> expected;
  for (size_t i = 0; i < word.size() / 7; ++i)
    expected.insert(expected.end(), one.begin(), one.end());
  EXPECT_EQ(tokenizer->encode(word), expected);
  for (const char* part : {"a", " ", "\n", "9", "!", "\xE6\x97\xA5", "\xCC\x81", "ab", "\xFF"}) {
    std::string text;
    while (text.size() < count) text += part;
    const std::vector<int32_t> ids = tokenizer->encode(text);
    EXPECT_EQ(tokenizer->decode(ids), sanitize_utf8(text)) << part;
  }
}

TEST(TokenizerCases, ThreadsShareOneTokenizer) {
  const auto tokenizer = Tokenizer::load(fixture_path("small"));
  const Fixture cases = fixture("cases.json")["cases"];
  std::vector<int> wrong(4, 0);
  std::vector<std::jthread> threads;
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (const Fixture& one : cases) {
        count += tokenizer->encode(one["text"].get<std::string>()) !=
                 one["ids"].get<std::vector<int32_t>>();
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(TokenizerCases, PiecesAndIds) {
  const auto tokenizer = Tokenizer::load(fixture_path("small"));
  EXPECT_EQ(tokenizer->size(), 600);
  for (int32_t id = 0; id < tokenizer->size(); ++id) {
    EXPECT_EQ(tokenizer->id_of(tokenizer->piece(id)), id);
    EXPECT_EQ(tokenizer->is_special(id), id == 0);
  }
  EXPECT_EQ(tokenizer->piece(0), "<|endoftext|>");
  EXPECT_EQ(tokenizer->piece(-1), "");
  EXPECT_EQ(tokenizer->piece(600), "");
  EXPECT_EQ(tokenizer->id_of("no such token"), std::nullopt);
  EXPECT_EQ(tokenizer->decode(std::vector<int32_t>{-5, 1 << 30, 0}), "<|endoftext|>");
}

}  // namespace
}  // namespace kindred::text
