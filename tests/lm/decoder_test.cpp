#include "lm/decoder.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace kindred::lm {
namespace {

Json tiny_config() {
  return {{"model_type", "gpt2"}, {"vocab_size", 61}, {"n_positions", 32},
          {"n_embd", 24},         {"n_layer", 2},     {"n_head", 3}};
}

TEST(Decoder, PackedSequencesDoNotSeeEachOther) {
  auto model = make_causal_lm(tiny_config(), 7);
  const auto ids = torch::randint(61, {12}, torch::kInt64);
  const auto x = model->embed(ids).detach();
  const auto packed = model->hidden({x, {0, 5, 5, 12}});
  const auto first = model->hidden({x.narrow(0, 0, 5), {0, 5}});
  const auto second = model->hidden({x.narrow(0, 5, 7), {0, 7}});
  EXPECT_TRUE(torch::allclose(packed, torch::cat({first, second}), 1e-5, 1e-6));
}

TEST(Decoder, LossIsTheSumOfCrossEntropiesAndSoAreItsGradients) {
  auto model = make_causal_lm(tiny_config(), 7);
  const auto x = model->embed(torch::randint(61, {9}, torch::kInt64)).detach();
  const auto targets = torch::randint(61, {9}, torch::kInt64);
  auto rows = model->hidden({x, {0, 9}}).detach().requires_grad_(true);
  model->cross_entropy_sum(rows, targets).backward();
  const auto weight = model->named_parameters()["transformer.wte.weight"];
  const auto rows_gradient = rows.grad().clone(), weight_gradient = weight.grad().clone();
  rows.mutable_grad() = torch::Tensor();
  weight.mutable_grad() = torch::Tensor();
  const auto plain = torch::nn::functional::cross_entropy(
      model->logits(rows), targets,
      torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum));
  plain.backward();
  EXPECT_TRUE(torch::allclose(rows_gradient, rows.grad(), 1e-5, 1e-6));
  EXPECT_TRUE(torch::allclose(weight_gradient, weight.grad(), 1e-5, 1e-6));
}

TEST(Decoder, TheCacheGivesTheSameHiddenStates) {
  auto model = make_causal_lm(tiny_config(), 7);
  const torch::NoGradGuard no_grad;
  const auto x = model->embed(torch::randint(61, {10}, torch::kInt64));
  const auto whole = model->hidden({x, {0, 10}});
  auto cache = model->make_cache();
  const auto a = model->hidden_next(x.narrow(0, 0, 4), *cache);
  const auto b = model->hidden_next(x.narrow(0, 4, 1), *cache);
  const auto c = model->hidden_next(x.narrow(0, 5, 5), *cache);
  EXPECT_EQ(cache->length(), 10);
  EXPECT_TRUE(torch::allclose(whole, torch::cat({a, b, c}), 1e-5, 1e-6));
}

TEST(Decoder, ALongerSequenceThanTheContextIsRefused) {
  auto model = make_causal_lm(tiny_config(), 7);
  try {
    model->hidden({torch::zeros({33, 24}), {0, 33}});
    FAIL() << "a sequence of 33 tokens was read with a context of 32";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::bad_data);
  }
}

}  // namespace
}  // namespace kindred::lm
