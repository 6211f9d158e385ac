// Decoders against `transformers`: fixtures of tests/reference/lm_decoders.py, whole tensors, fp32.

#include <gtest/gtest.h>

#include <filesystem>

#include "lm/decoder.h"
#include "lm/generate.h"
#include "lm/reference_file.h"

namespace kindred::lm {
namespace {

std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(KINDRED_SOURCE_DIR) / "tests/fixtures/lm_decoders" / name;
}

class Reference : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    file_ = std::make_unique<ReferenceFile>(fixture(GetParam()) / "reference.safetensors");
  }

  torch::Tensor value(const std::string& name) const { return file_->value(name); }
  std::vector<int64_t> offsets() const { return file_->offsets(); }
  std::pair<torch::Tensor, torch::Tensor> predictions() const { return file_->predictions(); }

  std::shared_ptr<Decoder> load(bool trainable) const {
    LoadOptions options;
    options.trainable = trainable;
    options.device = test_device();
    return std::dynamic_pointer_cast<Decoder>(load_causal_lm(fixture(GetParam()), options));
  }

  std::unique_ptr<ReferenceFile> file_;
};
INSTANTIATE_TEST_SUITE_P(Models, Reference,
                         testing::Values("gpt2", "gpt2_odd", "gpt2_old", "opt", "opt_350m",
                                         "opt_bare", "llama", "llama_gqa", "llama_dynamic",
                                         "llama_3", "qwen2"),
                         [](const auto& info) { return info.param; });

TEST_P(Reference, HiddenStatesOfEveryLayerAndLogits) {
  for (const bool trainable : {false, true}) {
    auto model = load(trainable);
    const torch::NoGradGuard no_grad;
    const Packed input{model->embed(value("ids")), offsets()};
    auto layers = model->hidden_layers(input);
    expect_near(layers.back(), value("hidden"), "last of the layers");
    layers.pop_back();
    expect_near(torch::stack(layers), value("layers"), "layers");
    const auto hidden = model->hidden(input);
    expect_near(hidden, value("hidden"), "hidden");
    expect_near(model->logits(hidden), value("logits"), "logits");
  }
}

TEST_P(Reference, LossAndGradientOfEmbeddings) {
  for (const bool trainable : {false, true}) {
    auto model = load(trainable);
    const auto x = model->embed(value("ids")).detach().requires_grad_(true);
    const auto [rows, targets] = predictions();
    const auto loss = model->cross_entropy_sum(model->hidden({x, offsets()}, rows), targets);
    loss.backward();
    EXPECT_NEAR(loss.item<double>(), value("loss").item<double>(), kTolerance);
    expect_near(x.grad(), value("embedding_gradient"), "embedding gradient");
  }
}

TEST_P(Reference, GradientOfEveryWeight) {
  auto model = load(true);
  const auto [rows, targets] = predictions();
  const auto x = model->embed(value("ids"));
  model->cross_entropy_sum(model->hidden({x, offsets()}, rows), targets).backward();
  for (const auto& parameter : model->named_parameters()) {
    ASSERT_TRUE(parameter.value().grad().defined()) << parameter.key();
    expect_near(parameter.value().grad(), value("gradient." + parameter.key()), parameter.key());
  }
}

TEST_P(Reference, FourOptimiserSteps) {
  auto model = load(true);
  const auto [rows, targets] = predictions();
  torch::optim::AdamW optimizer(model->parameters(),
                                torch::optim::AdamWOptions(1e-2).weight_decay(0.01));
  const auto want = value("adamw_losses");
  for (int64_t step = 0; step < want.numel(); ++step) {
    optimizer.zero_grad();
    const auto x = model->embed(value("ids"));
    const auto loss =
        model->cross_entropy_sum(model->hidden({x, offsets()}, rows), targets) / targets.numel();
    loss.backward();
    optimizer.step();
    EXPECT_NEAR(loss.item<double>(), want[step].item<double>(), kTolerance) << "step " << step;
  }
}

TEST_P(Reference, GreedyContinuations) {
  const std::vector<std::vector<int64_t>> prompts = {{5, 9, 2}, {1}, {30, 31, 32, 33, 34}};
  auto model = load(false);
  const std::vector<int64_t> ends = read_end_tokens(fixture(GetParam()));
  const auto eos = value("eos");
  ASSERT_EQ(torch::tensor(ends).equal(eos.cpu()), true) << "generation_config.json was not read";
  for (const bool until_eos : {false, true}) {
    const auto want = value(until_eos ? "generated_until_eos" : "generated");
    GenerateOptions options;
    options.max_new_tokens = want.size(1);
    if (until_eos) options.end_tokens = ends;
    const auto got = generate(*model, prompts, options);
    for (int64_t i = 0; i < want.size(0); ++i) {
      auto padded = got[static_cast<size_t>(i)];
      padded.resize(static_cast<size_t>(want.size(1)), -1);
      EXPECT_TRUE(torch::tensor(padded).equal(want[i].cpu()))
          << "prompt " << i << ", eos " << until_eos;
    }
  }
}

}  // namespace
}  // namespace kindred::lm
