// Vectors of texts against `sentence-transformers`: fixtures of tests/reference/lm_sentence.py, and
// folders that are not what they say.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "core/error.h"
#include "core/files.h"
#include "core/strings.h"
#include "device.h"
#include "lm/causal_lm.h"
#include "lm/commands.h"
#include "lm/lower_case.h"
#include "lm/pooling.h"
#include "lm/sentence_encoder.h"

namespace kindred::lm {
namespace {

using testing::HasSubstr;

const std::filesystem::path kFixture =
    std::filesystem::path(KINDRED_SOURCE_DIR) / "tests/fixtures/lm_sentence";

std::vector<Json> lines_of(const std::filesystem::path& file) {
  std::vector<Json> lines;
  for (const std::string& line : split(read_file(file), '\n')) {
    if (!line.empty()) lines.push_back(parse_json(line, file.string()));
  }
  return lines;
}

std::vector<std::string> texts() {
  return read_text_lines(kFixture / "texts.jsonl");
}

std::vector<Json> embed(const std::filesystem::path& folder, const std::vector<std::string>& texts,
                        const std::string& precision = "fp32") {
  CommandOptions options;
  options.model = folder;
  options.precision = precision;
  options.device = test_device();
  std::vector<Json> answers;
  embed_texts(options, texts, [&](const Json& answer) { answers.push_back(answer); });
  return answers;
}

void expect_vectors(const std::vector<Json>& got, const std::vector<Json>& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    const auto a = got[i]["embedding"].get<std::vector<double>>();
    const auto b = want[i]["embedding"].get<std::vector<double>>();
    ASSERT_EQ(a.size(), b.size()) << "text " << i;
    for (size_t k = 0; k < a.size(); ++k) EXPECT_NEAR(a[k], b[k], tolerance) << "text " << i;
  }
}

void expect_error(Exit code, const std::string& part, const std::function<void()>& action) {
  try {
    action();
    FAIL() << "no error; expected one with: " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(part));
  }
}

TEST(Sentence, FoldersOfTheLibraryGiveItsVectors) {
  for (const char* name : {"old", "new"}) {
    const auto want = lines_of(kFixture / cat(name, ".jsonl"));
    expect_vectors(embed(kFixture / name, texts()), want, 1e-5);
    expect_vectors(embed(kFixture / name, texts(), "bf16"), want, 0.02);
  }
}

TEST(Sentence, OtherFoldersGiveTheMeanOfTheirStates) {
  auto some = texts();
  some.pop_back();
  auto want = lines_of(kFixture / "plain.jsonl");
  want.pop_back();
  expect_vectors(embed(kFixture / "plain", some), want, 1e-5);
}

TEST(Sentence, DecodersGiveTheMeanOfTheirLastStates) {
  const auto folder = kFixture.parent_path() / "lm_commands/model";
  auto model = load_causal_lm(folder, {});
  const auto tokenizer = text::Tokenizer::load(folder);
  const auto ids = tokenizer->encode("A guitar string");
  const torch::NoGradGuard no_grad;
  const auto x = model->embed(torch::tensor(std::vector<int64_t>(ids.begin(), ids.end())));
  const auto mean = model->hidden({x, {0, static_cast<int64_t>(ids.size())}}).mean(0);
  const auto got = embed(folder, {"A guitar string"})[0]["embedding"].get<std::vector<float>>();
  EXPECT_TRUE(torch::allclose(torch::tensor(got), mean, 1e-5, 1e-5));
}

TEST(Sentence, TextsThatCannotBeReadAreRefusedWithTheirLine) {
  expect_error(Exit::bad_data, "line 9: got", [&] { embed(kFixture / "plain", texts()); });
  // GPT-2 puts no special tokens around a text.
  expect_error(Exit::bad_data, "line 2: got a text without tokens",
               [&] { embed(kFixture.parent_path() / "lm_commands/model", {"a", ""}); });
  CommandOptions options;
  options.model = kFixture / "old";
  options.adapter = "somewhere";
  expect_error(Exit::missing, "somewhere",
               [&] { embed_texts(options, {"a"}, [](const Json&) {}); });
}

TEST(Sentence, ManyTextsAnswerAsEachAlone) {
  std::vector<std::string> many;
  std::vector<Json> want;
  const auto known = lines_of(kFixture / "new.jsonl");
  for (size_t i = 0; i < 900; ++i) {
    many.push_back(texts()[i * 7 % known.size()]);
    want.push_back(known[i * 7 % known.size()]);
  }
  expect_vectors(embed(kFixture / "new", many), want, 1e-5);
}

TEST(Sentence, LowerCasesEachLetterByItself) {
  EXPECT_EQ(lower_case("ÀÉŸ ΑΣ ДŽ"), "àéÿ ασ дž");
  EXPECT_EQ(lower_case("İ"), "i\u0307");
  EXPECT_EQ(lower_case("a\xff"
                       "B"),
            "a\ufffd"
            "b");
}

// A copy of a fixture's folder, to be broken or written to.
class SentenceFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              cat("kindred-sentence-", ::getpid(), "-",
                  testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void copy(const std::string& name) {
    std::filesystem::remove_all(folder_);
    std::filesystem::copy(kFixture / name, folder_, std::filesystem::copy_options::recursive);
  }
  // The folder with one file changed must not load.
  void expect_refused(const std::string& file, const std::function<void(Json&)>& edit, Exit code,
                      const std::string& part) {
    copy("new");
    Json json = read_json((folder_ / file).string());
    edit(json);
    write_file(folder_ / file, json.dump());
    expect_error(code, part, [&] { SentenceEncoder(folder_, {}); });
  }

  std::filesystem::path folder_;
};

