#include "model/table.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "model/memory.h"

namespace kindred::model {
namespace {

TEST(Table, LookupGivesRowsOfAnyShape) {
  Table table("t", 7, 3, 0.5, 1);
  const torch::Tensor ids = torch::tensor({{4, 4, 0}, {6, 1, 4}});
  const torch::Tensor rows = table.lookup(ids);
  EXPECT_EQ(rows.sizes(), (torch::IntArrayRef{2, 3, 3}));
  EXPECT_TRUE(torch::equal(rows, table.weight().index({ids})));
  EXPECT_TRUE(rows.requires_grad());
  torch::NoGradGuard no_grad;
  EXPECT_FALSE(table.lookup(ids).requires_grad());
}

TEST(Table, TheSameSeedDrawsTheSameRows) {
  EXPECT_TRUE(
      torch::equal(Table("t", 50, 8, 0.02, 9).weight(), Table("t", 50, 8, 0.02, 9).weight()));
  EXPECT_FALSE(
      torch::equal(Table("t", 50, 8, 0.02, 9).weight(), Table("u", 50, 8, 0.02, 9).weight()));
  const Table table("t", 500, 40, 0.02, 9);
  EXPECT_NEAR(table.weight().std().item<double>(), 0.02, 0.001);
}

/// A loss of several lookups and, where asked, the whole table; and its dense gradient.
torch::Tensor loss_of(Table& table, const torch::Tensor& weight, bool whole) {
  const bool sparse = !weight.defined();
  const auto look = [&](const torch::Tensor& ids) {
    return sparse ? table.lookup(ids) : weight.index({ids});
  };
  const torch::Tensor a = look(torch::tensor({{5, 2}, {2, 2}})), b = look(torch::tensor({0, 5, 5}));
  torch::Tensor loss = a.pow(3).sum() + (b * torch::tensor({{1.0}, {2.0}, {3.0}})).sin().sum();
  if (whole) {
    const torch::Tensor items = sparse ? table.all() : weight;
    loss = loss + torch::matmul(a[0], items.t()).logsumexp(1).sum();
  }
  return loss;
}

TEST(Table, GradientsOfSeveralLookupsMerge) {
  Table table("t", 6, 4, 1.0, 2);
  torch::Tensor weight = table.weight().clone().requires_grad_();
  for (int micro_batch = 0; micro_batch < 2; ++micro_batch) {
    loss_of(table, {}, false).backward();
    loss_of(table, weight, false).backward();
    const auto gradient = table.gradient();
    ASSERT_TRUE(gradient && gradient->rows.defined());
    EXPECT_TRUE(torch::equal(gradient->rows, torch::tensor({0, 2, 5})));
    EXPECT_TRUE(torch::allclose(gradient->values, weight.grad().index_select(0, gradient->rows),
                                1e-5, 1e-6));
  }
  table.clear();
  EXPECT_FALSE(table.gradient());
}

TEST(Table, TheWholeTableAndLookupsMerge) {
  Table table("t", 6, 4, 1.0, 2);
  torch::Tensor weight = table.weight().clone().requires_grad_();
  for (int micro_batch = 0; micro_batch < 2; ++micro_batch) {
    loss_of(table, {}, true).backward();
    loss_of(table, weight, true).backward();
  }
  for (int asked = 0; asked < 2; ++asked) {  // asking twice gives the same
    const auto gradient = table.gradient();
    ASSERT_TRUE(gradient && !gradient->rows.defined());
    EXPECT_TRUE(torch::allclose(gradient->values, weight.grad(), 1e-5, 1e-6));
  }
}

TEST(Table, AGradientAskedForBetweenMicroBatchesCountsOnce) {
  Table table("t", 6, 4, 1.0, 2);
  torch::Tensor weight = table.weight().clone().requires_grad_();
  for (int micro_batch = 0; micro_batch < 2; ++micro_batch) {
    loss_of(table, {}, true).backward();
    loss_of(table, weight, true).backward();
    const auto gradient = table.gradient();
    ASSERT_TRUE(gradient && !gradient->rows.defined());
    EXPECT_TRUE(torch::allclose(gradient->values, weight.grad(), 1e-5, 1e-6));
  }
}

TEST(Table, LookupsWithoutALossLeaveNoGradient) {
  Table table("t", 6, 4, 1.0, 2);
  const torch::Tensor unused = table.lookup(torch::tensor({1, 2}));
  EXPECT_FALSE(table.gradient());
}

TEST(Table, OnlyTheStagesTablesAreDifferentiable) {
  Table trained("a", 3, 2, 1.0, 1), other("b", 3, 2, 1.0, 1);
  const torch::Tensor ids = torch::tensor({0, 2});
  {
    Table* const list[] = {&trained};
    const TrainedTables scope(list);
    EXPECT_TRUE(trained.lookup(ids).requires_grad());
    EXPECT_FALSE(other.lookup(ids).requires_grad());
    EXPECT_FALSE(other.all().requires_grad());
  }
  EXPECT_TRUE(other.lookup(ids).requires_grad());
}

TEST(Memory, LargeTensorsAreAsOthers) {
  for (const int64_t rows : {3, 40'000}) {  // 10 MB: beyond where the system is asked
    torch::Tensor tensor = empty_large({rows, 64});
    EXPECT_EQ(tensor.sizes(), (torch::IntArrayRef{rows, 64}));
    EXPECT_EQ(tensor.scalar_type(), torch::kFloat32);
    EXPECT_TRUE(tensor.is_contiguous());
    EXPECT_EQ(tensor.fill_(2).sum().item<double>(), 128.0 * static_cast<double>(rows));
  }
}

TEST(Table, AppendedRowsComeAfterTheOthers) {
  Table table("t", 3, 2, 1.0, 1);
  const torch::Tensor before = table.weight().clone();
  table.append(torch::ones({2, 2}));
  EXPECT_EQ(table.rows(), 5);
  EXPECT_TRUE(torch::equal(table.weight().narrow(0, 0, 3), before));
  EXPECT_TRUE(torch::equal(table.weight().narrow(0, 3, 2), torch::ones({2, 2})));
  EXPECT_THROW(table.append(torch::ones({2, 3})), Error);
}

}  // namespace
}  // namespace kindred::model
