// T5 against `transformers`: fixtures of tests/reference/lm_t5.py, whole tensors, fp32. And what
// its class promises beside that: splits, caches, saving, precision.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/error.h"
#include "core/files.h"
#include "lm/causal_lm.h"
#include "lm/commands.h"
#include "lm/generate.h"
#include "lm/reference_file.h"
#include "lm/t5.h"
#include "text/tokenizer.h"

namespace kindred::lm {
namespace {

using testing::HasSubstr;

std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(KINDRED_SOURCE_DIR) / "tests/fixtures/lm_t5" / name;
}

std::shared_ptr<T5> load(const std::filesystem::path& folder, bool trainable = false) {
  LoadOptions options;
  options.trainable = trainable;
  options.device = test_device();
  return std::dynamic_pointer_cast<T5>(load_generative_lm(folder, options));
}

// A new empty folder of a test.
std::filesystem::path empty_folder() {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  std::string name = std::string("kindred-t5-") + info->test_suite_name() + "-" + info->name();
  std::replace(name.begin(), name.end(), '/', '-');
  const auto folder = std::filesystem::temp_directory_path() / name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

class T5Reference : public testing::TestWithParam<std::string> {
 protected:
  torch::Tensor value(const std::string& name) const { return file_.value(name); }
  std::shared_ptr<T5> model(bool trainable) const { return load(fixture(GetParam()), trainable); }

  // Prompts and main texts as one sequence each.
  SplitPacked input(const torch::Tensor& embeddings) const {
    SplitPacked packed{{embeddings, {0}}, {}};
    const auto prompts = value("prompts"), mains = value("mains");
    for (int64_t s = 0; s < prompts.numel(); ++s) {
      packed.splits.push_back(packed.offsets.back() + prompts[s].item<int64_t>());
      packed.offsets.push_back(packed.splits.back() + mains[s].item<int64_t>());
    }
    return packed;
  }

  // Every packed position from each prompt's last on; without each main text's last where what
  // follows must be known.
  torch::Tensor rows(bool with_last) const {
    const SplitPacked packed = input({});
    std::vector<int64_t> rows;
    for (size_t s = 0; s < packed.splits.size(); ++s) {
      const int64_t end = packed.offsets[s + 1] - (with_last ? 0 : 1);
      for (int64_t t = packed.splits[s] - 1; t < end; ++t) rows.push_back(t);
    }
    return torch::tensor(rows).to(test_device());
  }
  torch::Tensor loss(T5& model, const torch::Tensor& embeddings) const {
    const auto at = rows(false);
    return model.cross_entropy_sum(model.hidden_after(input(embeddings), at),
                                   value("ids").index_select(0, at + 1));
  }

  ReferenceFile file_{fixture(GetParam()) / "reference.safetensors"};
};
INSTANTIATE_TEST_SUITE_P(Models, T5Reference, testing::Values("v1_0", "v1_1", "v1_1_five", "old"),
                         [](const auto& info) { return info.param; });

TEST_P(T5Reference, StatesOfBothSidesAndLogits) {
  for (const bool trainable : {false, true}) {
    const auto t5 = model(trainable);
    const torch::NoGradGuard no_grad;
    const auto x = t5->embed(value("ids"));
    const SplitPacked packed = input(x);
    std::vector<torch::Tensor> prompts, mains;
    Packed encoder{{}, {0}}, decoder{{}, {0}};
    const auto start = t5->embed(torch::tensor({t5->start_token()}).to(test_device()));
    for (size_t s = 0; s < packed.splits.size(); ++s) {
      const int64_t begin = packed.offsets[s], split = packed.splits[s];
      prompts.push_back(x.slice(0, begin, split));
      mains.push_back(torch::cat({start, x.slice(0, split, packed.offsets[s + 1])}));
      encoder.offsets.push_back(encoder.offsets.back() + prompts.back().size(0));
      decoder.offsets.push_back(decoder.offsets.back() + mains.back().size(0));
    }
    encoder.embeddings = torch::cat(prompts);
    decoder.embeddings = torch::cat(mains);
    const auto encoded = t5->encode(encoder);
    expect_near(encoded, value("encoded"), "encoder's states");
    const auto decoded = t5->decode(decoder, {encoded, encoder.offsets});
    expect_near(decoded, value("decoded"), "decoder's states");
    // The split form is that computation.
    const auto states = t5->hidden_after(packed, rows(true));
    expect_near(states, t5->for_head(decoded), "states by splits");
    expect_near(t5->logits(states), value("logits"), "logits");
  }
}

TEST_P(T5Reference, LossAndGradientOfEmbeddings) {
  for (const bool trainable : {false, true}) {
    const auto t5 = model(trainable);
    const auto x = t5->embed(value("ids")).detach().requires_grad_(true);
    const auto sum = loss(*t5, x);
    sum.backward();
    EXPECT_NEAR(sum.item<double>(), value("loss").item<double>(), kTolerance);
    expect_near(x.grad(), value("embedding_gradient"), "embedding gradient");
    for (const auto& parameter : t5->parameters()) {
      EXPECT_EQ(parameter.grad().defined(), trainable);
    }
  }
}

TEST_P(T5Reference, GradientOfEveryWeight) {
  const auto t5 = model(true);
  loss(*t5, t5->embed(value("ids"))).backward();
  for (const auto& parameter : t5->named_parameters()) {
    ASSERT_TRUE(parameter.value().grad().defined()) << parameter.key();
    expect_near(parameter.value().grad(), value("gradient." + parameter.key()), parameter.key());
  }
}

TEST_P(T5Reference, FourOptimiserSteps) {
  const auto t5 = model(true);
  torch::optim::AdamW optimizer(t5->parameters(),
                                torch::optim::AdamWOptions(1e-2).weight_decay(0.01));
  const auto want = value("adamw_losses"), words = value("mains").sum();
  for (int64_t step = 0; step < want.numel(); ++step) {
    optimizer.zero_grad();
    const auto mean = loss(*t5, t5->embed(value("ids"))) / words;
    mean.backward();
    optimizer.step();
    EXPECT_NEAR(mean.item<double>(), want[step].item<double>(), kTolerance) << "step " << step;
  }
}

// ATen's generator gives the same masks to the same dropouts in the same order, so that a missing,
// further or misplaced one shows. A trainable model takes all of them from there.
TEST_P(T5Reference, DropoutsAreAtTheirPlaces) {
  if (!test_device().is_cpu()) GTEST_SKIP() << "the masks are those of a processor's generator";
  const auto t5 = model(true);
  const torch::NoGradGuard no_grad;
  const int64_t split = value("prompts")[0].item<int64_t>();
  const int64_t end = split + value("mains")[0].item<int64_t>();
  const auto x = t5->embed(value("ids"));
  const auto main = torch::cat(
      {t5->embed(torch::tensor({t5->start_token()}).to(test_device())), x.slice(0, split, end)});
  t5->train();
  torch::manual_seed(17);
  const auto encoded = t5->encode({x.slice(0, 0, split), {0, split}});
  expect_near(encoded, value("dropped_encoded"), "encoder's states");
  const auto decoded = t5->decode({main, {0, main.size(0)}}, {encoded, {0, split}});
  expect_near(decoded, value("dropped_decoded"), "decoder's states");
}

TEST_P(T5Reference, GreedyContinuations) {
  const auto t5 = model(false);
  std::vector<std::vector<int64_t>> prompts = {{5, 9, 2, 1}, {1}, {}};
  for (int64_t token = 30; token > 2; --token) prompts[2].push_back(token % t5->vocab_size());
  const std::vector<int64_t> ends = read_end_tokens(fixture(GetParam()));
  ASSERT_TRUE(torch::tensor(ends).equal(value("eos").cpu()))
      << "generation_config.json was not read";
  for (const bool until_eos : {false, true}) {
    const auto want = value(until_eos ? "generated_until_eos" : "generated");
    GenerateOptions options;
    options.max_new_tokens = want.size(1);
    if (until_eos) options.end_tokens = ends;
    const auto got = generate(*t5, prompts, options);
    for (int64_t i = 0; i < want.size(0); ++i) {
      auto padded = got[static_cast<size_t>(i)];
      padded.resize(static_cast<size_t>(want.size(1)), -1);
      EXPECT_TRUE(torch::tensor(padded).equal(want[i].cpu()))
          << "prompt " << i << ", eos " << until_eos;
    }
  }
}

TEST_P(T5Reference, SavedItIsReadTheSame) {
  const auto t5 = model(false);
  const auto folder = empty_folder();
  save_backbone(*t5, folder);
  const auto again = load(folder);
  EXPECT_EQ(again->config(), t5->config());
  const torch::NoGradGuard no_grad;
  const auto x = t5->embed(value("ids"));
  EXPECT_TRUE(torch::equal(again->logits(again->hidden_after(input(x), rows(true))),
                           t5->logits(t5->hidden_after(input(x), rows(true)))));
  std::filesystem::remove_all(folder);
}

TEST(T5Test, DistancesFallIntoTheBucketsOfTransformers) {
  const ReferenceFile file(fixture("buckets.safetensors"));
  const auto distances = file.value("distances");
  for (const auto& [buckets, most] : std::vector<std::pair<int64_t, int64_t>>{
           {32, 128}, {8, 13}, {17, 20}, {4, 3}, {64, 1000}, {32, 17}}) {
    for (const bool both : {true, false}) {
      const std::string name = std::to_string(buckets) + "." + std::to_string(most) + "." +
                               std::to_string(static_cast<int>(both));
      const RelativeBuckets how{buckets, most, both};
      EXPECT_TRUE(torch::equal(how.of(distances).to(torch::kInt16), file.value(name))) << name;
    }
  }
}

TEST(T5Test, AnUntiedHeadIsUsed) {
  const auto t5 = load(fixture("v1_1"));
  const auto parameters = t5->named_parameters();
  ASSERT_TRUE(parameters.contains("lm_head.weight"));
  EXPECT_GT((parameters["lm_head.weight"] - parameters["shared.weight"]).abs().max().item<double>(),
            1e-2);
  EXPECT_FALSE(load(fixture("v1_0"))->named_parameters().contains("lm_head.weight"));
  EXPECT_FALSE(load(fixture("old"))->named_parameters().contains("lm_head.weight"));
}

TEST(T5Test, ACacheContinuesWhatOnePassReads) {
  const auto t5 = load(fixture("v1_1_five"));
  const torch::NoGradGuard no_grad;
  // A prompt alone, a main text begun, and nothing before the main text.
  const auto ids = torch::tensor({4, 9, 7, 2, 5, 11, 6, 3, 8});
  const auto x = t5->embed(ids);
  const SplitPacked first{{x.slice(0, 0, 6), {0, 3, 5, 6}}, {3, 4, 5}};
  std::vector<std::unique_ptr<Cache>> caches;
  std::vector<Cache*> given;
  for (int i = 0; i < 3; ++i) {
    caches.push_back(t5->make_cache());
    given.push_back(caches.back().get());
  }
  const auto after = t5->hidden_first(first, given);
  EXPECT_EQ(caches[0]->length(), 1);
  EXPECT_EQ(caches[1]->length(), 2);
  const auto fork = caches[1]->fork();
  const auto more = x.slice(0, 6, 9);
  const auto next = t5->hidden_next({more, {0, 1, 3, 3}}, given);
  EXPECT_EQ(fork->length(), 2);
  // The same sequences in one pass.
  const SplitPacked whole{{torch::cat({x.slice(0, 0, 3), more.slice(0, 0, 1), x.slice(0, 3, 5),
                                       more.slice(0, 1, 3), x.slice(0, 5, 6)}),
                           {0, 4, 8, 9}},
                          {3, 5, 8}};
  const auto want = t5->hidden_after(whole, torch::tensor({2, 5, 8, 3, 6, 7}));
  expect_near(torch::cat({after, next}), want, "cached states");
  Cache* forked[] = {fork.get()};
  expect_near(t5->hidden_next({more.slice(0, 1, 2), {0, 1}}, forked), want.slice(0, 4, 5), "fork");
}

TEST(T5Test, StatesInsideAPromptAreNotPredictions) {
  const auto t5 = load(fixture("v1_0"));
  const auto x = t5->embed(torch::tensor({4, 9, 7}));
  EXPECT_THROW(t5->hidden_after({{x, {0, 3}}, {2}}, torch::tensor({0})), Error);
  EXPECT_THROW(t5->hidden_after({{x, {0, 3}}, {4}}, torch::tensor({2})), Error);
}

TEST(T5Test, Bf16IsNearFp32) {
  LoadOptions options;
  options.precision = "bf16";
  const auto rounded = load_generative_lm(fixture("v1_1"), options);
  const auto exact = load(fixture("v1_1"));
  const torch::NoGradGuard no_grad;
  const auto x = exact->embed(torch::tensor({4, 9, 7, 2, 5, 11}));
  const SplitPacked input{{x, {0, 6}}, {4}};
  const auto at = torch::tensor({3, 4, 5});
  EXPECT_LE((rounded->hidden_after(input, at) - exact->hidden_after(input, at))
                .abs()
                .max()
                .item<double>(),
            0.1);
}

std::string failure_of(const std::filesystem::path& folder) {
  try {
    load_generative_lm(folder, {});
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(T5Test, LoadingIsTotal) {
  const auto folder = empty_folder();
  Json config = read_json((fixture("v1_0") / "config.json").string());
  std::filesystem::copy_file(fixture("v1_0") / "model.safetensors", folder / "model.safetensors");
  config["num_decoder_layers"] = 3;
  config["d_ff"] = 21;
  config["tie_word_embeddings"] = false;
  write_file(folder / "config.json", config.dump());
  const std::string what = failure_of(folder);
  EXPECT_THAT(what, HasSubstr("decoder.block.2.layer.1.EncDecAttention.q.weight: is missing"));
  EXPECT_THAT(what, HasSubstr("lm_head.weight: is missing"));
  EXPECT_THAT(what, HasSubstr("DenseReluDense.wi.weight: got shape [20, 12], expected [21, 12]"));
  config["num_decoder_layers"] = 1;
  write_file(folder / "config.json", config.dump());
  EXPECT_THAT(failure_of(folder),
              HasSubstr("decoder.block.1.layer.0.layer_norm.weight: is unexpected"));
  std::filesystem::remove_all(folder);
}

TEST(T5Test, ItIsNoDecoder) {
  try {
    load_causal_lm(fixture("v1_0"), {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::config);
    EXPECT_THAT(error.what(), HasSubstr("does not predict the next token"));
  }
}

TEST(T5Test, CommandsGenerateAndDoNotScore) {
  const auto folder = empty_folder();
  const auto tokenizers =
      std::filesystem::path(KINDRED_SOURCE_DIR) / "tests/fixtures/lm_commands/model";
  for (const char* name : {"tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json"}) {
    if (std::filesystem::exists(tokenizers / name)) {
      std::filesystem::copy_file(tokenizers / name, folder / name);
    }
  }
  const auto tokenizer = text::Tokenizer::load(folder);
  const Json config = {{"model_type", "t5"}, {"vocab_size", tokenizer->size()},
                       {"d_model", 12},      {"d_kv", 4},
                       {"d_ff", 16},         {"num_heads", 2},
                       {"num_layers", 1},    {"eos_token_id", nullptr}};
  save_backbone(*make_generative_lm(config, 5), folder);
  CommandOptions options;
  options.model = folder;
  options.generate.max_new_tokens = 6;
  const std::vector<std::string> texts = {"A fine day", "no"};
  std::vector<std::vector<int64_t>> prompts, want;
  for (const std::string& text : texts) {
    const auto ids = tokenizer->encode(text, {true, true});
    prompts.emplace_back(ids.begin(), ids.end());
  }
  want = generate(*load(folder), prompts, {6, {}, {}});
  std::vector<Json> answers;
  generate_texts(options, texts, [&](const Json& answer) { answers.push_back(answer); });
  ASSERT_EQ(answers.size(), 2u);
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(answers[i]["tokens"], Json(want[i]));
  try {
    score_texts(options, texts, [](const Json&) {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::config);
  }
  std::filesystem::remove_all(folder);
}

TEST(T5Test, RandomWeightsHaveTheirDeviations) {
  const Json config = {{"model_type", "t5"},
                       {"vocab_size", 500},
                       {"d_model", 64},
                       {"d_kv", 16},
                       {"d_ff", 100},
                       {"num_heads", 3},
                       {"num_layers", 1},
                       {"relative_attention_num_buckets", 512},
                       {"relative_attention_max_distance", 600}};
  const auto t5 = make_generative_lm(config, 3);
  const auto weights = t5->named_parameters();
  const auto expect = [&](const std::string& name, double want) {
    EXPECT_NEAR(weights[name].std().item<double>() / want, 1, 0.06) << name;
  };
  const std::string own = "encoder.block.0.layer.0.SelfAttention.";
  expect("shared.weight", 1);
  expect(own + "q.weight", 1 / 32.0);
  expect(own + "k.weight", 1 / 8.0);
  expect(own + "v.weight", 1 / 8.0);
  expect(own + "o.weight", 1 / std::sqrt(48.0));
  expect(own + "relative_attention_bias.weight", 1 / 8.0);
  expect("decoder.block.0.layer.2.DenseReluDense.wi.weight", 1 / 8.0);
  expect("decoder.block.0.layer.2.DenseReluDense.wo.weight", 1 / 10.0);
  EXPECT_NEAR(t5->embedding_std(), 1, 0.02);
  EXPECT_TRUE(weights["encoder.final_layer_norm.weight"].eq(1).all().item<bool>());
}

}  // namespace
}  // namespace kindred::lm
