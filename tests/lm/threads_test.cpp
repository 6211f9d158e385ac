// The number of threads changes no result: one and two threads, and fewer threads than asked for.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "lm/decoder.h"
#include "lm/precision.h"
#include "model/threads.h"

namespace kindred::lm {
namespace {

std::shared_ptr<CausalLM> frozen(const std::string& precision) {
  Json config = {{"model_type", "gpt2"}, {"vocab_size", 301}, {"n_positions", 128},
                 {"n_embd", 96},         {"n_layer", 2},      {"n_head", 4}};
  std::map<std::string, torch::Tensor> weights;
  const auto start = make_causal_lm(config, 11);
  for (const auto& parameter : start->named_parameters())
    weights[parameter.key()] = parameter.value().detach().clone();
  LoadOptions options;
  options.precision = precision;
  return std::make_shared<Decoder>(plan_decoder(config, "config"), Weights(weights), options);
}

struct Result {
  torch::Tensor hidden, gradient;
};

Result run(CausalLM& model, const torch::Tensor& values) {
  const auto x = values.clone().requires_grad_(true);
  const auto hidden = model.hidden({x, {0, 100, 103, 220}});
  hidden.square().sum().backward();
  return {hidden.detach(), x.grad()};
}

double relative(const torch::Tensor& got, const torch::Tensor& want) {
  return ((got - want).norm() / want.norm()).item<double>();
}

TEST(Threads, OneAndTwoGiveTheSameFrozenPasses) {
  const int before = at::get_num_threads();
  for (const char* precision : {"fp32", "bf16"}) {
    if (precision == std::string("bf16") && !multiplies_bf16()) continue;
    const auto model = frozen(precision);
    torch::manual_seed(3);
    const auto x = torch::randn({220, 96});
    model::use_threads(1);
    const Result one = run(*model, x);
    model::use_threads(2);
    const Result two = run(*model, x);
    const double tolerance = precision == std::string("fp32") ? 1e-6 : 4e-3;
    EXPECT_LE(relative(two.hidden, one.hidden), tolerance) << precision;
    EXPECT_LE(relative(two.gradient, one.gradient), tolerance) << precision;
  }
  model::use_threads(before);
}

// The comparison with `transformers` in a process of its own, which OpenMP gives fewer threads than
// LibTorch means to use. oneDNN alone leaves out part of every product there.
int reference_with(const std::string& environment) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command = environment + " OMP_NUM_THREADS=2 '" + self +
                              "' --gtest_filter='Models/Reference.*' >/dev/null 2>&1";
  return std::system(command.c_str());
}

TEST(Threads, FewerGrantedThanAskedForIsStillRight) {
  EXPECT_EQ(reference_with(""), 0);
  EXPECT_EQ(reference_with("OMP_THREAD_LIMIT=1"), 0);
  EXPECT_EQ(reference_with("OMP_DYNAMIC=true"), 0);
}

}  // namespace
}  // namespace kindred::lm
