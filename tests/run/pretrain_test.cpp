#include "run/pretrain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <stop_token>

#include "core/error.h"
#include "core/files.h"
#include "lm/causal_lm.h"
#include "lm/config/decoders.h"
#include "run/pretrain_objective.h"
#include "run/pretrain_text.h"
#include "text/tokenizer.h"

namespace kindred::lm {
namespace {

using testing::HasSubstr;

class Pretrain : public testing::Test {
 protected:
  void SetUp() override {
    root_ =
        fs::temp_directory_path() / ("kindred-pretrain-" + std::to_string(::getpid()) + "-" +
                                     testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(root_);
    std::string text;
    for (int i = 0; i < 400; ++i) {
      text += i % 2 == 0 ? "the cat sits on the mat and says Yes\n\n"
                         : "a dog runs to the door\nand says No\n\n";
    }
    write_file(root_ / "data/one.txt", text);
  }
  void TearDown() override { fs::remove_all(root_); }

  PretrainOptions options(const std::string& output = "out") {
    PretrainOptions o;
    o.output = root_ / output;
    o.text.files = {"one.txt"};
    o.text.held_out = 0.1;
    o.text.source = "Invented sentences.";
    o.tokenizer.vocab_size = 300;
    o.tokenizer.reserved_words = {" Yes", " No"};
    o.model.n_layer = 1;
    o.model.n_embd = 16;
    o.model.n_head = 2;
    o.model.n_positions = 32;
    o.block = 16;
    o.train.epochs = 3;
    o.train.batch_size = 8;
    o.train.learning_rate = 1e-2;
    o.train.warmup_steps = 5;
    o.precision = "fp32";
    o.samples = {"the cat"};
    o.sample_tokens = 5;
    return o;
  }
  PretrainContext context(const std::string& work = "work") {
    PretrainContext c;
    c.data_dir = root_ / "data";
    c.work = root_ / work;
    c.recipe = "output: out\n";
    c.quiet = true;
    return c;
  }

  fs::path root_;
};

TEST_F(Pretrain, WritesAModelThatLearnedTheText) {
  const PretrainResult result = pretrain(options(), context());
  EXPECT_EQ(result.documents, 400);
  EXPECT_GT(result.validation_tokens, 0);
  // Two sentences: after their first word little is left to guess; a uniform guess would have 300.
  EXPECT_LT(result.perplexity, 3);
  EXPECT_NEAR(result.perplexity, std::exp(result.loss), 1e-9);

  const auto model = load_causal_lm(root_ / "out", {});
  const auto tokenizer = text::Tokenizer::load(root_ / "out");
  EXPECT_EQ(model->vocab_size(), tokenizer->size());
  EXPECT_EQ(tokenizer->encode(" Yes").size(), 1u);
  EXPECT_EQ(tokenizer->encode(" No").size(), 1u);
  const std::string card = read_file(root_ / "out/README.md");
  EXPECT_THAT(card, HasSubstr("Invented sentences."));
  EXPECT_THAT(card, HasSubstr("perplexity"));
  EXPECT_THAT(card, HasSubstr("**the cat**"));
  EXPECT_THAT(card, HasSubstr("output: out"));
}

TEST_F(Pretrain, EveryFormatLearnsAndIsReadBack) {
  for (const std::string& kind : decoder_kinds()) {
    PretrainOptions o = options(kind);
    o.model.model_type = kind;
    if (kind == "qwen2") o.model.n_kv_head = 1;
    const PretrainResult result = pretrain(o, context(kind));
    EXPECT_LT(result.perplexity, 20) << kind;
    const auto model = load_causal_lm(o.output, {});
    EXPECT_EQ(model->kind(), kind);
    const auto tokenizer = text::Tokenizer::load(o.output);
    EXPECT_EQ(model->vocab_size(), tokenizer->size()) << kind;
    EXPECT_EQ(tokenizer->encode(" Yes").size(), 1u) << kind;
  }
}

TEST_F(Pretrain, T5LearnsToFillInWhatWasCutOut) {
  PretrainOptions o = options();
  o.model.model_type = "t5";
  o.tokenizer.vocab_size = 400;
  o.train.epochs = 6;
  o.samples = {"the cat sits on the <extra_id_0> and says Yes"};
  const PretrainResult result = pretrain(o, context());
  EXPECT_LT(result.perplexity, 20);
  const auto model = load_generative_lm(o.output, {});
  EXPECT_EQ(model->kind(), "t5");
  const auto tokenizer = text::Tokenizer::load(o.output);
  EXPECT_EQ(tokenizer->encode("<extra_id_0>").size(), 1u);
  EXPECT_EQ(model->vocab_size(), tokenizer->size());
  // A tokenizer without sentinels serves no T5.
  pretrain(options("plain"), context("plain"));
  o.tokenizer_from = root_ / "plain";
  o.output = root_ / "other";
  try {
    pretrain(o, context("other"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::config);
    EXPECT_THAT(error.what(), HasSubstr("sentinels"));
  }
}

TEST(PretrainGroups, AT5sTensorsStepInProportionToTheirScale) {
  PretrainModel sizes;
  sizes.model_type = "t5";
  sizes.n_layer = 1;
  sizes.n_embd = 64;
  sizes.n_head = 2;
  const auto model = make_generative_lm(pretrain_config(sizes, 300), 1);
  std::map<std::string, model::ParameterGroup> by_name;
  for (const model::ParameterGroup& group : pretrain_groups(*model, 0.1)) {
    ASSERT_EQ(group.parameters.size(), 1u);
    by_name[group.parameters[0].first] = group;
  }
  EXPECT_EQ(by_name.size(), model->named_parameters().size());
  const auto scale = [&](const char* name) { return by_name.at(name).learning_rate_scale; };
  EXPECT_NEAR(scale("shared.weight"), 8.0, 0.2);  // standard deviation 1, times the root of 64
  EXPECT_NEAR(scale("encoder.block.0.layer.1.DenseReluDense.wi.weight"), 1.0, 0.05);
  EXPECT_NEAR(scale("encoder.final_layer_norm.weight"), 8.0, 1e-6);
  EXPECT_NEAR(*by_name.at("shared.weight").weight_decay * scale("shared.weight"), 0.1, 1e-9);
  EXPECT_EQ(*by_name.at("encoder.final_layer_norm.weight").weight_decay, 0.0);
}

TEST(PretrainGroups, OthersDecayMatricesAndNothingElse) {
  PretrainModel sizes;
  sizes.n_layer = 1;
  sizes.n_embd = 64;
  sizes.n_head = 2;
  const auto model = make_generative_lm(pretrain_config(sizes, 300), 1);
  const auto groups = pretrain_groups(*model, 0.1);
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].parameters.size() + groups[1].parameters.size(),
            model->named_parameters().size());
  for (const model::ParameterGroup& group : groups) EXPECT_EQ(group.learning_rate_scale, 1.0);
  for (const auto& [name, tensor] : groups[0].parameters) EXPECT_GE(tensor.dim(), 2) << name;
  EXPECT_EQ(groups[0].weight_decay, 0.1);
  EXPECT_EQ(groups[1].weight_decay, 0.0);
}

TEST(SpanCorruptionTest, WhatIsCutOutIsWhatIsPredicted) {
  SpanCorruption spans;
  for (int64_t s = 0; s < 100; ++s) spans.sentinels.push_back(1000 + s);
  spans.end_token = 999;
  EXPECT_EQ(spans.cut_tokens(256), 38);  // 15%
  EXPECT_EQ(spans.cut_spans(256), 13);   // of three tokens in the mean
  EXPECT_EQ(spans.cut_spans(2), 1);
  for (const int64_t length : {2, 3, 7, 40, 256}) {
    std::vector<int64_t> text(static_cast<size_t>(length));
    std::iota(text.begin(), text.end(), 0);
    std::set<std::vector<int64_t>> prompts;
    for (uint64_t draw = 0; draw < 20; ++draw) {
      Random random(1, "test", {draw});
      const auto [prompt, target] = spans.apply(text, random);
      EXPECT_EQ(prompt.back(), 999);
      EXPECT_EQ(target.back(), 999);
      EXPECT_EQ(static_cast<int64_t>(prompt.size() + target.size()),
                length + 2 * spans.cut_spans(length) + 2);
      // Each sentinel of the prompt opens what follows the same one in the target.
      std::vector<int64_t> whole;
      for (const int64_t token : prompt) {
        if (token < 999) whole.push_back(token);
        if (token < 1000) continue;
        auto at = std::ranges::find(target, token);
        ASSERT_NE(at, target.end());
        for (++at; *at < 999; ++at) whole.push_back(*at);
      }
      EXPECT_EQ(whole, text);
      prompts.insert(prompt);
    }
    if (length > 100) EXPECT_EQ(prompts.size(), 20u);
  }
}

TEST_F(Pretrain, StoppedAndResumedIsTheSameRun) {
  std::vector<double> whole, parts;
  const auto losses = [](std::vector<double>& to) {
    return [&to](const Json& record) {
      if (record.contains("rows")) to.push_back(record["loss"].get<double>());
    };
  };
  PretrainContext first = context("first");
  first.record = losses(whole);
  pretrain(options("a"), first);

  std::stop_source stop;
  PretrainContext second = context("second");
  second.stop = stop.get_token();
  second.record = [&](const Json& record) {
    losses(parts)(record);
    if (parts.size() == 40) stop.request_stop();
  };
  EXPECT_THROW(pretrain(options("b"), second), Error);
  PretrainContext third = context("second");
  third.resume = true;
  third.record = losses(parts);
  pretrain(options("b"), third);
  EXPECT_EQ(whole, parts);
}

TEST_F(Pretrain, BadOptionsAreReportedTogether) {
  PretrainOptions o = options();
  o.output.clear();
  o.text.files.clear();
  o.block = 33;
  o.train.select = "ndcg@10";
  try {
    pretrain(o, context());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::config);
    EXPECT_EQ(error.lines().size(), 4u);
  }
}

TEST_F(Pretrain, TooLittleTextIsRefused) {
  write_file(root_ / "data/one.txt", "a b\n");
  PretrainOptions o = options();
  o.text.held_out = 0;
  try {
    pretrain(o, context());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::bad_data);
  }
}

