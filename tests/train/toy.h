#pragma once
// A small stage for tests of the loop: a table and a dense parameter fitted to targets of the ids.

#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "core/random.h"
#include "model/objective.h"

namespace kindred::train::toy {

struct Batch : model::Batch {
  int64_t epoch = 0, step = 0;
  torch::Tensor ids, targets;  // [B], [B, D]
  int64_t rows() const override { return ids.size(0); }
  double label_count() const override { return static_cast<double>(ids.size(0)); }
  void to(torch::Device) override {}
  Json describe() const override {
    return {{"ids",
             std::vector<int64_t>(ids.data_ptr<int64_t>(), ids.data_ptr<int64_t>() + ids.numel())}};
  }
};

struct Model {
  model::Table table{"table", 40, 6, 0.1, 7};
  torch::Tensor weight = torch::full({6, 6}, 0.05).requires_grad_();
  torch::nn::Dropout dropout{torch::nn::DropoutOptions(0.25)};
};

/// Squared error of dropout(table[ids]) weight against targets by id.
struct Objective : model::Objective {
  Objective(std::shared_ptr<Model> m, std::string n, int64_t s)
      : model(std::move(m)), label(std::move(n)), count(s) {}
  std::string name() const override { return label; }
  int64_t steps(int64_t) const override { return count; }
  std::unique_ptr<model::Batch> batch(int64_t epoch, int64_t step) const override {
    Random random(3, label, {static_cast<uint64_t>(epoch), static_cast<uint64_t>(step)});
    auto result = std::make_unique<Batch>();
    const auto size = static_cast<int64_t>(3 + random.below(5));
    result->epoch = epoch;
    result->step = step;
    result->ids = torch::empty({size}, torch::kLong);
    result->targets = torch::empty({size, 6});
    for (int64_t i = 0; i < size; ++i)
      result->ids.data_ptr<int64_t>()[i] = static_cast<int64_t>(random.below(40));
    for (int64_t i = 0; i < size; ++i) {  // a target of each id's own, and noise
      Random target(5, "target", {static_cast<uint64_t>(result->ids.data_ptr<int64_t>()[i])});
      for (int64_t d = 0; d < 6; ++d)
        result->targets.data_ptr<float>()[i * 6 + d] =
            static_cast<float>(target.normal() + 0.1 * random.normal());
    }
    return result;
  }
  model::LossParts loss(const model::Batch& given) override {
    const auto& batch = static_cast<const Batch&>(given);
    seen.emplace_back(batch.epoch, batch.step);
    const torch::Tensor rows = model->dropout->forward(model->table.lookup(batch.ids));
    const torch::Tensor errors = torch::matmul(rows, model->weight) - batch.targets;
    const torch::Tensor sum = errors.square().sum() * factor;
    return {sum, batch.label_count(), {{"squares", sum.item<double>() / batch.label_count()}}};
  }

  std::shared_ptr<Model> model;
  std::string label;
  int64_t count;
  double factor = 1.0;
  std::vector<std::pair<int64_t, int64_t>> seen;
};

/// A stage over one model with objectives of the given numbers of steps an epoch.
inline model::Stage stage(const std::shared_ptr<Model>& model, std::vector<int64_t> steps) {
  model::Stage result;
  result.name = "toy";
  for (size_t o = 0; o < steps.size(); ++o)
    result.objectives.push_back(
        std::make_shared<Objective>(model, "objective" + std::to_string(o), steps[o]));
  result.parameters.push_back({{{"weight", model->weight}}, 1.0, std::nullopt});
  result.tables = {&model->table};
  result.training = {model->dropout.get()};
  result.train.epochs = 3;
  result.train.learning_rate = 0.01;
  return result;
}

}  // namespace kindred::train::toy
