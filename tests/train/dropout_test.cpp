// A step in parts is the step as a whole, dropout included.

#include <gtest/gtest.h>

#include <numeric>

#include "lm/adapter.h"
#include "lm/causal_lm.h"
#include "train/fit.h"

namespace kindred::train {
namespace {

constexpr int64_t kWords = 61, kWidth = 32;

/// A small frozen decoder that drops everywhere, with an adapter that drops too, and a table of
/// vectors it reads.
struct Model {
  explicit Model(double share) {
    const Json config = {{"model_type", "gpt2"}, {"vocab_size", kWords}, {"n_positions", 32},
                         {"n_embd", kWidth},     {"n_layer", 2},         {"n_head", 2},
                         {"embd_pdrop", share},  {"attn_pdrop", share},  {"resid_pdrop", share}};
    backbone = lm::make_causal_lm(config, 11, {"fp32", false, torch::kCPU});
    const Json lora = {{"peft_type", "LORA"},
                       {"r", 4},
                       {"lora_alpha", 8},
                       {"lora_dropout", share},
                       {"target_modules", "all-linear"}};
    adapter = std::make_shared<lm::Adapter>(*backbone, lm::parse_adapter_config(lora, "lora"), 3);
    backbone->use({adapter});
  }

  std::shared_ptr<lm::CausalLM> backbone;
  std::shared_ptr<lm::Adapter> adapter;
  model::Table table{"table", 40, kWidth, 0.5, 7};
};

struct Texts : model::Batch {
  std::vector<int64_t> offsets{0};
  torch::Tensor ids, targets;  // [T]
  int64_t rows() const override { return static_cast<int64_t>(offsets.size()) - 1; }
  double label_count() const override { return static_cast<double>(offsets.back()); }
  void to(torch::Device) override {}
};

/// Forty documents of different lengths; the word each token of the table stands for is predicted.
struct Words : model::Objective {
  Words(std::shared_ptr<Model> m, int64_t s) : model(std::move(m)), size(s) {}
  std::string name() const override { return "words"; }
  int64_t steps(int64_t) const override { return 40 / size; }
  std::unique_ptr<model::Batch> batch(int64_t, int64_t step) const override {
    auto made = std::make_unique<Texts>();
    std::vector<int64_t> ids, targets;
    for (int64_t document = step * size; document < (step + 1) * size; ++document) {
      for (int64_t t = 0; t < 3 + document % 7; ++t) {
        ids.push_back((document * 5 + t * 3) % 40);
        targets.push_back((document + t * 11) % kWords);
      }
      made->offsets.push_back(static_cast<int64_t>(ids.size()));
    }
    made->ids = torch::tensor(ids);
    made->targets = torch::tensor(targets);
    return made;
  }
  model::LossParts loss(const model::Batch& given) override {
    const auto& texts = static_cast<const Texts&>(given);
    const auto states = model->backbone->hidden({model->table.lookup(texts.ids), texts.offsets});
    return {model->backbone->cross_entropy_sum(states, texts.targets), texts.label_count(), {}};
  }

  std::shared_ptr<Model> model;
  int64_t size;
};

struct Trained {
  std::vector<double> losses;
  std::vector<torch::Tensor> values;
};

Trained train(int64_t batch, int64_t accumulate, double share) {
  auto model = std::make_shared<Model>(share);
  model::Stage stage;
  stage.name = "words";
  stage.objectives = {std::make_shared<Words>(model, batch)};
  stage.parameters = {{model->adapter->named_parameters(), 1.0, std::nullopt}};
  stage.tables = {&model->table};
  stage.training = {model->backbone.get()};
  stage.train.optimizer = "sgd";
  stage.train.learning_rate = 0.5;
  stage.train.accumulate = accumulate;
  stage.train.epochs = 2;
  FitContext context;
  context.quiet = true;
  Trained result;
  context.record = [&](const Json& record) {
    if (record.contains("rows")) result.losses.push_back(record["loss"].get<double>());
  };
  fit(stage, context);
  result.values.push_back(model->table.weight().clone());
  for (const auto& [name, tensor] : model->adapter->named_parameters())
    result.values.push_back(tensor.detach().clone());
  return result;
}

TEST(DropoutInSteps, PartsDropWhatTheWholeDoes) {
  const Trained whole = train(20, 1, 0.2), without = train(20, 1, 0.0);
  ASSERT_EQ(whole.losses.size(), 4u);
  EXPECT_GT(std::abs(whole.losses[0] - without.losses[0]), 1e-3) << "nothing was dropped";
  const std::vector<std::pair<int64_t, int64_t>> ways = {{10, 2}, {5, 4}};
  for (const auto& [batch, accumulate] : ways) {
    const Trained parts = train(batch, accumulate, 0.2);
    ASSERT_EQ(parts.losses.size(), whole.losses.size());
    for (size_t step = 0; step < parts.losses.size(); ++step)
      EXPECT_NEAR(parts.losses[step], whole.losses[step], 1e-5) << accumulate << ", " << step;
    for (size_t i = 0; i < parts.values.size(); ++i)
      EXPECT_TRUE(torch::allclose(parts.values[i], whole.values[i], 1e-4, 1e-6))
          << accumulate << ", tensor " << i;
  }
}

}  // namespace
}  // namespace kindred::train
