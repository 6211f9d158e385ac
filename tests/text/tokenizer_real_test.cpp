// The real tokenizers on real reviews, titles and random lines. Fixture:
// tests/reference/text_real.py. The tokenizers and texts are not part of the project: ../shared,
// else skipped.

#include <gtest/gtest.h>
#include <zlib.h>

#include <map>

#include "core/strings.h"
#include "text/text_fixture.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

namespace kindred::text {
namespace {

fs::path shared() {
  return fs::path(KINDRED_SOURCE_DIR).parent_path() / "shared";
}

/// The texts of the reviews, in the file's order.
std::vector<std::string> review_texts(const fs::path& path) {
  std::vector<std::string> texts;
  const gzFile file = gzopen(path.c_str(), "rb");
  std::string line(1 << 20, '\0');
  while (gzgets(file, line.data(), static_cast<int>(line.size()))) {
    texts.push_back(Fixture::parse(line.c_str())["reviewText"]);
  }
  gzclose(file);
  return texts;
}

/// The titles of a RecBole item file, in the file's order.
void add_titles(const fs::path& path, std::vector<std::string>& titles) {
  const auto lines = split(read_file(path), '\n');
  size_t column = 0;
  for (const auto& line : lines) {
    if (line.empty()) continue;
    const auto fields = split(line, '\t');
    if (&line != &lines[0]) {
      titles.emplace_back(fields.at(column));
      continue;
    }
    while (!std::string_view(fields.at(column)).starts_with("title:")) ++column;
  }
}

class RealTokenizer : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    data_ = fixture("real.json");
    expected_ = data_["tokenizers"][GetParam()];
    const fs::path source = shared() / "tokenizers" / GetParam();
    if (!fs::exists(source)) GTEST_SKIP() << source << " is not here";
    for (const std::string file : expected_["sources"]) {
      fs::create_symlink(source / file, folder_.path() / file);
    }
    for (const auto& [name, content] : expected_["files"].items()) {
      folder_.write(name, content.dump());
    }
    tokenizer_ = Tokenizer::load(folder_.path());
  }

  void expect_ids(const std::vector<std::string>& lines, const Fixture& digests) {
    const size_t chunk = data_["chunk"];
    ASSERT_EQ((lines.size() + chunk - 1) / chunk, digests.size());
    for (size_t i = 0; i < digests.size(); ++i) {
      std::string rows;
      for (size_t j = i * chunk; j < std::min((i + 1) * chunk, lines.size()); ++j) {
        rows += id_row(tokenizer_->encode(lines[j]));
      }
      EXPECT_EQ(short_digest(rows, 16), digests[i]) << "from line " << i * chunk;
    }
  }

  Fixture data_, expected_;
  TestFolder folder_;
  std::shared_ptr<Tokenizer> tokenizer_;
};

TEST_P(RealTokenizer, RandomUnicodeLinesEqualTheReference) {
  LineGenerator generator(data_["seed"], data_);
  std::vector<std::string> lines(data_["lines"].get<size_t>());
  std::string joined;
  for (std::string& line : lines) {
    line = generator.line();
    joined += line + "\n";
  }
  joined.pop_back();
  ASSERT_EQ(fingerprint(joined), data_["lines_digest"]) << "the lines differ from the script's";
  expect_ids(lines, expected_["random"]);
  if (!expected_["lossless"]) return;
  size_t changed = 0;
  for (const std::string& line : lines) {
    const std::string again =
        tokenizer_->decode(tokenizer_->encode(line, {.add_special_tokens = false}));
    changed += again != line && again != normalize(line, NormalForm::nfc);
  }
  EXPECT_EQ(changed, 0u);
}

TEST_P(RealTokenizer, ReviewsEqualTheReference) {
  const fs::path path =
      shared() / "data/amazon-musical-instruments/reviews_Musical_Instruments_5.json.gz";
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not here";
  const std::vector<std::string> texts = review_texts(path);
  ASSERT_EQ(texts.size(), 10261u);
  expect_ids(texts, expected_["reviews"]);
}

