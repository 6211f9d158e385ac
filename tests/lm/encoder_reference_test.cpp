// Encoders against `transformers`: fixtures of tests/reference/lm_encoders.py, whole tensors, fp32.

#include <gtest/gtest.h>

#include <filesystem>

#include "lm/encoder.h"
#include "lm/pooling.h"
#include "lm/reference_file.h"

namespace kindred::lm {
namespace {

std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(KINDRED_SOURCE_DIR) / "tests/fixtures/lm_encoders" / name;
}

class EncoderReference : public testing::TestWithParam<std::string> {
 protected:
  torch::Tensor value(const std::string& name) const { return file_.value(name); }
  std::vector<int64_t> offsets() const { return file_.offsets(); }

  // The plain `longformer` takes the default, each first token.
  TokenMarks marks() const {
    TokenMarks result;
    if (file_.has("types")) result.types = value("types");
    if (file_.has("global") && GetParam() != "longformer") result.global = value("global") != 0;
    return result;
  }

  std::shared_ptr<Encoder> load(bool trainable) const {
    LoadOptions options;
    options.trainable = trainable;
    options.device = test_device();
    return std::dynamic_pointer_cast<Encoder>(load_encoder(fixture(GetParam()), options));
  }

  torch::Tensor loss(Encoder& model, const torch::Tensor& x) const {
    return (model.hidden({x, offsets()}, {}, marks()) - value("target")).square().sum();
  }

  ReferenceFile file_{fixture(GetParam()) / "reference.safetensors"};
};
INSTANTIATE_TEST_SUITE_P(Models, EncoderReference,
                         testing::Values("bert", "bert_head", "bert_old", "roberta", "xlm_roberta",
                                         "distilbert", "longformer", "longformer_marks", "mpnet"),
                         [](const auto& info) { return info.param; });

TEST_P(EncoderReference, HiddenStatesOfEveryLayer) {
  for (const bool trainable : {false, true}) {
    auto model = load(trainable);
    const torch::NoGradGuard no_grad;
    const Packed input{model->embed(value("ids")), offsets()};
    auto layers = model->hidden_layers(input, marks());
    expect_near(layers.back(), value("hidden"), "last of the layers");
    layers.pop_back();
    expect_near(torch::stack(layers), value("layers"), "layers");
    expect_near(model->hidden(input, {}, marks()), value("hidden"), "hidden");
    const auto rows = torch::tensor({0, 7, 3, 9}, torch::kInt64).to(test_device());
    expect_near(model->hidden(input, rows, marks()), value("hidden").index_select(0, rows), "rows");
  }
}

TEST_P(EncoderReference, LossAndGradientOfEmbeddings) {
  for (const bool trainable : {false, true}) {
    auto model = load(trainable);
    const auto x = model->embed(value("ids")).detach().requires_grad_(true);
    const auto distance = loss(*model, x);
    distance.backward();
    EXPECT_NEAR(distance.item<double>(), value("loss").item<double>(),
                1e-6 * value("loss").item<double>());
    expect_near(x.grad(), value("embedding_gradient"), "embedding gradient");
  }
}

TEST_P(EncoderReference, GradientOfEveryWeight) {
  auto model = load(true);
  loss(*model, model->embed(value("ids"))).backward();
  for (const auto& parameter : model->named_parameters()) {
    ASSERT_TRUE(parameter.value().grad().defined()) << parameter.key();
    const auto want = value("gradient." + parameter.key());
    // Sums of squares over twenty tokens: gradients of hundreds, in fp32.
    const double scale = std::max(1.0, want.abs().max().item<double>());
    expect_near(parameter.value().grad() / scale, want / scale, parameter.key());
  }
}

TEST_P(EncoderReference, FourOptimiserSteps) {
  auto model = load(true);
  torch::optim::AdamW optimizer(model->parameters(),
                                torch::optim::AdamWOptions(1e-2).weight_decay(0.01));
  const auto want = value("adamw_losses");
  const auto tokens = static_cast<double>(value("target").numel());
  for (int64_t step = 0; step < want.numel(); ++step) {
    optimizer.zero_grad();
    const auto mean = loss(*model, model->embed(value("ids"))) / tokens;
    mean.backward();
    optimizer.step();
    EXPECT_NEAR(mean.item<double>(), want[step].item<double>(), kTolerance) << "step " << step;
  }
}

TEST_P(EncoderReference, EveryPooling) {
  for (const Pooling kind : all_poolings()) {
    const std::string name = pooling_name(kind);
    expect_near(pool(value("hidden"), offsets(), kind), value("pooled." + name), name);
  }
}

}  // namespace
}  // namespace kindred::lm
