// A frozen decoder (its own forward and backward passes, packed weights, bf16) against the ordinary
// graph.

#include <gtest/gtest.h>

#include "lm/model_pair.h"
#include "lm/precision.h"

namespace kindred::lm {
namespace {

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

// Both forms in training mode from the same state of the generator.
Result run_training(CausalLM& model, const torch::Tensor& values,
                    const std::vector<int64_t>& offsets, const torch::Tensor& rows,
                    const torch::Tensor& targets) {
  model.train();
  torch::manual_seed(17);
  const auto x = values.clone().requires_grad_(true);
  const auto hidden = model.hidden({x, offsets}, rows);
  const auto loss = model.cross_entropy_sum(hidden, targets) / targets.size(0);
  loss.backward();
  model.eval();
  return {hidden.detach(), x.grad(), loss.item<double>()};
}

TEST(Frozen, DropsTheSameAsTheOrdinaryGraph) {
  // Each of the three dropouts alone, then all; all rows read, then some of them.
  const double shares[][3] = {{0.3, 0, 0}, {0, 0.3, 0}, {0, 0, 0.3}, {0.1, 0.2, 0.3}};
  for (const auto& share : shares) {
    Json config = kSmall;
    config["embd_pdrop"] = share[0];
    config["attn_pdrop"] = share[1];
    config["resid_pdrop"] = share[2];
    auto [trainable, frozen] = models(config, "fp32");
    const auto x = torch::randn({70, 48});
    const std::vector<int64_t> offsets{0, 9, 10, 70};
    for (const auto& rows : {torch::arange(70), torch::tensor({8, 9, 33, 69})}) {
      const auto targets = torch::randint(301, {rows.size(0)}, torch::kInt64);
      const Result want = run_training(*trainable, x, offsets, rows, targets);
      const Result got = run_training(*frozen, x, offsets, rows, targets);
      EXPECT_TRUE(torch::allclose(got.hidden, want.hidden, 1e-4, 1e-5)) << share[0];
      EXPECT_TRUE(torch::allclose(got.gradient, want.gradient, 1e-4, 1e-6)) << share[1];
      const Result without = run(*frozen, x, offsets, torch::zeros({70}, torch::kInt64));
      EXPECT_GT(relative(got.hidden, without.hidden.index_select(0, rows)), 0.05)
          << "nothing was dropped";
    }
  }
}

TEST(Frozen, EveryKindEqualsTheOrdinaryGraph) {
  for (const Json& config : kKinds) {
    const std::string kind = config["model_type"];
    auto [trainable, frozen] = models(config, "fp32");
    const auto x = torch::randn({70, 48});
    const std::vector<int64_t> offsets{0, 9, 10, 70};
    const auto rows = torch::tensor({8, 9, 33, 69, 33});
    const auto targets = torch::randint(301, {5}, torch::kInt64);
    const Result want = run_training(*trainable, x, offsets, rows, targets);
    const Result got = run_training(*frozen, x, offsets, rows, targets);
    EXPECT_TRUE(torch::allclose(got.hidden, want.hidden, 1e-4, 1e-5)) << kind;
    EXPECT_TRUE(torch::allclose(got.gradient, want.gradient, 1e-4, 1e-6)) << kind;
  }
}

TEST(Frozen, EveryKindIsWithinBf16sRounding) {
  for (const Json& config : kKinds) {
    const std::string kind = config["model_type"];
    auto [trainable, frozen] = models(config, "bf16");
    const auto x = torch::randn({70, 48});
    const auto targets = torch::randint(301, {70}, torch::kInt64);
    const Result want = run(*trainable, x, {0, 9, 10, 70}, targets);
    const Result got = run(*frozen, x, {0, 9, 10, 70}, targets);
    EXPECT_LT(relative(got.hidden, want.hidden), 0.02) << kind;
    EXPECT_LT(relative(got.gradient, want.gradient), 0.05) << kind;
  }
}

TEST(Frozen, DropsAnewInEveryPassAndTheSameFromTheSameState) {
  auto [trainable, frozen] = models(kSmall, "fp32");
  const torch::NoGradGuard no_grad;
  const Packed input{torch::randn({30, 48}), {0, 13, 30}};
  frozen->train();
  torch::manual_seed(1);
  const auto first = frozen->hidden(input), second = frozen->hidden(input);
  torch::manual_seed(1);
  const auto again = frozen->hidden(input);
  EXPECT_TRUE(torch::equal(first, again));
  EXPECT_GT(relative(second, first), 0.05);
  const int threads = torch::get_num_threads();
  torch::set_num_threads(1);
  torch::manual_seed(1);
  EXPECT_TRUE(torch::allclose(frozen->hidden(input), first, 1e-5, 1e-6));
  torch::set_num_threads(threads);
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