TEST_F(SentenceFolder, SavedFoldersComputeTheSame) {
  for (const char* name : {"old", "new"}) {
    SentenceEncoder(kFixture / name, {}).save(folder_);
    EXPECT_EQ(embed(folder_, texts()), embed(kFixture / name, texts()));
    std::filesystem::remove_all(folder_);
  }
}

TEST_F(SentenceFolder, AWholeEncoderTrains) {
  LoadOptions options;
  options.trainable = true;
  SentenceEncoder encoder(kFixture / "new", options);
  const auto ids = torch::tensor({0, 5, 9, 2, 0, 7, 2}, torch::kInt64);
  encoder.embed(ids, {0, 4, 7}).sum().backward();
  for (const auto& parameter : encoder.named_parameters()) {
    EXPECT_TRUE(parameter.value().grad().defined()) << parameter.key();
  }
  EXPECT_TRUE(encoder.named_parameters().contains("dense_0_weight"));
}

TEST_F(SentenceFolder, MissingFilesAreNamed) {
  for (const char* file : {"1_Pooling/config.json", "2_Dense/config.json",
                           "2_Dense/model.safetensors", "config.json", "model.safetensors"}) {
    copy("new");
    std::filesystem::remove(folder_ / file);
    expect_error(Exit::missing, std::filesystem::path(file).parent_path().string(),
                 [&] { SentenceEncoder(folder_, {}); });
  }
}

TEST_F(SentenceFolder, UnknownModulesAreRefused) {
  const auto type = [](size_t index, const char* name) {
    return [=](Json& modules) { modules[index]["type"] = name; };
  };
  const std::string file = "modules.json";
  expect_refused(file, type(1, "sentence_transformers.models.LSTM"), Exit::config, "LSTM");
  expect_refused(file, type(4, "my_package.Normalize"), Exit::config, "my_package");
  expect_refused(file, type(0, "sentence_transformers.models.BoW"), Exit::config, "BoW");
  expect_refused(file, type(2, "sentence_transformers.models.Pooling"), Exit::config, "second");
  expect_refused(file, [](Json& m) { m.erase(1); }, Exit::config, "before the Pooling");
  expect_refused(file, [](Json& m) { m = Json::array({m[0]}); }, Exit::config, "no Pooling");
  expect_refused(file, [](Json& m) { m = Json::object(); }, Exit::config, "list of modules");
  expect_refused(file, [](Json& m) { m[1].erase("path"); }, Exit::config, "path");
  expect_refused(file, [](Json& m) { m[2]["path"] = "../elsewhere"; }, Exit::config, "within");
  expect_refused(file, [](Json& m) { m[2]["path"] = "/etc"; }, Exit::config, "within");
}

TEST_F(SentenceFolder, FieldsThatAreNotUnderstoodAreRefused) {
  const auto set = [](const char* key, const Json& value) {
    return [=](Json& json) { json[key] = value; };
  };
  const std::string pooling = "1_Pooling/config.json", dense = "2_Dense/config.json";
  expect_refused(pooling, set("pooling_mode", "median"), Exit::config, "median");
  expect_refused(pooling, set("pooling_mode", {1}), Exit::config, "pooling_mode");
  expect_refused(pooling, set("pooling_mode_median_tokens", true), Exit::config, "median");
  expect_refused(pooling, set("include_prompt", false), Exit::config, "include_prompt");
  expect_refused(dense, set("in_features", 35), Exit::config, "in_features: got 35, expected 36");
  expect_refused(dense, set("out_features", 11), Exit::bad_data, "linear.weight");
  expect_refused(dense, set("out_features", -1), Exit::config, "out_features");
  expect_refused(dense, [](Json& j) { j.erase("in_features"); }, Exit::config, "is missing");
  expect_refused(dense, set("bias", false), Exit::bad_data, "linear.bias");
  expect_refused(dense, set("activation_function", "os.system"), Exit::config, "os.system");
  expect_refused(dense, set("module_input_name", "token_embeddings"), Exit::config, "module_input");
  expect_refused("4_Normalize/config.json", set("module_output_name", "x"), Exit::config,
                 "module_output");
  const std::string options = "sentence_bert_config.json";
  expect_refused(options, set("max_seq_length", 0), Exit::config, "max_seq_length");
  expect_refused(options, set("do_lower_case", "yes"), Exit::config, "do_lower_case");
  expect_refused(options, set("transformer_task", "text-generation"), Exit::config, "task");
  expect_refused("config_sentence_transformers.json", set("default_prompt_name", "gone"),
                 Exit::config, "default_prompt_name");
}

TEST(Pooling, ReadsEachSequenceAlone) {
  const auto states = torch::tensor({{1.0, -1.0}, {3.0, 5.0}, {2.0, 0.0}});
  const std::vector<int64_t> offsets = {0, 2, 3};
  const auto rows = [&](Pooling kind) { return pool(states, offsets, kind).flatten(); };
  const auto expect = [&](Pooling kind, std::vector<double> want) {
    EXPECT_TRUE(torch::allclose(rows(kind), torch::tensor(want).to(states.scalar_type())))
        << pooling_name(kind);
  };
  expect(Pooling::cls, {1, -1, 2, 0});
  expect(Pooling::last_token, {3, 5, 2, 0});
  expect(Pooling::max, {3, 5, 2, 0});
  expect(Pooling::mean, {2, 2, 2, 0});
  expect(Pooling::mean_sqrt_len, {4 / std::sqrt(2.0), 4 / std::sqrt(2.0), 2, 0});
  expect(Pooling::weighted_mean, {7.0 / 3, 3, 2, 0});
}

}  // namespace
}  // namespace kindred::lm
