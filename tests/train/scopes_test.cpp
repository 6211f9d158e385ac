// What training changes around it while it lasts, and puts back.

#include "train/scopes.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <thread>

#include "lm/adapter.h"
#include "lm/causal_lm.h"
#include "train/fit.h"
#include "train/toy.h"

namespace kindred::train {
namespace {

bool flushes() {
  volatile float small = 1e-30f;
  const volatile float product = small * 1e-10f;  // 1e-40 is denormal
  return std::bit_cast<uint32_t>(static_cast<float>(product)) == 0;
}

/// How many of the threads of at::parallel_for flush.
int flushing_threads() {
  const int threads = at::get_num_threads();
  std::atomic<int> count = 0;
  at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) count += flushes();
  });
  return count;
}

TEST(FlushDenormals, HoldsInEveryThreadWhileItLives) {
  const int threads = at::get_num_threads();
  at::set_num_threads(3);
  EXPECT_FALSE(flushes());
  {
    const FlushDenormals scope;
    EXPECT_TRUE(flushes());
    EXPECT_EQ(flushing_threads(), 3);
    bool later = false;
    std::thread([&] { later = flushes(); }).join();
    EXPECT_TRUE(later) << "a thread started meanwhile";
  }
  EXPECT_FALSE(flushes());
  EXPECT_EQ(flushing_threads(), 0);
  at::set_num_threads(threads);
}

/// A linear layer of which a stage trains some, and what took gradients while it did.
struct Watched : toy::Objective {
  using toy::Objective::Objective;
  model::LossParts loss(const model::Batch& batch) override {
    weight = layer->weight.requires_grad();
    bias = layer->bias.requires_grad();
    training = layer->is_training();
    model::LossParts parts = toy::Objective::loss(batch);
    parts.sum = parts.sum + layer->forward(torch::ones({1, 6})).sum();
    return parts;
  }
  torch::nn::Linear layer{6, 6};
  bool weight = false, bias = false, training = true;
};

TEST(TrainedParameters, AreExactlyTheStages) {
  auto model = std::make_shared<toy::Model>();
  model::Stage stage = toy::stage(model, {});
  const auto objective = std::make_shared<Watched>(model, "watched", 2);
  stage.objectives = {objective};
  torch::nn::Linear& layer = objective->layer;
  stage.modules = {layer.get()};
  stage.parameters.push_back({{{"layer.weight", layer->weight}}, 1.0, std::nullopt});
  layer->train();
  layer->weight.set_requires_grad(false);  // as a loaded model's
  const torch::Tensor weight = layer->weight.detach().clone(), bias = layer->bias.detach().clone();
  FitContext context;
  context.quiet = true;
  fit(stage, context);
  EXPECT_TRUE(objective->weight);
  EXPECT_FALSE(objective->bias);
  EXPECT_FALSE(objective->training) << "a module that is not named is in eval mode";
  EXPECT_FALSE(torch::equal(layer->weight, weight));
  EXPECT_TRUE(torch::equal(layer->bias, bias));
  EXPECT_FALSE(layer->bias.grad().defined()) << "it cost a gradient";
  EXPECT_FALSE(layer->weight.requires_grad()) << "put back";
  EXPECT_TRUE(layer->bias.requires_grad()) << "put back";
}

/// Reads prompts whose first tokens are words, then vectors that a stage trains.
struct Prompted : toy::Objective {
  using toy::Objective::Objective;
  model::LossParts loss(const model::Batch& batch) override {
    const auto& own = static_cast<const toy::Batch&>(batch);
    const int64_t n = own.ids.size(0);
    words = torch::ones({5, 6}).requires_grad_(true);  // a probe: nobody trains them
    lm::Packed input{torch::cat({words, model->table.lookup(own.ids)}), {0, 5 + n}, {5}};
    backbone->hidden(input).square().sum().backward({}, true);
    takes = adapter->named_parameters()[0].second.requires_grad();
    model::LossParts parts = toy::Objective::loss(batch);
    return parts;
  }
  std::shared_ptr<lm::CausalLM> backbone;
  std::shared_ptr<lm::Adapter> adapter;
  torch::Tensor words;
  bool takes = false;
};

// An adapter made for training is one of a stage before: this one's prompts begin with words, and
// what these words feed takes no gradient.
TEST(TrainedParameters, AnAdapterThatIsNotTrainedLeavesThePrefixWithoutGradient) {
  for (const bool trained : {false, true}) {
    auto model = std::make_shared<toy::Model>();
    model::Stage stage = toy::stage(model, {});
    const auto objective = std::make_shared<Prompted>(model, "prompted", 1);
    objective->backbone = lm::make_causal_lm({{"model_type", "gpt2"},
                                              {"vocab_size", 20},
                                              {"n_positions", 32},
                                              {"n_embd", 6},
                                              {"n_layer", 2},
                                              {"n_head", 2}},
                                             11, {"fp32", false, torch::kCPU});
    const Json lora = {{"peft_type", "LORA"}, {"r", 2}, {"target_modules", "all-linear"}};
    objective->adapter = std::make_shared<lm::Adapter>(*objective->backbone,
                                                       lm::parse_adapter_config(lora, "lora"), 3);
    objective->backbone->use({objective->adapter});
    stage.objectives = {objective};
    stage.training = {model->dropout.get(), objective->backbone.get()};
    const auto adapters = objective->adapter->named_parameters();
    if (trained) stage.parameters.push_back({adapters, 1.0, std::nullopt});
    stage.train.epochs = 1;
    FitContext context;
    context.quiet = true;
    fit(stage, context);
    EXPECT_EQ(objective->takes, trained);
    EXPECT_EQ(objective->words.grad().abs().max().item<float>() > 0, trained);
    EXPECT_TRUE(adapters[0].second.requires_grad()) << "put back";
  }
}

}  // namespace
}  // namespace kindred::train
