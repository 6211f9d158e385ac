// The optimisers against torch.optim on whole tensors: tests/reference/train_optimizers.py.

#include "train/optimizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "device.h"
#include "model/threads.h"

namespace kindred::train {
namespace {

struct Case {
  const char* name;
  const char* optimizer;
  double weight_decay = 0;
  double clip = 0;
};

// How updates are made: over memory, as a processor's are; by tensor operations, as on an
// accelerator.
class AgainstTorch : public testing::TestWithParam<std::tuple<Case, bool>> {};

std::string name_of(const testing::TestParamInfo<std::tuple<Case, bool>>& info) {
  const auto& [given, by_tensors] = info.param;
  std::string name = std::string(given.name) + (by_tensors ? "_by_tensors" : "");
  std::ranges::replace(name, '-', '_');
  return name;
}

model::TrainOptions options_of(const Case& given) {
  model::TrainOptions options;
  options.optimizer = given.optimizer;
  options.beta2 = 0.99;
  options.weight_decay = given.weight_decay;
  options.clip_norm = given.clip;
  return options;
}

const model::NamedTensors& fixture() {
  static const model::NamedTensors tensors = model::load_tensors(
      fs::path(KINDRED_SOURCE_DIR) / "tests/fixtures/train_optimizers/steps.safetensors");
  return tensors;
}

torch::Tensor get(const std::string& name) {
  for (const auto& [known, tensor] : fixture())
    if (known == name) return tensor.to(test_device(), false, /*copy=*/true);
  throw Error(Exit::missing, name, "is not in the fixture");
}

void expect_close(const torch::Tensor& got, const torch::Tensor& want, const std::string& where) {
  EXPECT_TRUE(torch::allclose(got, want, 1e-6, 1e-6))
      << where << ": largest difference " << (got - want).abs().max().item<double>();
}

/// Leaves a gradient in rows of a table as a backward pass does.
void give_gradient(model::Table& table, const torch::Tensor& rows, const torch::Tensor& gradient) {
  (table.lookup(rows) * gradient.index_select(0, rows)).sum().backward();
}

TEST_P(AgainstTorch, FourStepsAreTheSame) {
  const auto& [given, by_tensors] = GetParam();
  model::Table table("table", get("start/table"));
  torch::Tensor dense = get("start/dense").requires_grad_();
  model::Stage stage;
  stage.train = options_of(given);
  stage.train.adam = "dense";
  stage.parameters.push_back({{{"dense", dense}}, 1.0, std::nullopt});
  stage.tables = {&table};
  Optimizer optimizer(stage, by_tensors);
  const torch::Tensor touched = get("touched").cpu();
  // Weight decay of SGD and Adagrad reaches the rows a step touches; torch's reaches all of them.
  const bool whole = given.weight_decay > 0 && given.optimizer == std::string("sgd");
  for (int64_t step = 0; step < 4; ++step) {
    optimizer.clear();
    const torch::Tensor rows =
        (whole ? torch::arange(6) : touched[step].nonzero().flatten()).to(test_device());
    give_gradient(table, rows, get("gradient/table")[step]);
    (dense * get("gradient/dense")[step]).sum().backward();
    const GradientNorm norm = optimizer.collect();
    const double expected = std::hypot(get("gradient/table")[step].norm().item<double>(),
                                       get("gradient/dense")[step].norm().item<double>());
    EXPECT_NEAR(norm.norm, expected, 1e-5 * expected);
    EXPECT_EQ(norm.not_finite, "");
    optimizer.step(0.1);
    const std::string where = std::string(given.name) + " step " + std::to_string(step);
    expect_close(table.weight(), get(std::string(given.name) + "/table")[step], where + " table");
    expect_close(dense.detach(), get(std::string(given.name) + "/dense")[step], where + " dense");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Optimizers, AgainstTorch,
    testing::Combine(testing::Values(Case{"adam", "adam"}, Case{"adam-l2", "adam", 0.3},
                                     Case{"adamw", "adamw", 0.3}, Case{"sgd", "sgd"},
                                     Case{"sgd-l2", "sgd", 0.3}, Case{"adagrad", "adagrad"},
                                     Case{"adam-clipped", "adam", 0.0, 0.5}),
                     testing::Bool()),
    name_of);

/// A table trained for some steps on gradients that touch the given share of rows.
torch::Tensor trained(const std::string& adam, bool every_row, bool through_all,
                      bool by_tensors = false) {
  model::Table table("table", model::Table("table", 30, 7, 0.1, 3).weight().to(test_device()));
  model::Stage stage;
  stage.train.adam = adam;
  stage.train.optimizer = "adamw";
  stage.train.weight_decay = 0.1;
  stage.tables = {&table};
  Optimizer optimizer(stage, by_tensors);
  torch::manual_seed(2);
  for (int step = 0; step < 6; ++step) {
    const torch::Tensor gradient = torch::randn({30, 7}).to(test_device());
    const torch::Tensor rows =
        (every_row ? torch::arange(30) : torch::randperm(30).narrow(0, 0, 10)).to(test_device());
    optimizer.clear();
    if (through_all)
      (table.all() * gradient).sum().backward();
    else
      give_gradient(table, rows, gradient);
    optimizer.collect();
    optimizer.step(0.01);
  }
  return table.weight();
}

TEST(LazyAdam, EqualsDenseWhenEveryRowIsTouched) {
  expect_close(trained("lazy", true, false), trained("dense", true, false), "lookups");
  expect_close(trained("lazy", true, true), trained("dense", true, true), "whole table");
  expect_close(trained("lazy", true, true), trained("lazy", true, false), "whole and lookups");
}

TEST(LazyAdam, ByTensorsItIsTheSame) {
  for (const bool every_row : {false, true}) {
    for (const char* adam : {"lazy", "dense"}) {
      expect_close(trained(adam, every_row, false, true), trained(adam, every_row, false), adam);
    }
  }
  expect_close(trained("lazy", true, true, true), trained("lazy", true, true), "whole table");
}

TEST(LazyAdam, DiffersFromDenseOtherwise) {
  EXPECT_FALSE(torch::allclose(trained("lazy", false, false), trained("dense", false, false)));
}

TEST(LazyAdam, SingleTablesMayBeDense) {
  const auto two = [](const std::string& adam, bool second_dense) {
    model::Table first("first", 30, 7, 0.1, 3), second("second", 30, 7, 0.1, 3);
    model::Stage stage;
    stage.train.adam = adam;
    stage.tables = {&first, &second};
    if (second_dense) stage.dense_tables = {&second};
    Optimizer optimizer(stage);
    torch::manual_seed(2);
    for (int step = 0; step < 6; ++step) {
      const torch::Tensor gradient = torch::randn({30, 7}),
                          rows = torch::randperm(30).narrow(0, 0, 9);
      optimizer.clear();
      give_gradient(first, rows, gradient);
      give_gradient(second, rows, gradient);
      optimizer.collect();
      optimizer.step(0.01);
    }
    return std::pair(first.weight(), second.weight());
  };
  const auto lazy = two("lazy", false), dense = two("dense", false), mixed = two("lazy", true);
  EXPECT_FALSE(torch::equal(lazy.second, dense.second));
  EXPECT_TRUE(torch::equal(mixed.first, lazy.first));
  EXPECT_TRUE(torch::equal(mixed.second, dense.second));
}

TEST(LazyAdam, ReadsAndWritesTouchedRowsOnly) {
  model::Table table("table", 5, 3, 0.1, 3);
  const torch::Tensor before = table.weight().clone();
  model::Stage stage;
  stage.train.weight_decay = 0.5;
  stage.tables = {&table};
  Optimizer optimizer(stage);
  for (int step = 0; step < 3; ++step) {
    optimizer.clear();
    give_gradient(table, torch::tensor({3, 1}), torch::ones({5, 3}));
    optimizer.collect();
    optimizer.step(0.01);
  }
  for (const int64_t row : {0, 2, 4}) EXPECT_TRUE(torch::equal(table.weight()[row], before[row]));
  for (const int64_t row : {1, 3}) EXPECT_FALSE(torch::equal(table.weight()[row], before[row]));
}

TEST(LazyAdam, ALateRowStartsWithAStepOfTheLearningRate) {
  model::Table table("table", torch::zeros({2, 4}));
  model::Stage stage;
  stage.tables = {&table};
  Optimizer optimizer(stage);
  for (int step = 0; step < 50; ++step) {
    optimizer.clear();
    give_gradient(table, step == 49 ? torch::tensor({0, 1}) : torch::tensor({0}),
                  torch::ones({2, 4}));
    optimizer.collect();
    optimizer.step(0.01);
  }
  EXPECT_TRUE(torch::allclose(table.weight()[1], torch::full({4}, -0.01), 1e-4));
}

TEST(Optimizer, StateComesBack) {
  const auto make = [](model::Table& table, torch::Tensor& dense) {
    model::Stage stage;
    stage.parameters.push_back({{{"dense", dense}}, 0.5, 0.0});
    stage.tables = {&table};
    return Optimizer(stage);
  };
  const auto train = [](Optimizer& optimizer, model::Table& table, torch::Tensor& dense, int seed) {
    torch::manual_seed(static_cast<uint64_t>(seed));
    optimizer.clear();
    give_gradient(table, torch::tensor({seed % 4, 4}), torch::randn({6, 3}));
    (dense * torch::randn({5})).sum().backward();
    optimizer.collect();
    optimizer.step(0.05);
  };
  model::Table table("table", 6, 3, 0.1, 1);
  torch::Tensor dense = torch::ones({5}).requires_grad_();
  Optimizer optimizer = make(table, dense);
  for (int step = 0; step < 3; ++step) train(optimizer, table, dense, step);
  model::Table copy("table", table.weight().clone());
  torch::Tensor dense_copy = dense.detach().clone().requires_grad_();
  Optimizer resumed = make(copy, dense_copy);
  model::NamedTensors saved;
  for (const auto& [name, tensor] : optimizer.state()) saved.emplace_back(name, tensor.clone());
  resumed.restore(saved, "test");
  for (int step = 3; step < 6; ++step) {
    train(optimizer, table, dense, step);
    train(resumed, copy, dense_copy, step);
  }
  EXPECT_TRUE(torch::equal(table.weight(), copy.weight()));
  EXPECT_TRUE(torch::equal(dense, dense_copy));
  saved.pop_back();
  EXPECT_THROW(resumed.restore(saved, "test"), Error);
}

TEST(Optimizer, TheNormAndTheStepAreTheSameWithAnyNumberOfThreads) {
  const int before = at::get_num_threads();
  torch::manual_seed(1);
  const torch::Tensor gradient = torch::randn({700'001});  // some forty chunks, the last one short
  std::vector<double> norms;
  std::vector<torch::Tensor> results;
  for (const int threads : {1, 2, 3}) {
    model::use_threads(threads);
    torch::Tensor weight = torch::ones_like(gradient).requires_grad_();
    model::Stage stage;
    stage.train.clip_norm = 1;
    stage.parameters.push_back({{{"weight", weight}}, 1.0, std::nullopt});
    Optimizer optimizer(stage);
    weight.mutable_grad() = gradient.clone();
    norms.push_back(optimizer.collect().norm);
    optimizer.step(0.1);
    results.push_back(weight.detach());
  }
  model::use_threads(before);
  EXPECT_EQ(norms[0], norms[1]);
  EXPECT_EQ(norms[0], norms[2]);
  EXPECT_TRUE(torch::equal(results[0], results[1]) && torch::equal(results[0], results[2]));
}

TEST(Optimizer, NamesTheParameterWhoseGradientIsNotFinite) {
  model::Table table("table", 6, 3, 0.1, 1);
  torch::Tensor dense = torch::ones({5}).requires_grad_();
  model::Stage stage;
  stage.parameters.push_back({{{"dense", dense}}, 1.0, std::nullopt});
  stage.tables = {&table};
  Optimizer optimizer(stage);
  dense.sum().backward();
  give_gradient(table, torch::tensor({2}), torch::full({6, 3}, std::nanf("")));
  EXPECT_EQ(optimizer.collect().not_finite, "table");
}

TEST(Optimizer, RefusesSharedNamesAndOtherTypes) {
  model::Table first("same", 2, 2, 0.1, 1), second("same", 2, 2, 0.1, 1);
  model::Stage stage;
  stage.tables = {&first, &second};
  EXPECT_THROW(Optimizer{stage}, Error);
  model::Stage half;
  half.parameters.push_back({{{"half", torch::ones({2}, torch::kBFloat16)}}, 1.0, std::nullopt});
  EXPECT_THROW(Optimizer{half}, Error);
}

}  // namespace
}  // namespace kindred::train
