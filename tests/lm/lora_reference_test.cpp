// Adapters against PEFT: fixtures of tests/reference/lm_lora.py, whole tensors, fp32.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/error.h"
#include "core/files.h"
#include "core/strings.h"
#include "lm/adapter.h"
#include "lm/decoder.h"
#include "lm/reference_file.h"

namespace kindred::lm {
namespace {

std::filesystem::path fixtures() {
  return std::filesystem::path(KINDRED_SOURCE_DIR) / "tests/fixtures";
}

class LoraReference : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    file_ = std::make_unique<ReferenceFile>(folder() / "reference.safetensors");
  }

  std::filesystem::path folder() const { return fixtures() / "lm_lora" / GetParam(); }
  torch::Tensor value(const std::string& name) const { return file_->value(name); }

  std::shared_ptr<CausalLM> base(bool trainable = false) const {
    LoadOptions options;
    options.trainable = trainable;
    options.device = test_device();
    const std::string name(trim(read_file(folder() / "base.txt")));
    return load_causal_lm(fixtures() / "lm_decoders" / name, options);
  }

  torch::Tensor logits(CausalLM& model) const {
    const torch::NoGradGuard no_grad;
    return model.logits(model.hidden({model.embed(value("ids")), file_->offsets()}));
  }

  torch::Tensor loss(CausalLM& model, const torch::Tensor& x) const {
    const auto [rows, targets] = file_->predictions();
    return model.cross_entropy_sum(model.hidden({x, file_->offsets()}, rows), targets);
  }

  std::unique_ptr<ReferenceFile> file_;
};
INSTANTIATE_TEST_SUITE_P(Adapters, LoraReference,
                         testing::Values("gpt2", "qwen2", "llama", "llama_gqa", "opt", "opt_350m"),
                         [](const auto& info) { return info.param; });

TEST_P(LoraReference, StatesAndLogits) {
  for (const bool trainable : {false, true}) {
    auto model = base(trainable);
    const auto plain = logits(*model);
    auto adapter = Adapter::load(*model, folder());
    model->use({adapter});
    const torch::NoGradGuard no_grad;
    const auto hidden = model->hidden({model->embed(value("ids")), file_->offsets()});
    expect_near(hidden, value("hidden"), "hidden");
    expect_near(model->logits(hidden), value("logits"), "logits");
    EXPECT_GT((plain - value("logits")).abs().max().item<double>(), 1e-2) << "it changes nothing";
    model->use({});
    EXPECT_TRUE(logits(*model).equal(plain)) << "not as before the adapter";
  }
}

TEST_P(LoraReference, LossAndGradientsOfInputsAndOfTheAdapter) {
  for (const bool checkpoint : {false, true}) {
    auto model = base();
    model->set_checkpointing(checkpoint);
    auto adapter = Adapter::load(*model, folder());
    adapter->set_trainable(true);
    model->use({adapter});
    const auto x = model->embed(value("ids")).detach().requires_grad_(true);
    const auto sum = loss(*model, x);
    sum.backward();
    EXPECT_NEAR(sum.item<double>(), value("loss").item<double>(), kTolerance);
    expect_near(x.grad(), value("embedding_gradient"), "embedding gradient");
    size_t trained = 0;
    for (const auto& [name, tensor] : adapter->named_parameters()) {
      ASSERT_TRUE(tensor.grad().defined()) << name;
      expect_near(tensor.grad(), value("gradient." + name), name);
      ++trained;
    }
    EXPECT_GT(trained, 2u);
  }
}

TEST_P(LoraReference, GradientsWithoutThatOfTheInput) {
  auto model = base();
  auto adapter = Adapter::load(*model, folder());
  adapter->set_trainable(true);
  model->use({adapter});
  loss(*model, model->embed(value("ids")).detach()).backward();
  for (const auto& [name, tensor] : adapter->named_parameters()) {
    expect_near(tensor.grad(), value("gradient." + name), name);
  }
}

TEST_P(LoraReference, FourOptimiserSteps) {
  auto model = base();
  auto adapter = Adapter::load(*model, folder());
  adapter->set_trainable(true);
  model->use({adapter});
  std::vector<torch::Tensor> parameters;
  for (const auto& [name, tensor] : adapter->named_parameters()) parameters.push_back(tensor);
  torch::optim::AdamW optimizer(parameters, torch::optim::AdamWOptions(1e-2).weight_decay(0.01));
  const auto want = value("adamw_losses");
  const auto targets = file_->predictions().second.numel();
  for (int64_t step = 0; step < want.numel(); ++step) {
    optimizer.zero_grad();
    const auto mean = loss(*model, model->embed(value("ids"))) / targets;
    mean.backward();
    optimizer.step();
    EXPECT_NEAR(mean.item<double>(), want[step].item<double>(), kTolerance);
  }
  // What was trained stays with the adapter, and the model is as it was.
  const auto trained = logits(*model);
  const auto plain = logits(*base());
  model->use({});
  EXPECT_TRUE(logits(*model).equal(plain));
  model->use({adapter});
  EXPECT_TRUE(logits(*model).equal(trained));
}

TEST_P(LoraReference, MergedAndUnmerged) {
  auto model = base();
  auto adapter = Adapter::load(*model, folder());
  const auto plain = logits(*model);
  model->use({adapter});
  const auto with = logits(*model);
  model->merge();
  expect_near(logits(*model), value("merged_logits"), "merged");
  model->unmerge();
  EXPECT_TRUE(logits(*model).equal(with));
  model->merge();
  model->use({});
  EXPECT_TRUE(logits(*model).equal(plain)) << "unmerging is not exact";
}

TEST_P(LoraReference, SavedAndLoaded) {
  auto model = base();
  auto adapter = Adapter::load(*model, folder());
  model->use({adapter});
  const auto target = std::filesystem::path(testing::TempDir()) / ("lora_" + GetParam());
  std::filesystem::remove_all(target);
  adapter->save(target);
  model->use({Adapter::load(*model, target)});
  expect_near(logits(*model), value("logits"), "logits");
  for (const auto& [name, tensor] : adapter->named_parameters()) {
    EXPECT_FALSE(tensor.requires_grad()) << name;
  }
}

}  // namespace
}  // namespace kindred::lm
