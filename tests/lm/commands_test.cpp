// `kindred lm tokenize|score|generate` against `transformers`: fixtures of
// tests/reference/lm_commands.py.

#include "lm/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "core/strings.h"

namespace kindred::lm {
namespace {

const std::filesystem::path kFixture =
    std::filesystem::path(KINDRED_SOURCE_DIR) / "tests/fixtures/lm_commands";

using Command = void (*)(const CommandOptions&, const std::vector<std::string>&, const Emit&);

std::vector<Json> run(Command command, const CommandOptions& options,
                      const std::vector<std::string>& texts) {
  std::vector<Json> answers;
  command(options, texts, [&](const Json& answer) { answers.push_back(answer); });
  return answers;
}

std::vector<Json> expected(const std::string& name) {
  std::vector<Json> lines;
  for (const std::string& line : split(read_file(kFixture / name), '\n')) {
    if (!line.empty()) lines.push_back(parse_json(line, name));
  }
  return lines;
}

CommandOptions fixture_options() {
  CommandOptions options;
  options.model = kFixture / "model";
  options.generate.max_new_tokens = 6;
  return options;
}

std::vector<std::string> texts() {
  return read_text_lines(kFixture / "texts.jsonl");
}

void expect_scores(const std::vector<Json>& got, const std::vector<Json>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i]["tokens"], want[i]["tokens"]) << "text " << i;
    ASSERT_EQ(got[i]["logprobs"].size(), want[i]["logprobs"].size()) << "text " << i;
    for (size_t t = 0; t < got[i]["logprobs"].size(); ++t) {
      const Json &a = got[i]["logprobs"][t], &b = want[i]["logprobs"][t];
      ASSERT_EQ(a.is_null(), b.is_null()) << "text " << i << ", token " << t;
      if (!a.is_null()) EXPECT_NEAR(a.get<double>(), b.get<double>(), 1e-4);
    }
    ASSERT_EQ(got[i]["loss"].is_null(), want[i]["loss"].is_null()) << "text " << i;
    if (!got[i]["loss"].is_null()) {
      EXPECT_NEAR(got[i]["loss"].get<double>(), want[i]["loss"].get<double>(), 1e-4);
    }
  }
}

TEST(Commands, TokenizeGivesTokensAndPieces) {
  EXPECT_EQ(run(tokenize_texts, fixture_options(), texts()), expected("tokenize.jsonl"));
}

TEST(Commands, ScoreEqualsTransformers) {
  expect_scores(run(score_texts, fixture_options(), texts()), expected("score.jsonl"));
}

TEST(Commands, NoSpecialsReadsSpecialStringsAsText) {
  CommandOptions options = fixture_options();
  options.specials = false;
  expect_scores(run(score_texts, options, texts()), expected("score_no_specials.jsonl"));
}

TEST(Commands, GenerateStopsAtAnyEndTokenAndLeavesItOutOfTheText) {
  EXPECT_EQ(run(generate_texts, fixture_options(), texts()), expected("generate.jsonl"));
}

TEST(Commands, Bf16IsNearFp32) {
  CommandOptions options = fixture_options();
  options.precision = "bf16";
  const auto got = run(score_texts, options, texts()), want = expected("score.jsonl");
  for (size_t i = 0; i < got.size(); ++i) {
    if (got[i]["loss"].is_null()) continue;
    // Logits of about 10 in 8 bits.
    EXPECT_NEAR(got[i]["loss"].get<double>(), want[i]["loss"].get<double>(), 0.1);
  }
}

TEST(Commands, ManyTextsAnswerInTheirOrder) {
  std::vector<std::string> many;
  for (int i = 0; i < 200; ++i) many.push_back(i % 3 == 0 ? "the guitar" : "a string");
  const auto got = run(score_texts, fixture_options(), many);
  ASSERT_EQ(got.size(), many.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_EQ(got[i]["tokens"], got[i % 3 == 0 ? 0 : 1]["tokens"]);
}

void expect_error(Exit code, const std::string& part, const std::function<void()>& action) {
  try {
    action();
    FAIL() << "no error; expected one with: " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), testing::HasSubstr(part));
  }
}

TEST(Commands, ATextBeyondTheContextIsRefusedWithItsLine) {
  const std::vector<std::string> long_second = {"a", std::string(100, 'q')};
  for (const Command command : {score_texts, generate_texts}) {
    expect_error(Exit::bad_data, "line 2: got 100 tokens",
                 [&] { run(command, fixture_options(), long_second); });
  }
}

TEST(Commands, ModelsThatDoNotPredictTheNextTokenAreRefused) {
  const auto folder = std::filesystem::temp_directory_path() / "kindred-lm-commands-t5";
  write_file(folder / "config.json", R"({"model_type": "t5"})");
  CommandOptions options = fixture_options();
  options.model = folder;
  expect_error(Exit::config, "t5", [&] { run(score_texts, options, {"a"}); });
  std::filesystem::remove_all(folder);
  options.model = folder / "nowhere";
  expect_error(Exit::missing, "nowhere", [&] { run(score_texts, options, {"a"}); });
  options = fixture_options();
  options.adapter = "somewhere";
  expect_error(Exit::missing, "somewhere", [&] { run(score_texts, options, {"a"}); });
}

TEST(Commands, TextFilesHoldOneJsonStringALine) {
  const auto file = std::filesystem::temp_directory_path() / "kindred-lm-texts.jsonl";
  write_file(file, "\"a\"\r\n\"b\\n\"\n");
  EXPECT_EQ(read_text_lines(file), (std::vector<std::string>{"a", "b\n"}));
  write_file(file, "\"a\"\n5\n");
  expect_error(Exit::bad_data, "line 2", [&] { read_text_lines(file); });
  write_file(file, "\"a\"\n\n\"b\"\n");
  expect_error(Exit::bad_data, "line 2", [&] { read_text_lines(file); });
  write_file(file, "\"a\n");
  expect_error(Exit::bad_data, "line 1", [&] { read_text_lines(file); });
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace kindred::lm
