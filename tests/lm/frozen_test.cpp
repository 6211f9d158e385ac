// A frozen GPT-2 (its own forward and backward passes, packed weights, bf16) against the ordinary
// graph.

#include <gtest/gtest.h>

#include "lm/gpt2.h"
#include "lm/precision.h"

namespace kindred::lm {
namespace {

struct Pair {
  std::shared_ptr<CausalLM> trainable, frozen;
};

Pair models(Json config, const std::string& precision) {
  config["model_type"] = "gpt2";
  Pair pair;
  pair.trainable = make_causal_lm(config, 11);
  // Norms and biases away from their first values, so that every term counts.
  torch::manual_seed(5);
  std::map<std::string, torch::Tensor> weights;
  {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : pair.trainable->named_parameters()) {
      parameter.value().add_(torch::randn_like(parameter.value()), 0.1);
      weights[parameter.key()] = parameter.value().clone();
    }
  }
  LoadOptions options;
  options.precision = precision;
  pair.frozen = std::make_shared<Gpt2>(parse_gpt2_config(config, "config"), weights, options);
  return pair;
}

const Json kSmall = {{"vocab_size", 301}, {"n_positions", 64}, {"n_embd", 48},
                     {"n_layer", 3},      {"n_head", 4},       {"n_inner", 100}};

struct Result {
  torch::Tensor hidden, gradient;
  double loss;
};

Result run(CausalLM& model, const torch::Tensor& values, const std::vector<int64_t>& offsets,
           const torch::Tensor& targets) {
  const auto x = values.clone().requires_grad_(true);
  const auto hidden = model.hidden({x, offsets});
  const auto loss = model.cross_entropy_sum(hidden, targets) / targets.size(0);
  loss.backward();
  return {hidden.detach(), x.grad(), loss.item<double>()};
}

double relative(const torch::Tensor& got, const torch::Tensor& want) {
  return ((got - want).norm() / want.norm()).item<double>();
}

TEST(Frozen, EqualsTheOrdinaryGraphInFp32) {
  for (const char* activation : {"gelu_new", "gelu", "relu", "silu", "quick_gelu", "tanh"}) {
    Json config = kSmall;
    config["activation_function"] = activation;
    config["scale_attn_by_inverse_layer_idx"] = true;
    auto [trainable, frozen] = models(config, "fp32");
    const auto x = torch::randn({70, 48});
    const auto targets = torch::randint(301, {70}, torch::kInt64);
    const Result want = run(*trainable, x, {0, 9, 10, 70}, targets);
    const Result got = run(*frozen, x, {0, 9, 10, 70}, targets);
    EXPECT_TRUE(torch::allclose(got.hidden, want.hidden, 1e-4, 1e-5)) << activation;
    EXPECT_TRUE(torch::allclose(got.gradient, want.gradient, 1e-4, 1e-6)) << activation;
    EXPECT_NEAR(got.loss, want.loss, 1e-5);
    for (const auto& parameter : frozen->parameters()) {
      EXPECT_FALSE(parameter.requires_grad());
      EXPECT_FALSE(parameter.grad().defined());
    }
  }
}

TEST(Frozen, Bf16IsWithinItsRoundingOfFp32) {
  auto [trainable, frozen] = models(kSmall, "bf16");
  const auto x = torch::randn({70, 48});
  const auto targets = torch::randint(301, {70}, torch::kInt64);
  const Result want = run(*trainable, x, {0, 9, 10, 70}, targets);
  const Result got = run(*frozen, x, {0, 9, 10, 70}, targets);
  // bf16 keeps 8 bits: 2^-9 for each rounding, of which a path through three layers has some
  // twenty.
  EXPECT_LT(relative(got.hidden, want.hidden), 0.02);
  EXPECT_LT(relative(got.gradient, want.gradient), 0.05);
  EXPECT_NEAR(got.loss, want.loss, 0.02 * want.loss);
}

TEST(Frozen, NoGradGivesTheSameValues) {
  auto [trainable, frozen] = models(kSmall, "fp32");
  const auto x = torch::randn({20, 48});
  const auto with = frozen->hidden({x.clone().requires_grad_(true), {0, 13, 20}}).detach();
  const auto before = x.clone();
  const auto without = frozen->hidden({x, {0, 13, 20}});
  EXPECT_TRUE(torch::equal(with, without));
  EXPECT_TRUE(torch::equal(before, x)) << "the input was written to";
}

TEST(Frozen, VocabularyLossOverManyBlocksEqualsTheWhole) {
  // More rows and words than one block holds, a target at each end.
  torch::manual_seed(2);
  const auto weight = torch::randn({9001, 24}), hidden = torch::randn({700, 24});
  auto targets = torch::randint(9001, {700}, torch::kInt64);
  targets[0] = 0;
  targets[1] = 9000;
  auto config = kSmall;
  config["vocab_size"] = 9001;
  config["n_embd"] = 24;
  auto [trainable, frozen] = models(config, "fp32");
  auto a = hidden.clone().requires_grad_(true), b = hidden.clone().requires_grad_(true);
  const auto loss = frozen->cross_entropy_sum(a, targets);
  loss.backward();
  const auto plain = torch::nn::functional::cross_entropy(
      frozen->logits(b), targets,
      torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum));
  plain.backward();
  EXPECT_NEAR(loss.item<double>() / plain.item<double>(), 1, 1e-6);
  EXPECT_TRUE(torch::allclose(a.grad(), b.grad(), 1e-4, 1e-6));
}

}  // namespace
}  // namespace kindred::lm
