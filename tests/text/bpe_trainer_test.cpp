// The BPE trainer. Fixture: tests/reference/text_trained_bpe.py.

#include "text/bpe_trainer.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/error.h"
#include "core/strings.h"
#include "text/text_fixture.h"

namespace kindred::text {
namespace {

const std::vector<std::string> kSpecials = {"<|endoftext|>", "<pad>"};

std::vector<std::string> licence_lines() {
  return split(read_file(fs::path(KINDRED_SOURCE_DIR) / "LICENSE"), '\n');
}

std::vector<std::string> texts_of(const Fixture& one) {
  if (one["lines"] == 0) return licence_lines();
  LineGenerator generator(7, fixture("real.json"));
  std::vector<std::string> lines(one["lines"].get<size_t>());
  for (std::string& line : lines) line = generator.line();
  return lines;
}

TrainedBpe trained(BpeTrainerOptions options, const std::vector<std::string>& texts) {
  BpeTrainer trainer(std::move(options));
  for (const std::string& text : texts) trainer.add(text);
  return trainer.train();
}

std::vector<std::string> merge_lines(const TrainedBpe& bpe) {
  std::vector<std::string> lines;
  for (const auto& [left, right] : bpe.merges) {
    lines.push_back(bpe.pieces[left] + " " + bpe.pieces[right]);
  }
  return lines;
}

TEST(BpeTrainer, MergesAndTokensEqualTheReferenceTrainers) {
  for (const Fixture& one : fixture("trained.json")) {
    SCOPED_TRACE(one["name"].get<std::string>());
    BpeTrainerOptions options;
    options.vocab_size = one["vocab_size"];
    options.min_frequency = one["min_frequency"];
    options.special_tokens = kSpecials;
    options.add_prefix_space = one.value("space", false);
    const TrainedBpe bpe = trained(options, texts_of(one));
    const std::vector<std::string> merges = merge_lines(bpe);
    const std::vector<std::string> first(merges.begin(), merges.begin() + 40);
    EXPECT_EQ(first, one["first"].get<std::vector<std::string>>());
    std::vector<std::string> digests;
    for (size_t i = 0; i < merges.size(); i += 100) {
      const size_t count = std::min<size_t>(100, merges.size() - i);
      digests.push_back(short_digest(join(std::span(merges).subspan(i, count), "\n"), 16));
    }
    EXPECT_EQ(digests, one["merges"].get<std::vector<std::string>>());
    EXPECT_EQ(bpe.pieces.size(), one["size"].get<size_t>());
    EXPECT_EQ(fingerprint(join(bpe.pieces, "\n")), one["tokens"]);
  }
}

TEST(BpeTrainer, ReservedWordsAreSingleTokensWithinTheSize) {
  BpeTrainerOptions options;
  options.vocab_size = 600;
  const TrainedBpe plain = trained(options, licence_lines());
  options.reserved_words = {" Yes", " No", " quetzalcoatl", "Yes", " you", " \u65E5\u672C", "!!!?"};
  const TrainedBpe bpe = trained(options, licence_lines());
  EXPECT_EQ(bpe.pieces.size(), 600u);
  const auto tokenizer = bpe.tokenizer();
  for (const std::string& word : options.reserved_words) {
    EXPECT_EQ(tokenizer->encode(word).size(), 1u) << word;
    const auto in_text = tokenizer->encode("x" + word + " y");
    EXPECT_EQ(in_text.size(), word[0] == ' ' ? 3u : in_text.size()) << word;
  }
  EXPECT_GT(plain.tokenizer()->encode(" quetzalcoatl").size(), 1u);
  // All that gave way are the last merges.
  const auto before = merge_lines(plain), after = merge_lines(bpe);
  const size_t kept =
      std::mismatch(before.begin(), before.end(), after.begin(), after.end()).first -
      before.begin();
  EXPECT_GT(kept, 300u);
  EXPECT_LT(kept, before.size());
}

TEST(BpeTrainer, SpecialTokensInTextAreNeverWords) {
  BpeTrainerOptions options;
  options.vocab_size = 280;
  options.min_frequency = 1;
  options.special_tokens = {"<|endoftext|>"};
  const TrainedBpe bpe = trained(options, {"a<|endoftext|>a<|endoftext|>a", "a"});
  EXPECT_TRUE(bpe.merges.empty());
  const auto ids = bpe.tokenizer()->encode("a<|endoftext|>a");
  EXPECT_EQ(ids[1], 0);
  EXPECT_EQ(ids.size(), 3u);
}

TEST(BpeTrainer, AMegabyteInOneWord) {
  BpeTrainerOptions options;
  options.vocab_size = 300;
  const TrainedBpe bpe = trained(options, {std::string(1 << 20, 'a') + std::string(1 << 19, 'b')});
  ASSERT_EQ(merge_lines(bpe)[0], "a a");
  // The two halves of 2^19 letters meet once, which is less often than min_frequency.
  EXPECT_EQ(bpe.pieces.back().size(), size_t{1} << 19);
}

TEST(BpeTrainer, SavedFolderLoadsWithEqualIds) {
  BpeTrainerOptions options;
  options.vocab_size = 700;
  options.special_tokens = kSpecials;
  options.pad_token = "<pad>";
  options.reserved_words = {" Yes"};
  for (const bool space : {false, true}) {
    options.add_prefix_space = space;
    const TrainedBpe bpe = trained(options, licence_lines());
    TestFolder folder;
    bpe.save(folder.path());
    const auto whole = Tokenizer::load(folder.path());
    fs::remove(folder.path() / "tokenizer.json");
    const auto files = Tokenizer::load(folder.path());
    const auto own = bpe.tokenizer();
    for (const auto& tokenizer : {whole, files, own}) {
      EXPECT_EQ(tokenizer->size(), static_cast<int32_t>(bpe.pieces.size()));
      EXPECT_EQ(tokenizer->bos(), 0);
      EXPECT_EQ(tokenizer->eos(), 0);
      EXPECT_EQ(tokenizer->pad(), 1);
    }
    LineGenerator generator(11, fixture("real.json"));
    for (int i = 0; i < 500; ++i) {
      const std::string line = generator.line();
      EXPECT_EQ(whole->encode(line), own->encode(line));
      EXPECT_EQ(files->encode(line), own->encode(line));
    }
  }
}

TEST(BpeTrainer, TransformersLoadsTheFolderWithEqualIds) {
  const fs::path root = KINDRED_SOURCE_DIR;
  const std::string python = (root / ".venv/bin/python").string();
  if (std::system((python + " -c 'import transformers' 2>/dev/null").c_str()) != 0) {
    GTEST_SKIP() << "no transformers in .venv";
  }
  BpeTrainerOptions options;
  options.vocab_size = 900;
  options.special_tokens = kSpecials;
  options.pad_token = "<pad>";
  options.reserved_words = {" Yes", " No"};
  const TrainedBpe bpe = trained(options, licence_lines());
  TestFolder folder;
  bpe.save(folder.path() / "model");
  const auto tokenizer = Tokenizer::load(folder.path() / "model");
  LineGenerator generator(13, fixture("real.json"));
  std::string lines, ids;
  for (int i = 0; i < 3000; ++i) {
    std::string line = generator.line();
    std::replace(line.begin(), line.end(), '\n', ' ');
    lines += line + "\n";
    ids += id_row(tokenizer->encode(line));
  }
  folder.write("lines", lines);
  folder.write("ids", ids);
  const std::string in = folder.path().string();
  EXPECT_EQ(0, std::system(cat("cd ", root.string(), " && ", python,
                               " tests/reference/text_trained_bpe.py ", in, "/model ", in,
                               "/lines ", in, "/ids")
                               .c_str()));
}

TEST(BpeTrainer, StopsAndReports) {
  std::stop_source source;
  BpeTrainerOptions options;
  BpeTrainer trainer(options);
  for (const std::string& line : licence_lines()) trainer.add(line);
  std::vector<int64_t> seen;
  const auto note = [&](int64_t done, int64_t wanted) {
    seen.push_back(done);
    EXPECT_EQ(wanted, 8192 - 257);
    if (done >= 128) source.request_stop();
  };
  try {
    trainer.train(source.get_token(), note);
    FAIL() << "was not stopped";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::interrupted);
  }
  EXPECT_EQ(seen, (std::vector<int64_t>{0, 64, 128}));
}

TEST(BpeTrainer, ContradictoryOptionsAreReportedTogether) {
  BpeTrainerOptions options;
  options.vocab_size = 100;
  options.min_frequency = 0;
  options.special_tokens = {"<s>", "<s>", "a", "\xFF\xFE"};
  options.bos_token = "<bos>";
  options.eos_token = "";
  options.reserved_words = {"", "two words", " ok", "  x"};
  try {
    const BpeTrainer trainer(options);
    FAIL() << "was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::config);
    EXPECT_EQ(error.lines().size(), 9u) << error.what();
  }
  BpeTrainer empty{BpeTrainerOptions{}};
  EXPECT_THROW(empty.train(), Error);
  options = {};
  options.vocab_size = 258;
  options.reserved_words = {" quetzalcoatl"};
  BpeTrainer small(options);
  small.add("some text, some text");
  EXPECT_THROW(small.train(), Error);
}

}  // namespace
}  // namespace kindred::text
