// int8: close to fp32, for inference only; what a loaded folder holds in memory.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/error.h"
#include "lm/adapter.h"
#include "lm/model_pair.h"
#include "lm/quantised.h"

namespace kindred::lm {
namespace {

TEST(Quantised, IsNearTheProductItStandsFor) {
  torch::manual_seed(3);
  const auto weight = torch::randn({70, 48}) * torch::rand({70, 1});
  const auto bias = torch::randn({70});
  const Quantised layer(weight);
  for (const int64_t rows : {1, 2, 33}) {
    auto x = torch::randn({rows, 48});
    x[0] *= 100;  // a row far larger than the others costs them nothing
    const auto want = torch::addmm(bias, x, weight.t());
    const auto got = layer.forward(x, bias);
    for (int64_t r = 0; r < rows; ++r) EXPECT_LT(relative(got[r], want[r]), 0.015) << "row " << r;
    const auto half = layer.forward(x.to(torch::kBFloat16), bias);
    EXPECT_EQ(half.scalar_type(), torch::kBFloat16);
    EXPECT_LT(relative(half.to(torch::kFloat), want), 0.02);
  }
  EXPECT_EQ(layer.forward(torch::empty({0, 48}), bias).sizes(), (std::vector<int64_t>{0, 70}));
  EXPECT_EQ(layer.forward(torch::zeros({1, 48}), {}).abs().max().item<float>(), 0);
}

TEST(Quantised, EveryKindIsNearFp32) {
  for (const Json& config : kKinds) {
    const auto [exact, rounded] = models(config, "int8");
    const torch::NoGradGuard no_grad;
    const Packed input{torch::randn({70, 48}), {0, 9, 10, 70}};
    EXPECT_LT(relative(rounded->hidden(input), exact->hidden(input)), 0.05) << config;
  }
}

TEST(Quantised, TrainsAndSavesNothing) {
  const auto [exact, rounded] = models(kSmall, "int8");
  CausalLM& model = *rounded;
  const auto refused = [](const auto& work) {
    try {
      work();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::config);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(refused([&] {
                const auto x = torch::randn({4, 48}).requires_grad_(true);
                model.hidden({x, {0, 4}}).sum().backward();
              }),
              testing::HasSubstr("int8, which is for inference"));
  EXPECT_THAT(
      refused([&] { save_backbone(model, std::filesystem::path(testing::TempDir()) / "q"); }),
      testing::HasSubstr("int8"));
  Json config = kSmall;
  config["model_type"] = "gpt2";
  EXPECT_THAT(refused([&] { make_causal_lm(config, 1, {"int8", true, torch::kCPU}); }),
              testing::HasSubstr("int8"));
}

TEST(Quantised, TakesAdaptersBesideItsWeights) {
  const auto [exact, rounded] = models(kSmall, "int8");
  const AdapterConfig config = parse_adapter_config(
      {{"peft_type", "LORA"}, {"r", 4}, {"lora_alpha", 64}, {"target_modules", "all-linear"}}, "");
  const auto adapter = [&](CausalLM& model) {
    auto one = std::make_shared<Adapter>(model, config, 5);
    const torch::NoGradGuard no_grad;
    torch::manual_seed(7);
    for (auto [name, tensor] : one->named_parameters()) tensor.add_(torch::randn_like(tensor), 0.1);
    return one;
  };
  const torch::NoGradGuard no_grad;
  const Packed input{torch::randn({30, 48}), {0, 30}};
  const auto without = exact->hidden(input);
  exact->use({adapter(*exact)});
  rounded->use({adapter(*rounded)});
  const auto want = exact->hidden(input);
  EXPECT_GT(relative(without, want), 0.2);
  EXPECT_LT(relative(rounded->hidden(input), want), 0.05);
  EXPECT_THROW(rounded->merge(), Error);
}

}  // namespace
}  // namespace kindred::lm