TEST_F(Pretrain, DocumentsByRule) {
  write_file(root_ / "data/two.txt", "a\nb\n\n\n  \nc\n");
  const auto count = [&](const std::string& rule) {
    std::vector<std::string> found;
    for_each_document({root_ / "data/two.txt"}, rule,
                      [&](std::string_view d) { found.emplace_back(d); });
    return found;
  };
  EXPECT_EQ(count("blank-line"), (std::vector<std::string>{"a\nb", "c"}));
  EXPECT_EQ(count("line"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(count("file"), (std::vector<std::string>{"a\nb\n\n\n  \nc"}));
}

TEST_F(Pretrain, FoldersStandForTheirTextFiles) {
  write_file(root_ / "data/more/b.txt", "b");
  write_file(root_ / "data/more/a.txt", "a");
  write_file(root_ / "data/more/c.json", "c");
  const auto files = find_text_files({"more", "one.txt"}, root_ / "data");
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0].filename(), "a.txt");
  EXPECT_EQ(files[2].filename(), "one.txt");
  EXPECT_THROW(find_text_files({"absent.txt"}, root_ / "data"), Error);
}

// Every block of a pass is read once, and its batches depend on (epoch, step) alone.
TEST_F(Pretrain, APassReadsEveryBlockOnce) {
  std::string bytes;
  for (uint16_t id = 0; id < 100; ++id) bytes.append(reinterpret_cast<const char*>(&id), 2);
  write_file(root_ / "tokens", bytes);
  const BlockObjective objective(nullptr, {root_ / "tokens", 300, 8, 3, 2, 7, {}});
  // 99 predictable tokens hold 12 blocks, one is kept free for the shift.
  EXPECT_EQ(objective.steps(0) + objective.steps(1), 2 + 2);
  int64_t rows = 0;
  for (int64_t epoch = 0; epoch < 2; ++epoch) {
    for (int64_t step = 0; step < objective.steps(epoch); ++step) {
      rows += objective.batch(epoch, step)->rows();
    }
  }
  EXPECT_EQ(rows, 11);
}

}  // namespace
}  // namespace kindred::lm
