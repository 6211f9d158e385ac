#include "prompt/item_head.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace kindred::prompt {
namespace {

struct Problem {
  torch::Tensor hidden, table;
  ItemTargets targets;
};

// Rows with one, several and repeated-across-rows targets.
Problem problem(int64_t items, int64_t dim) {
  torch::manual_seed(3);
  Problem p;
  p.hidden = torch::randn({4, dim}, torch::kFloat32);
  p.table = torch::randn({items, dim}, torch::kFloat32);
  p.targets = {torch::tensor({0, 1, 1, 2, 3, 3, 3}, torch::kInt64),
               torch::tensor({1, 0, 5, 5, 2, 3, 4}, torch::kInt64),
               torch::tensor({1.0f, 2.0f, 1.0f, 3.0f})};
  return p;
}

torch::Tensor plain(const Problem& p, const torch::Tensor& hidden, const torch::Tensor& table) {
  const torch::Tensor log_p = torch::log_softmax(torch::mm(hidden, table.t()), 1);
  return -log_p.index({p.targets.rows, p.targets.items}).sum();
}

TEST(ItemHead, EqualsTheWrittenOutLossAndGradients) {
  const Problem p = problem(9, 6);
  torch::Tensor h = p.hidden.clone().requires_grad_(), z = p.table.clone().requires_grad_();
  torch::Tensor h2 = p.hidden.clone().requires_grad_(), z2 = p.table.clone().requires_grad_();
  const torch::Tensor ours = item_cross_entropy_sum(h, z, p.targets);
  const torch::Tensor theirs = plain(p, h2, z2);
  EXPECT_NEAR(ours.item<double>(), theirs.item<double>(), 1e-4);
  (ours * 0.5).backward();
  (theirs * 0.5).backward();
  EXPECT_LE((h.grad() - h2.grad()).abs().max().item<double>(), 1e-5);
  EXPECT_LE((z.grad() - z2.grad()).abs().max().item<double>(), 1e-5);
}

/// Largest difference of both gradients and the loss from the written-out form's in fp64, relative
/// to the largest numbers there (in fp32 that form is off by 4e-3 itself over 1.5 million items).
double difference(const Problem& p, bool of_table) {
  torch::Tensor h = p.hidden.clone().requires_grad_(), h2 = p.hidden.to(torch::kFloat64);
  torch::Tensor z = p.table.clone().requires_grad_(of_table), z2 = p.table.to(torch::kFloat64);
  h2.requires_grad_();
  z2.requires_grad_(of_table);
  const torch::Tensor ours = item_cross_entropy_sum(h, z, p.targets);
  const torch::Tensor theirs = plain(p, h2, z2);
  (ours * 0.5).backward();
  (theirs * 0.5).backward();
  const auto worst = [](const torch::Tensor& a, const torch::Tensor& b) {
    return ((a - b).abs().max() / b.abs().max()).item<double>();
  };
  const double of_loss = worst(ours.detach(), theirs.detach());
  const double of_hidden = worst(h.grad(), h2.grad());
  return std::max({of_loss, of_hidden, of_table ? worst(z.grad(), z2.grad()) : 0.0});
}

TEST(ItemHead, ManyBlocksOfItemsEqualOne) {
  // Blocks whose exponentials are kept, the last one narrower; table rows large enough for memory
  // of their own.
  EXPECT_LE(difference(problem(70'001, 16), true), 1e-5);
  EXPECT_LE(difference(problem(70'001, 16), false), 1e-5);
  // Logits of very different size from block to block.
  Problem p = problem(70'001, 16);
  p.table.mul_(torch::linspace(0.0, 8.0, 70'001).unsqueeze(1));
  EXPECT_LE(difference(p, true), 1e-5);
}

TEST(ItemHead, LogitsTooManyToKeepAreMadeAgain) {
  // 4 rows of 1.5 million logits are more than 16 MiB and a quarter of a table of width 3.
  EXPECT_LE(difference(problem(1'500'000, 3), true), 1e-5);
}

TEST(ItemHead, BackwardTwiceGivesTwice) {
  const Problem p = problem(3'000, 6);
  torch::Tensor h = p.hidden.clone().requires_grad_(), z = p.table.clone().requires_grad_();
  const torch::Tensor loss = item_cross_entropy_sum(h, z, p.targets);
  loss.backward({}, /*retain_graph=*/true);
  const torch::Tensor once_h = h.grad().clone(), once_z = z.grad().clone();
  loss.backward();
  EXPECT_TRUE(torch::allclose(h.grad(), 2 * once_h, 1e-6, 1e-6));
  EXPECT_TRUE(torch::allclose(z.grad(), 2 * once_z, 1e-6, 1e-6));
}

TEST(ItemHead, WithoutGradientsNothingIsKept) {
  const Problem p = problem(9, 6);
  const torch::NoGradGuard no_grad;
  EXPECT_NEAR(item_cross_entropy_sum(p.hidden, p.table, p.targets).item<double>(),
              plain(p, p.hidden, p.table).item<double>(), 1e-4);
}

TEST(ItemSampler, DrawsWithItsProbabilities) {
  const ItemSampler sampler({1.0, 2.0, 5.0, 0.5});
  EXPECT_NEAR(sampler.probability(2), 5.0 / 8.5, 1e-12);
  const ItemTargets targets{torch::tensor({0}, torch::kInt64), torch::tensor({2}, torch::kInt64),
                            torch::tensor({1.0f})};
  Random random(1, "test");
  const ItemSample sample = sampler.draw(40'000, targets, random);
  std::vector<double> counts(4, 0);
  const auto items = sample.items.accessor<int64_t, 1>();
  for (int64_t s = 0; s < items.size(0); ++s) counts[static_cast<size_t>(items[s])] += 1.0 / 40'000;
  for (int64_t item = 0; item < 4; ++item) {
    EXPECT_NEAR(counts[static_cast<size_t>(item)], sampler.probability(item), 0.01) << item;
  }
  EXPECT_EQ(sample.hit_columns.numel(), std::lround(counts[2] * 40'000));
  EXPECT_NEAR(sample.log_expected[0].item<double>(),
              std::log(40'000 * sampler.probability(items[0])), 1e-5);
}

TEST(SampledItemHead, LossAndGradientsMatchTheFullOnesOnAverage) {
  // Logits of a scale at which the log of the estimated normaliser is nearly unbiased: its bias is
  // (sum p^2/q - 1) / 2S.
  Problem p = problem(60, 6);
  p.hidden = p.hidden * 0.3;
  torch::Tensor h = p.hidden.clone().requires_grad_(), z = p.table.clone().requires_grad_();
  const torch::Tensor full = plain(p, h, z);
  full.backward();
  std::vector<double> weights;
  for (int item = 0; item < 60; ++item) weights.push_back(1.0 + item % 5);
  const ItemSampler sampler(weights);
  Random random(2, "test");
  model::Table table("items", p.table);
  torch::Tensor h2 = p.hidden.clone().requires_grad_();
  torch::Tensor grad = torch::zeros_like(p.table);
  double loss = 0;
  constexpr int draws = 1500;
  for (int draw = 0; draw < draws; ++draw) {
    const ItemSample sample = sampler.draw(400, p.targets, random);
    const torch::Tensor ours = sampled_item_cross_entropy_sum(h2, table, p.targets, sample);
    loss += ours.item<double>() / draws;
    (ours / draws).backward();
    const auto gradient = table.gradient();
    ASSERT_TRUE(gradient && gradient->rows.defined());  // only touched rows
    grad.index_add_(0, gradient->rows, gradient->values);
    table.clear();
  }
  EXPECT_NEAR(loss, full.item<double>(), 0.01 * full.item<double>());
  EXPECT_LE((h2.grad() - h.grad()).norm().item<double>(), 0.02 * h.grad().norm().item<double>());
  EXPECT_LE((grad - z.grad()).norm().item<double>(), 0.02 * z.grad().norm().item<double>());
}

TEST(SampledItemHead, ASampleOfEveryItemOnceEqualsTheFullSoftmax) {
  const Problem p = problem(9, 6);
  model::Table table("items", p.table);
  ItemSample sample;
  sample.items = torch::arange(9, torch::kInt64);
  sample.log_expected = torch::zeros({9});
  std::vector<int64_t> rows, columns;
  for (int64_t pair = 0; pair < 7; ++pair) {
    rows.push_back(p.targets.rows[pair].item<int64_t>());
    columns.push_back(p.targets.items[pair].item<int64_t>());
  }
  sample.hit_rows = torch::tensor(rows, torch::kInt64);
  sample.hit_columns = torch::tensor(columns, torch::kInt64);
  EXPECT_NEAR(sampled_item_cross_entropy_sum(p.hidden, table, p.targets, sample).item<double>(),
              plain(p, p.hidden, p.table).item<double>(), 1e-4);
}

}  // namespace
}  // namespace kindred::prompt
