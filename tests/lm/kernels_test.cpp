// The hand-written loops against ATen, values and gradients, in both forms (AVX-512 and baseline).

#include "lm/kernels.h"

#include <gtest/gtest.h>

#include "lm/activation.h"
#include "lm/attention.h"
#include "lm/kernel_forms.h"

namespace kindred::lm {
namespace {

class Kernels : public KernelForms {};
INSTANTIATE_TEST_SUITE_P(Forms, Kernels, testing::Bool(), form_name);

struct AttentionCase {
  std::vector<int64_t> lengths;
  int64_t heads, head_dim, key_heads = 0;  ///< of keys and values; 0: as many
  bool causal = true;
};

// Values and gradients of the packed form and of the plain form in fp64.
void compare_attention(const AttentionCase& c, torch::ScalarType type, double tolerance,
                       const Dropout& dropout = {}) {
  const int64_t key_heads = c.key_heads > 0 ? c.key_heads : c.heads;
  AttentionShape shape{
      {0}, c.heads, key_heads, 1.0 / std::sqrt(static_cast<double>(c.head_dim)), dropout, c.causal};
  for (const int64_t n : c.lengths) shape.offsets.push_back(shape.offsets.back() + n);
  const int64_t tokens = shape.offsets.back(), d = c.heads * c.head_dim;
  auto qkv = torch::randn({tokens, d + 2 * key_heads * c.head_dim}).to(type).requires_grad_(true);
  const auto weights = torch::randn({tokens, d}).to(type);
  const auto got = attention(qkv, shape);
  got.backward(weights);
  auto exact = qkv.detach().to(torch::kDouble).requires_grad_(true);
  const auto want = attention_plain(exact, shape);
  want.backward(weights.to(torch::kDouble));
  EXPECT_LT(largest_difference(got, want), tolerance);
  EXPECT_LT(largest_difference(qkv.grad(), exact.grad()), tolerance);
}

TEST_P(Kernels, AttentionEqualsThePlainForm) {
  for (const AttentionCase& c : std::vector<AttentionCase>{{{1}, 1, 16},
                                                           {{5, 1, 16, 17, 0, 33}, 2, 64},
                                                           {{31, 7, 64, 65}, 3, 24},
                                                           {{40, 3}, 2, 5},
                                                           {{40, 3, 70}, 6, 8, 2},
                                                           {{17, 2}, 4, 6, 1},
                                                           {{130, 257}, 1, 32}}) {
    compare_attention(c, torch::kFloat, 2e-5);
  }
}

TEST_P(Kernels, AttentionToTheWholeSequenceEqualsThePlainForm) {
  for (const AttentionCase& c : std::vector<AttentionCase>{{{1}, 1, 16, 0, false},
                                                           {{5, 1, 16, 17, 0, 33}, 2, 64, 0, false},
                                                           {{2, 3, 64, 65}, 3, 24, 0, false},
                                                           {{40, 3, 70}, 6, 8, 2, false}}) {
    compare_attention(c, torch::kFloat, 2e-5);
    compare_attention(c, torch::kFloat, 5e-5, {7, 0.3f});
  }
}

TEST_P(Kernels, AttentionInBrainFloatIsWithinItsRounding) {
  // Outputs near 1 are stored with 8 bits, gradients near 4 too.
  compare_attention({{9, 24, 70}, 2, 64}, torch::kBFloat16, 0.06);
}

TEST_P(Kernels, AttentionDropsTheSameAsThePlainForm) {
  compare_attention({{2, 1, 40, 17, 0, 33}, 3, 24}, torch::kFloat, 5e-5, {7, 0.3f});
  compare_attention({{2, 40, 17}, 4, 24, 2}, torch::kFloat, 5e-5, {7, 0.3f});
  compare_attention({{130}, 2, 64}, torch::kFloat, 5e-5, {8, 0.1f});
}

TEST_P(Kernels, DropoutKeepsItsShareAndScale) {
  const int64_t rows = 400, columns = 333;
  const auto mask = [&](const Dropout& dropout) {
    return dropped(torch::ones({rows, columns}), dropout);
  };
  const auto first = mask({11, 0.25f}), again = mask({11, 0.25f}), other = mask({12, 0.25f});
  EXPECT_TRUE(torch::equal(first, again));
  const auto kept = first.gt(0).to(torch::kDouble), kept_other = other.gt(0).to(torch::kDouble);
  EXPECT_TRUE(torch::allclose(first, kept.to(torch::kFloat) / 0.75f));
  // Shares within five standard errors, of all elements and of each row and column.
  const auto near = [](const torch::Tensor& share, double p, double n) {
    return (share - p).abs().max().item<double>() < 5 * std::sqrt(p * (1 - p) / n);
  };
  EXPECT_TRUE(near(kept.mean(), 0.75, rows * columns));
  EXPECT_TRUE(near(kept.mean(0), 0.75, rows));
  EXPECT_TRUE(near(kept.mean(1), 0.75, columns));
  // Neighbours in a row, in a column and under another key agree as often as chance has it.
  const double agree = 0.75 * 0.75 + 0.25 * 0.25;
  const auto same = [](const torch::Tensor& a, const torch::Tensor& b) {
    return a.eq(b).to(torch::kDouble).mean();
  };
  EXPECT_TRUE(near(same(kept.narrow(0, 1, rows - 1), kept.narrow(0, 0, rows - 1)), agree, 1.3e5));
  EXPECT_TRUE(
      near(same(kept.narrow(1, 1, columns - 1), kept.narrow(1, 0, columns - 1)), agree, 1.3e5));
  EXPECT_TRUE(near(same(kept, kept_other), agree, 1.3e5));
}

TEST_P(Kernels, AttentionSurvivesLargeScores) {
  AttentionShape shape{{0, 20}, 1, 1, 1};
  const auto qkv = torch::randn({20, 48}) * 100;
  const auto got = attention(qkv, shape);
  EXPECT_LT(largest_difference(got, attention_plain(qkv.to(torch::kDouble), shape)), 1e-3);
}

TEST_P(Kernels, AttentionPassesNanOn) {
  AttentionShape shape{{0, 4}, 1, 1, 1};
  auto qkv = torch::randn({4, 48});
  qkv[1][20] = NAN;
  EXPECT_TRUE(attention(qkv, shape)[3].isnan().all().item<bool>());
}

TEST_P(Kernels, GeluEqualsAtenInValueAndGradient) {
  for (const auto type : {torch::kFloat, torch::kBFloat16}) {
    const double tolerance = type == torch::kFloat ? 1e-6 : 0.03;
    auto x = torch::cat({torch::linspace(-12, 12, 1003), torch::randn({500})}).to(type);
    x.requires_grad_(true);
    const auto got = activate(Activation::gelu_tanh, x);
    got.backward(torch::ones_like(got));
    auto exact = x.detach().to(torch::kDouble).requires_grad_(true);
    const auto want = torch::gelu(exact, "tanh");
    want.backward(torch::ones_like(want));
    EXPECT_LT(largest_difference(got, want), tolerance);
    EXPECT_LT(largest_difference(x.grad(), exact.grad()), tolerance);
  }
}

TEST_P(Kernels, NormAddsAndNormalisesWithItsGradient) {
  const int64_t rows = 7, d = 53;
  const auto weight = torch::randn({d}), bias = torch::randn({d}), added = torch::randn({rows, d});
  const auto x = torch::randn({rows, d}) * 3 + 1, d_y = torch::randn({rows, d});
  auto stream = x.clone(), unit = torch::empty({rows, d}), y = torch::empty({rows, d});
  auto rstd = torch::empty({rows}), d_x = torch::ones({rows, d}), copy = torch::empty({rows, d});
  const kernels::Norm norm{weight.data_ptr<float>(), bias.data_ptr<float>(), d, 1e-5f};
  const kernels::Branch<const float> branch{added.data_ptr<float>()};
  kernels::add_norm_forward(norm, rows, branch, stream.data_ptr<float>(), unit.data_ptr<float>(),
                            rstd.data_ptr<float>(), y.data_ptr<float>());
  kernels::norm_backward(norm, rows, d_y.data_ptr<float>(), unit.data_ptr<float>(),
                         rstd.data_ptr<float>(), d_x.data_ptr<float>(),
                         kernels::Branch<float>{copy.data_ptr<float>()});
  auto exact = (x + added).to(torch::kDouble).requires_grad_(true);
  const auto want =
      torch::layer_norm(exact, {d}, weight.to(torch::kDouble), bias.to(torch::kDouble));
  want.backward(d_y.to(torch::kDouble));
  EXPECT_LT(largest_difference(stream, x + added), 1e-6);
  EXPECT_LT(largest_difference(y, want), 2e-6);
  EXPECT_LT(largest_difference(d_x, exact.grad() + 1), 2e-6);
  EXPECT_TRUE(torch::equal(d_x, copy));
}

TEST_P(Kernels, RunningSoftmaxJoinsBlocks) {
  const auto scores = torch::randn({100}) * 20;
  auto first = scores.narrow(0, 0, 37).clone(), second = scores.narrow(0, 37, 63).clone();
  kernels::RunningSoftmax state{-INFINITY, 0};
  EXPECT_EQ(kernels::extend_softmax(state, 37, first.data_ptr<float>()), 0.0f);
  const float factor = kernels::extend_softmax(state, 63, second.data_ptr<float>());
  const auto joined = torch::cat({first * factor, second}) / state.sum;
  EXPECT_LT(largest_difference(joined, torch::softmax(scores.to(torch::kDouble), 0)), 1e-6);
}

}  // namespace
}  // namespace kindred::lm
