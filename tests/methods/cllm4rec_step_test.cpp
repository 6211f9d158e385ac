// CLLM4Rec's steps against plain PyTorch and transformers: tests/reference/cllm4rec_step.py.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "methods/cllm4rec_fixture.h"

namespace kindred::methods::testing {
namespace {

Cllm4RecOptions options_of(const std::string& name) {
  Cllm4RecOptions options;
  options.lambda_c = 0.7;
  options.mask_share = 0.5;
  if (name == "released") {
    options.wording = "released";
    options.mr = "sum";
    options.normalise = "token";
    options.first_token = false;
    options.target = "all";
  }
  return options;
}

class Cllm4RecStep : public ::testing::TestWithParam<const char*> {
 protected:
  Cllm4RecStep()
      : facts(read_json((fixture() / "step.json").string())),
        expected(model::load_tensors(fixture() / "step.safetensors")),
        bench(reference_shop(facts), options_of(GetParam())) {
    for (model::Table* table : bench.tables()) {
      table->mutable_weight().copy_(tensor("tables." + table->name()));
    }
  }

  torch::Tensor tensor(const std::string& name) const {
    for (const auto& [key, value] : expected) {
      if (key == name) return value.to(test_device());
    }
    return {};
  }
  std::string key(const std::string& rest) const { return std::string(GetParam()) + "." + rest; }

  std::shared_ptr<Cllm4RecObjective> objective(const std::string& step) const {
    if (step == "l_step") return std::make_shared<CollaborativeObjective>(bench.parts, 5);
    if (step == "rec_step") return std::make_shared<RecommendationObjective>(bench.parts, 5);
    const bool warmup = step == "warmup";
    return std::make_shared<ContentObjective>(
        bench.parts, bench.corpus,
        Cllm4RecObjective::Options{warmup ? "warmup" : "content", 4, !warmup});
  }

  double backward(model::Objective& objective, int64_t epoch, int64_t step) {
    bench.clear();
    const auto batch = objective.batch(epoch, step);
    batch->to(test_device());
    const model::LossParts parts = objective.loss(*batch);
    EXPECT_EQ(parts.count, batch->label_count());
    const torch::Tensor loss = parts.sum / parts.count;
    loss.backward();
    return loss.item<double>();
  }

  void expect_close(const torch::Tensor& got, const torch::Tensor& want, const std::string& name) {
    ASSERT_EQ(got.sizes(), want.sizes()) << name;
    const double scale = std::max(1.0, want.abs().max().item<double>());
    EXPECT_LE((got - want.to(got.device())).abs().max().item<double>(), 1e-4 * scale) << name;
  }

  void expect_loss_and_gradients(const std::string& step) {
    const double loss = backward(*objective(step), 0, 0);
    const double want = facts[key(step)]["loss"];
    EXPECT_NEAR(loss, want, 1e-4 * std::max(1.0, std::abs(want))) << step;
    if (step == "warmup") return;
    for (model::Table* table : bench.tables()) {
      const torch::Tensor gradient = tensor(key(step + ".grad." + table->name()));
      const torch::Tensor ours = dense_gradient(*table);
      ASSERT_EQ(ours.defined(), gradient.defined()) << step << " " << table->name();
      if (ours.defined()) expect_close(ours, gradient, step + " " + table->name());
    }
  }

  Json facts;
  model::NamedTensors expected;
  Bench bench;
};

TEST_P(Cllm4RecStep, PromptsAreTheReferences) {
  for (const std::string step : {"l_step", "c_step", "rec_step"}) {
    const auto batch = objective(step)->batch(0, 0);
    const auto& ours = static_cast<const Cllm4RecBatch&>(*batch);
    EXPECT_EQ(extended_ids(ours, *bench.parts),
              facts[key(step)]["ids"].get<std::vector<std::vector<int64_t>>>())
        << step;
  }
}

TEST_P(Cllm4RecStep, LossesAndGradientsEqual) {
  for (const char* step : {"l_step", "c_step", "rec_step", "warmup"}) {
    expect_loss_and_gradients(step);
  }
}

TEST_P(Cllm4RecStep, CheckpointedBlocksGiveTheSame) {
  if (!bench.parts->backbone->can_checkpoint()) {
    ASSERT_FALSE(test_device().is_cpu());
    GTEST_SKIP() << "blocks are checkpointed on a processor only";
  }
  bench.parts->backbone->set_checkpointing(true);
  for (const char* step : {"l_step", "c_step", "rec_step", "warmup"}) {
    expect_loss_and_gradients(step);
  }
}

TEST_P(Cllm4RecStep, FourAlternatingStepsAndScoresEqual) {
  std::vector<torch::Tensor> parameters;
  for (model::Table* table : bench.tables()) parameters.push_back(table->mutable_weight());
  torch::optim::Adam adam(parameters, torch::optim::AdamOptions(1e-2));
  const auto l_step = objective("l_step"), c_step = objective("c_step");
  const auto losses = facts[key("losses")].get<std::vector<double>>();
  for (size_t turn = 0; turn < 4; ++turn) {
    const bool first = turn % 2 == 0;
    const int64_t round = static_cast<int64_t>(turn / 2);
    const double loss = first ? backward(*l_step, round, 0) : backward(*c_step, 0, round);
    EXPECT_NEAR(loss, losses[turn], 1e-4 * std::max(1.0, std::abs(losses[turn]))) << turn;
    for (size_t t = 0; t < parameters.size(); ++t) {
      parameters[t].mutable_grad() = dense_gradient(*bench.tables()[t]);
    }
    adam.step();
  }
  for (model::Table* table : bench.tables()) {
    expect_close(table->weight(), tensor(key("after." + table->name())), table->name());
  }
  Cllm4RecRecommender recommender(bench.parts);
  std::vector<model::Query> queries(5);
  for (int user = 0; user < 5; ++user) {
    const auto items = bench.parts->train.row(user);
    queries[static_cast<size_t>(user)].user = user;
    queries[static_cast<size_t>(user)].history.assign(items.begin(), items.end());
  }
  torch::Tensor scores = torch::empty({5, 7});
  recommender.score_all(queries, scores);
  expect_close(scores, tensor(key("scores")), "scores");
}

INSTANTIATE_TEST_SUITE_P(Forms, Cllm4RecStep, ::testing::Values("paper", "released"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace kindred::methods::testing
