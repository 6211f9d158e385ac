// A frozen encoder (its own forward pass, packed weights, bf16) against the ordinary graph.

#include <gtest/gtest.h>

#include "lm/encoder.h"
#include "lm/shaken_weights.h"

namespace kindred::lm {
namespace {

struct Pair {
  std::shared_ptr<EncoderLM> trainable, frozen;
};

Pair models(const Json& config, const std::string& precision) {
  Pair pair;
  pair.trainable = make_encoder(config, 11);
  Weights weights(shaken_weights(*pair.trainable));
  LoadOptions options;
  options.precision = precision;
  pair.frozen =
      std::make_shared<Encoder>(plan_encoder(config, "config"), std::move(weights), options);
  return pair;
}

const Json kBert = {
    {"model_type", "bert"},          {"vocab_size", 301},        {"hidden_size", 48},
    {"num_hidden_layers", 3},        {"num_attention_heads", 4}, {"intermediate_size", 100},
    {"max_position_embeddings", 640}};
const Json kDistilBert = {{"model_type", "distilbert"},
                          {"vocab_size", 301},
                          {"dim", 45},
                          {"n_layers", 2},
                          {"n_heads", 3},
                          {"hidden_dim", 70}};
const Json kLongformer = {{"model_type", "longformer"}, {"vocab_size", 301},
                          {"hidden_size", 48},          {"num_hidden_layers", 2},
                          {"num_attention_heads", 4},   {"intermediate_size", 100},
                          {"attention_window", 6},      {"max_position_embeddings", 200}};

const Json kMpnet = {
    {"model_type", "mpnet"},         {"vocab_size", 301},        {"hidden_size", 48},
    {"num_hidden_layers", 2},        {"num_attention_heads", 4}, {"intermediate_size", 100},
    {"max_position_embeddings", 200}};

double relative(const torch::Tensor& got, const torch::Tensor& want) {
  return ((got - want).norm() / want.norm()).item<double>();
}

// More tokens than are computed together, one sequence longer than half of that, empty ones.
const std::vector<int64_t> kOffsets = {0, 9, 10, 10, 630, 1200, 1207, 1207};

TEST(FrozenEncoder, EqualsTheOrdinaryGraphInFp32) {
  for (const char* activation : {"gelu", "gelu_new", "relu", "silu"}) {
    Json config = kBert;
    config["hidden_act"] = activation;
    auto [trainable, frozen] = models(config, "fp32");
    const torch::NoGradGuard no_grad;
    const Packed input{torch::randn({kOffsets.back(), 48}), kOffsets};
    const auto rows = torch::tensor({1206, 0, 9, 10, 700, 0});
    TokenMarks marks;
    marks.types = torch::randint(0, 2, {kOffsets.back()}, torch::kInt64);
    const auto want = trainable->hidden(input, {}, marks);
    const auto copy = input.embeddings.clone();
    EXPECT_TRUE(torch::allclose(frozen->hidden(input, {}, marks), want, 1e-4, 1e-4)) << activation;
    EXPECT_TRUE(torch::equal(input.embeddings, copy)) << "the input was written to";
    EXPECT_TRUE(
        torch::allclose(frozen->hidden(input, rows, marks), want.index_select(0, rows), 1e-4, 1e-4))
        << activation;
  }
}

TEST(FrozenEncoder, GivesTheSameGradientOfItsInput) {
  for (const Json& config : {kBert, kDistilBert, kLongformer, kMpnet}) {
    auto [trainable, frozen] = models(config, "fp32");
    const auto x = torch::randn({40, frozen->hidden_size()});
    std::vector<torch::Tensor> gradients;
    for (const auto& model : {trainable, frozen}) {
      const auto input = x.clone().requires_grad_(true);
      model->hidden({input, {0, 3, 40}}).square().sum().backward();
      gradients.push_back(input.grad());
    }
    EXPECT_TRUE(torch::allclose(gradients[1], gradients[0], 1e-4, 1e-4)) << frozen->kind();
    for (const auto& parameter : frozen->parameters()) {
      EXPECT_FALSE(parameter.requires_grad());
    }
  }
}

TEST(FrozenEncoder, EveryKindIsWithinBf16sRounding) {
  for (const Json& config : {kBert, kDistilBert, kLongformer, kMpnet}) {
    auto [trainable, frozen] = models(config, "bf16");
    const torch::NoGradGuard no_grad;
    const Packed input{torch::randn({70, frozen->hidden_size()}), {0, 9, 10, 70}};
    EXPECT_LT(relative(frozen->hidden(input), trainable->hidden(input)), 0.02) << frozen->kind();
  }
}

TEST(FrozenEncoder, DropsInTrainingOnly) {
  for (const Json& config : {kBert, kDistilBert, kLongformer, kMpnet}) {
    auto [trainable, frozen] = models(config, "fp32");
    const torch::NoGradGuard no_grad;
    const Packed input{torch::randn({30, frozen->hidden_size()}), {0, 13, 30}};
    const auto still = frozen->hidden(input);
    frozen->train();
    EXPECT_GT(relative(frozen->hidden(input), still), 0.05) << frozen->kind();
    frozen->eval();
    EXPECT_TRUE(torch::equal(frozen->hidden(input), still)) << frozen->kind();
  }
}

// What a token sees beyond its window it sees through global tokens alone.
TEST(Longformer, SeesItsWindowAndGlobalTokens) {
  Json config = kLongformer;
  config["num_hidden_layers"] = 1;
  const auto model = make_encoder(config, 3);
  const torch::NoGradGuard no_grad;
  const auto x = torch::randn({100, 48});
  const auto changed = [&](int64_t token, const TokenMarks& marks) {
    auto other = x.clone();
    other[token] = torch::randn({48});
    const auto difference =
        model->hidden({other, {0, 100}}, {}, marks) - model->hidden({x, {0, 100}}, {}, marks);
    return difference.abs().amax(1) > 0;
  };
  TokenMarks none;
  none.global = torch::zeros({100}, torch::kBool);
  const auto window = changed(50, none);
  EXPECT_EQ(window.sum().item<int64_t>(), 7);
  EXPECT_TRUE(window.narrow(0, 47, 7).all().item<bool>());
  EXPECT_TRUE(changed(0, {}).all().item<bool>()) << "everybody sees the first token";
  const auto seen = changed(50, {});
  EXPECT_EQ(seen.sum().item<int64_t>(), 8) << "the window, and the first token sees everybody";
  EXPECT_TRUE(seen[0].item<bool>());
}

}  // namespace
}  // namespace kindred::lm