TEST_P(RealTokenizer, TitlesEqualTheReference) {
  std::vector<std::string> titles;
  for (const char* file : {"amazon-beauty/beauty.item", "ml-1m-collm/items.item"}) {
    const fs::path path = shared() / "data" / file;
    if (!fs::exists(path)) GTEST_SKIP() << path << " is not here";
    add_titles(path, titles);
  }
  ASSERT_EQ(titles.size(), 15356u);
  expect_ids(titles, expected_["titles"]);
}

TEST_P(RealTokenizer, TextsOfRandomIdsEqualTheReference) {
  LineGenerator generator(data_["seed"].get<uint64_t>() + 1);
  const size_t chunk = data_["chunk"];
  for (const Fixture& digest : expected_["decoded"]) {
    std::string rows;
    for (size_t i = 0; i < chunk; ++i) {
      std::vector<int32_t> ids(generator.below(40));
      for (int32_t& id : ids) id = static_cast<int32_t>(generator.below(expected_["size"]));
      rows += tokenizer_->decode(ids) + "\n";
    }
    EXPECT_EQ(short_digest(rows, 16), digest);
  }
}

TEST_P(RealTokenizer, SizeAndSpecialTokensEqualTheReference) {
  EXPECT_EQ(tokenizer_->size(), expected_["size"].get<int32_t>());
  const std::optional<int32_t> found[] = {tokenizer_->bos(), tokenizer_->eos(), tokenizer_->pad(),
                                          tokenizer_->unk()};
  for (size_t i = 0; i < 4; ++i) {
    const Fixture& special = expected_["specials"][i];
    EXPECT_EQ(found[i], special.is_null() ? std::nullopt : std::optional(special.get<int32_t>()))
        << i;
  }
}

// Random lines cut before every space where that is said to change nothing.
TEST_P(RealTokenizer, PartsCutBeforeSpacesHaveTheIdsOfTheWhole) {
  const std::map<std::string, SpaceCut> known = {
      {"gpt2", SpaceCut::keep},  {"opt", SpaceCut::keep}, {"qwen", SpaceCut::keep},
      {"llama", SpaceCut::drop}, {"t5", SpaceCut::never}, {"bert", SpaceCut::never}};
  const SpaceCut cut = tokenizer_->space_cut();
  EXPECT_EQ(cut, known.at(GetParam()));
  if (cut == SpaceCut::never) return;
  const EncodeOptions plain = {.add_special_tokens = false, .parse_special = false};
  const auto visible = [](char c) { return c > ' ' && c < '\x7F'; };
  LineGenerator generator(data_["seed"].get<uint64_t>() + 2, data_);
  for (int i = 0; i < 5000; ++i) {
    const std::string line = "a" + generator.line() + " b's " + generator.line();
    std::vector<int32_t> ids;
    size_t begin = 0;
    for (size_t at = 1; at <= line.size(); ++at) {
      const bool end = at == line.size();
      const char next = at + 1 < line.size() ? line[at + 1] : ' ';
      const bool space = !end && line[at] == ' ' && visible(line[at - 1]) && next != ' ' &&
                         !(next >= '\t' && next <= '\r');
      if (!end && !space) continue;
      const size_t skipped = begin > 0 && cut == SpaceCut::drop ? 1 : 0;
      const auto part =
          tokenizer_->encode(line.substr(begin + skipped, at - begin - skipped), plain);
      ids.insert(ids.end(), part.begin(), part.end());
      begin = at;
    }
    ASSERT_EQ(ids, tokenizer_->encode(line, plain)) << line;
  }
}

INSTANTIATE_TEST_SUITE_P(Folders, RealTokenizer,
                         testing::Values("bert", "gpt2", "llama", "opt", "qwen", "t5"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace kindred::text
