// Logits of a few words: those of all words at these, and their gradients.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "core/error.h"
#include "lm/model_pair.h"
#include "lm/t5.h"

namespace kindred::lm {
namespace {

// The gradient of the states from a loss on the chosen columns.
torch::Tensor gradient(const torch::Tensor& hidden,
                       const std::function<torch::Tensor(const torch::Tensor&)>& logits) {
  const auto x = hidden.detach().clone().requires_grad_(true);
  const auto chosen = logits(x);
  (chosen * torch::arange(1, chosen.numel() + 1, torch::kFloat).view_as(chosen)).sum().backward();
  return x.grad();
}

void expect_words(GenerativeLM& model, double tolerance, const std::string& what) {
  torch::manual_seed(5);
  const auto hidden = torch::randn({4, model.hidden_size()});
  const auto words =
      torch::tensor({7, 0, 7, static_cast<int>(model.vocab_size()) - 1}, torch::kInt64);
  const auto few = [&](const torch::Tensor& x) { return model.logits(x, words); };
  const auto all = [&](const torch::Tensor& x) { return model.logits(x).index_select(1, words); };
  EXPECT_EQ(few(hidden).scalar_type(), torch::kFloat) << what;
  EXPECT_LE(relative(few(hidden), all(hidden)), tolerance) << what;
  EXPECT_LE(relative(gradient(hidden, few), gradient(hidden, all)), tolerance) << what;
}

TEST(WordLogits, AreThoseOfAllWordsAndSoAreTheirGradients) {
  for (const Json& config : kKinds) {
    for (const std::string precision : {"fp32", "bf16", "int8"}) {
      const auto [trainable, frozen] = models(config, precision);
      expect_words(*frozen, precision == "fp32" ? 1e-6 : 0.02, config.dump() + precision);
      if (precision == "fp32") expect_words(*trainable, 1e-6, config.dump() + " trainable");
    }
  }
  const Json t5 = {{"model_type", "t5"}, {"vocab_size", 90}, {"d_model", 24}, {"d_kv", 6},
                   {"d_ff", 40},         {"num_layers", 2},  {"num_heads", 4}};
  expect_words(*make_generative_lm(t5, 3, {"fp32", false, torch::kCPU}), 1e-6, "t5");
  expect_words(*make_generative_lm(t5, 3), 1e-6, "t5 trainable");
}

TEST(WordLogits, TrainTheRowsOfATrainableHead) {
  const auto [trainable, frozen] = models(kSmall, "fp32");
  const auto words = torch::tensor({3, 9}, torch::kInt64);
  trainable->logits(torch::randn({2, 48}), words).square().sum().backward();
  const auto gradient = trainable->named_parameters()["transformer.wte.weight"].grad();
  ASSERT_TRUE(gradient.defined());
  const auto touched = gradient.abs().sum(1).nonzero().flatten();
  EXPECT_TRUE(touched.equal(words));
}

TEST(WordLogits, OutsideTheVocabularyAreRefused) {
  const auto [trainable, frozen] = models(kSmall, "fp32");
  for (const int64_t word : {int64_t{-1}, int64_t{301}}) {
    try {
      frozen->logits(torch::zeros({1, 48}), torch::tensor({int64_t{4}, word}));
      ADD_FAILURE() << word;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::bad_data);
      EXPECT_THAT(error.what(), testing::HasSubstr("expected one from 0 to 300"));
    }
  }
  EXPECT_EQ(frozen->logits(torch::zeros({2, 48}), torch::empty({0}, torch::kInt64)).sizes(),
            (std::vector<int64_t>{2, 0}));
}

}  // namespace
}  // namespace kindred::lm
