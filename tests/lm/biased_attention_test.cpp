// T5's attention by hand-written kernels against the plain form, values and gradients, in both
// forms (AVX-512 and baseline).

#include "lm/biased_attention.h"

#include <gtest/gtest.h>

#include "lm/kernel_forms.h"

namespace kindred::lm {
namespace {

class BiasedKernels : public KernelForms {};
INSTANTIATE_TEST_SUITE_P(Forms, BiasedKernels, testing::Bool(), form_name);

std::vector<int64_t> ends(const std::vector<int64_t>& lengths) {
  std::vector<int64_t> offsets = {0};
  for (const int64_t n : lengths) offsets.push_back(offsets.back() + n);
  return offsets;
}

struct Case {
  std::vector<int64_t> queries, keys;
  int64_t heads, head_dim;
  bool causal = false, biased = false;
};

BiasedShape shape_of(const Case& c) {
  BiasedShape shape{ends(c.queries), ends(c.keys), c.heads, c.causal};
  if (c.biased) shape.bias = torch::randn({c.heads, 2 * 75 - 1});
  return shape;
}

// The kernels in `type` against the plain form in fp64.
void compare(const Case& c, torch::ScalarType type, double tolerance) {
  const BiasedShape shape = shape_of(c);
  BiasedShape exact_shape = shape;
  if (c.biased) exact_shape.bias = shape.bias.to(torch::kDouble);
  const int64_t width = c.heads * c.head_dim;
  // Queries as they lie beside keys and values.
  auto wide = torch::randn({shape.queries.back(), 3 * width}).to(type).requires_grad_(true);
  auto read = torch::randn({shape.keys.back(), 2 * width}).to(type).requires_grad_(true);
  const auto weights = torch::randn({shape.queries.back(), width}).to(type);
  const auto got = biased_attention(wide.narrow(1, width, width), read, shape);
  got.backward(weights);
  auto exact_wide = wide.detach().to(torch::kDouble).requires_grad_(true);
  auto exact_read = read.detach().to(torch::kDouble).requires_grad_(true);
  const auto want =
      biased_attention_plain(exact_wide.narrow(1, width, width), exact_read, exact_shape);
  want.backward(weights.to(torch::kDouble));
  EXPECT_LT(largest_difference(got, want), tolerance);
  EXPECT_LT(largest_difference(wide.grad(), exact_wide.grad()), tolerance);
  EXPECT_LT(largest_difference(read.grad(), exact_read.grad()), tolerance);
}

// Both ways and causal with a bias, and across two sides with neither. Scores are not scaled, so
// heads are small: large ones make a softmax of one key.
const std::vector<Case> kCases = {
    {{5, 1, 16, 17, 0, 33}, {5, 1, 16, 17, 0, 33}, 2, 16, false, true},
    {{70, 2, 33, 3}, {70, 2, 33, 3}, 3, 5, false, true},
    {{5, 1, 16, 17, 0, 33}, {5, 1, 16, 17, 0, 33}, 2, 16, true, true},
    {{70, 3, 4}, {70, 3, 4}, 3, 6, true, true},
    {{40, 2, 1, 6, 0, 5}, {3, 50, 1, 0, 7, 33}, 2, 12, false, false},
    {{1, 1, 1}, {20, 1, 64}, 4, 8, false, false},
};

TEST_P(BiasedKernels, EqualThePlainForm) {
  for (const Case& c : kCases) {
    compare(c, torch::kFloat, 1e-4);
    compare(c, torch::kBFloat16, 0.15);
  }
}

TEST_P(BiasedKernels, KeysThatLieAnywhereAreReadTheSame) {
  const int64_t heads = 2, d = 6, width = heads * d;
  for (const int64_t n : {1, 3, 9}) {
    // The last queries of sequences that are read whole.
    const std::vector<int64_t> lengths = {9, 40, 12};
    const BiasedShape whole = shape_of({lengths, lengths, heads, d, true, true});
    const auto qkv = torch::randn({whole.keys.back(), 3 * width});
    const auto want =
        biased_attention_plain(qkv.narrow(1, 0, width), qkv.narrow(1, width, 2 * width), whole);
    BiasedShape part = whole;
    part.queries = ends({n, n, n});
    part.keys.clear();
    std::vector<torch::Tensor> last, expected;
    std::vector<KeyRows> read;
    for (size_t s = 0; s < lengths.size(); ++s) {
      const int64_t begin = whole.keys[s], end = whole.keys[s + 1];
      last.push_back(qkv.slice(0, end - n, end).narrow(1, 0, width));
      expected.push_back(want.slice(0, end - n, end));
      read.push_back({qkv.slice(0, begin, end).narrow(1, width, width),
                      qkv.slice(0, begin, end).narrow(1, 2 * width, width)});
    }
    const auto got = biased_attention_over(torch::cat(last), read, part);
    EXPECT_LT(largest_difference(got, torch::cat(expected)), 2e-5) << n;
  }
}

// The masks are those of rows (token, head), as in the decoders' attention.
TEST_P(BiasedKernels, DropoutIsOfTheProbabilities) {
  const int64_t heads = 2, d = 5, width = heads * d, n = 40, m = 23;
  BiasedShape shape{{0, n}, {0, m}, heads};
  shape.dropout = {11, 0.3f};
  auto queries = torch::randn({n, width}).requires_grad_(true);
  auto read = torch::randn({m, 2 * width}).requires_grad_(true);
  const auto weights = torch::randn({n, width});
  const auto got = biased_attention(queries, read, shape);
  got.backward(weights);
  auto mask = torch::ones({heads, n, m});
  for (int64_t h = 0; h < heads; ++h) {
    for (int64_t i = 0; i < n; ++i) {
      kernels::drop_row(shape.dropout, static_cast<uint64_t>(i * heads + h), m,
                        mask.data_ptr<float>() + (h * n + i) * m);
    }
  }
  EXPECT_NEAR(mask.eq(0).to(torch::kFloat).mean().item<double>(), 0.3, 0.05);
  auto q = queries.detach().clone().requires_grad_(true);
  auto kv = read.detach().clone().requires_grad_(true);
  const auto by_head = [&](const torch::Tensor& x) {
    return x.reshape({x.size(0), heads, d}).transpose(0, 1);
  };
  const auto scores = torch::matmul(by_head(q), by_head(kv.narrow(1, 0, width)).transpose(1, 2));
  const auto kept = torch::softmax(scores, -1) * mask;
  const auto want =
      torch::matmul(kept, by_head(kv.narrow(1, width, width))).transpose(0, 1).reshape({n, width});
  want.backward(weights);
  EXPECT_LT(largest_difference(got, want), 5e-5);
  EXPECT_LT(largest_difference(queries.grad(), q.grad()), 5e-5);
  EXPECT_LT(largest_difference(read.grad(), kv.grad()), 5e-5);
}

}  // namespace
}  // namespace kindred::lm
