// Adapters on the fast path of a frozen model against the ordinary graph, several at once, and what
// is refused. PEFT's own numbers: lora_reference_test.cpp.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "core/files.h"
#include "core/safetensors.h"
#include "lm/adapter.h"
#include "lm/model_pair.h"

namespace kindred::lm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

AdapterConfig config_of(const Json& more = Json::object()) {
  Json json = {
      {"peft_type", "LORA"}, {"r", 4}, {"lora_alpha", 8}, {"target_modules", "all-linear"}};
  for (const auto& [key, value] : more.items()) json[key] = value;
  return parse_adapter_config(json, "adapter_config.json");
}

// An adapter that changes something: B is not zero.
std::shared_ptr<Adapter> adapter_on(CausalLM& model, const Json& more = Json::object(),
                                    uint64_t seed = 3) {
  auto adapter = std::make_shared<Adapter>(model, config_of(more), seed);
  const torch::NoGradGuard no_grad;
  torch::manual_seed(static_cast<int64_t>(seed));
  for (auto [name, tensor] : adapter->named_parameters()) {
    tensor.add_(torch::randn_like(tensor), 0.1);
  }
  return adapter;
}

struct Outcome {
  torch::Tensor hidden, d_x;
  std::vector<torch::Tensor> gradients;
};

// A pass in training mode, from the same state of the generator.
Outcome pass(CausalLM& model, const Adapter& adapter, const Packed& input,
             const torch::Tensor& rows) {
  model.train();
  torch::manual_seed(17);
  Packed own = input;
  own.embeddings = input.embeddings.clone().requires_grad_(true);
  const auto hidden = model.hidden(own, rows);
  torch::manual_seed(23);
  (hidden * torch::randn_like(hidden)).sum().backward();
  model.eval();
  Outcome outcome{hidden.detach(), own.embeddings.grad(), {}};
  for (auto [name, tensor] : adapter.named_parameters()) {
    outcome.gradients.push_back(tensor.grad().defined() ? tensor.grad().clone() : torch::Tensor());
    tensor.mutable_grad().reset();
  }
  return outcome;
}

const Packed kInput{torch::Tensor(), {0, 9, 10, 70}};

Packed input() {
  torch::manual_seed(29);
  Packed packed = kInput;
  packed.embeddings = torch::randn({70, 48});
  return packed;
}

TEST(Lora, TheFastPathEqualsTheOrdinaryGraphWithDropout) {
  const auto some = torch::tensor({8, 9, 33, 69, 33});
  for (const Json& config : kKinds) {
    auto [trainable, frozen] = models(config, "fp32");
    for (auto& parameter : trainable->parameters()) parameter.set_requires_grad(false);
    const Json more = {{"lora_dropout", 0.3}};
    const auto ordinary = adapter_on(*trainable, more), fast = adapter_on(*frozen, more);
    trainable->use({ordinary});
    frozen->use({fast});
    for (const auto& rows : {torch::Tensor(), some}) {
      const Outcome want = pass(*trainable, *ordinary, input(), rows);
      for (const bool checkpoint : {false, true}) {
        frozen->set_checkpointing(checkpoint);
        const Outcome got = pass(*frozen, *fast, input(), rows);
        const std::string what = config["model_type"].get<std::string>() +
                                 (checkpoint ? ", checkpointed" : "") +
                                 (rows.defined() ? ", some rows" : "");
        EXPECT_LT(relative(got.hidden, want.hidden), 1e-5) << what;
        EXPECT_LT(relative(got.d_x, want.d_x), 1e-5) << what;
        ASSERT_EQ(got.gradients.size(), want.gradients.size());
        for (size_t i = 0; i < got.gradients.size(); ++i) {
          EXPECT_LT(relative(got.gradients[i], want.gradients[i]), 1e-4) << what << " " << i;
        }
      }
    }
  }
}

// As far from fp32 as the ordinary graph is when its products are in bf16, and not much further.
TEST(Lora, Bf16IsWithinItsRounding) {
  for (const Json& config : kKinds) {
    auto [exact, frozen] = models(config, "bf16");
    std::map<std::string, torch::Tensor> weights;
    for (const auto& one : exact->named_parameters()) weights[one.key()] = one.value().detach();
    LoadOptions options;
    options.precision = "bf16";
    options.trainable = true;
    Decoder ordinary(plan_decoder(exact->config(), "config"), Weights(weights), options);
    const auto outcome = [](CausalLM& model) {
      const auto adapter = adapter_on(model);
      model.use({adapter});
      return pass(model, *adapter, input(), {});
    };
    const Outcome want = outcome(*exact), rounded = outcome(ordinary), got = outcome(*frozen);
    const auto all = [](const Outcome& one) {
      std::vector<torch::Tensor> flat;
      for (const auto& gradient : one.gradients) flat.push_back(gradient.flatten());
      return torch::cat(flat);
    };
    EXPECT_LT(relative(got.hidden, want.hidden), 1.5 * relative(rounded.hidden, want.hidden));
    EXPECT_LT(relative(got.d_x, want.d_x), 1.5 * relative(rounded.d_x, want.d_x)) << config;
    EXPECT_LT(relative(all(got), all(want)), 1.5 * relative(all(rounded), all(want))) << config;
  }
}

TEST(Lora, SeveralAdaptersAddUpAndMergeExactlyBack) {
  for (const std::string precision : {"fp32", "bf16"}) {
    auto [trainable, frozen] = models(kSmall, precision);
    const auto first = adapter_on(*frozen, {{"target_modules", {"c_attn", "c_fc"}}}, 3);
    const auto second = adapter_on(*frozen, {{"target_modules", {"c_attn", "c_proj"}}}, 4);
    const torch::NoGradGuard no_grad;
    const auto states = [&](std::vector<std::shared_ptr<Adapter>> used) {
      frozen->use(std::move(used));
      return frozen->hidden(input());
    };
    const auto plain = states({}), one = states({first}), other = states({second});
    const auto both = states({first, second});
    EXPECT_GT(relative(both, plain), 0.02);
    EXPECT_GT(relative(both, one), 0.02);
    EXPECT_GT(relative(both, other), 0.02);
    frozen->merge();
    EXPECT_LT(relative(frozen->hidden(input()), both), precision == "fp32" ? 1e-5 : 0.03);
    frozen->unmerge();
    EXPECT_TRUE(torch::equal(frozen->hidden(input()), both));
    frozen->merge();
    EXPECT_TRUE(torch::equal(states({}), plain)) << "the weights are not what they were";
  }
}

TEST(Lora, ANewAdapterChangesNothingAndFollowsItsSeed) {
  auto [trainable, frozen] = models(kSmall, "fp32");
  const torch::NoGradGuard no_grad;
  const auto plain = frozen->hidden(input());
  const auto adapter = std::make_shared<Adapter>(*frozen, config_of(), 1);
  frozen->use({adapter});
  EXPECT_TRUE(torch::allclose(frozen->hidden(input()), plain));
  const Adapter same(*frozen, config_of(), 1), other(*frozen, config_of(), 2);
  EXPECT_TRUE(
      torch::equal(same.named_parameters()[0].second, adapter->named_parameters()[0].second));
  EXPECT_FALSE(
      torch::equal(other.named_parameters()[0].second, adapter->named_parameters()[0].second));
}

// Tokens before the first that takes a gradient, of which one sequence has none and one has only
// such.
TEST(FixedTokens, TakeNoGradientAndTheOthersTheSame) {
  const std::vector<int64_t> fixed = {4, 1, 33};
  std::vector<int64_t> later;
  for (size_t s = 0; s < fixed.size(); ++s) {
    for (int64_t t = kInput.offsets[s] + fixed[s]; t < kInput.offsets[s + 1]; ++t) {
      later.push_back(t);
    }
  }
  const auto takes = torch::tensor(later);
  for (const Json& config : kKinds) {
    for (const bool adapted : {false, true}) {
      auto [trainable, frozen] = models(config, "fp32");
      const auto adapter = adapter_on(*frozen, {{"lora_dropout", 0.2}});
      adapter->set_trainable(false);
      if (adapted) frozen->use({adapter});
      for (const auto& rows : {torch::Tensor(), torch::tensor({2, 8, 9, 33, 69, 33})}) {
        const Outcome want = pass(*frozen, *adapter, input(), rows);
        for (const bool checkpoint : {false, true}) {
          Packed some = input();
          some.fixed = fixed;
          frozen->set_checkpointing(checkpoint);
          const Outcome got = pass(*frozen, *adapter, some, rows);
          frozen->set_checkpointing(false);
          EXPECT_TRUE(torch::equal(got.hidden, want.hidden)) << config;
          EXPECT_LT(relative(got.d_x.index_select(0, takes), want.d_x.index_select(0, takes)), 1e-5)
              << config;
          EXPECT_EQ(got.d_x.index_fill(0, takes, 0).abs().max().item<float>(), 0) << config;
        }
      }
    }
  }
}

std::vector<std::string> refused(const std::function<void()>& work, Exit code) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.lines();
  }
  return {};
}

TEST(Lora, WhatFitsNothingIsRefused) {
  auto [trainable, frozen] = models(kSmall, "fp32");
  CausalLM& model = *frozen;
  const auto make = [&](const Json& more) {
    return refused([&] { Adapter(model, config_of(more), 1); }, Exit::config);
  };
  EXPECT_THAT(make({{"target_modules", {"q_proj"}}}),
              testing::ElementsAre(AllOf(HasSubstr("fits no linear layer of this gpt2"),
                                         HasSubstr("c_attn, c_fc, c_proj"))));
  EXPECT_THAT(make({{"modules_to_save", {"lm_head"}}}), testing::ElementsAre(HasSubstr("lm_head")));
  EXPECT_THAT(make({{"modules_to_save", {"wte"}}}),
              testing::ElementsAre(HasSubstr("which is the head's too")));
  const auto first = adapter_on(model, {{"modules_to_save", {"ln_f"}}});
  const auto second = adapter_on(model, {{"modules_to_save", {"ln_f"}}});
  EXPECT_THAT(refused([&] { model.use({first, second}); }, Exit::config),
              testing::ElementsAre(HasSubstr("transformer.ln_f.weight")));
}

TEST(Lora, LoadingIsTotal) {
  auto [trainable, frozen] = models(kSmall, "fp32");
  const auto folder = std::filesystem::path(testing::TempDir()) / "lora_total";
  std::filesystem::remove_all(folder);
  adapter_on(*frozen, {{"target_modules", {"c_fc"}}})->save(folder);
  {
    const auto file = open_safetensors(folder / "adapter_model.safetensors");
    std::vector<TensorToWrite> tensors;
    for (const auto& [name, view] : file->tensors()) {
      if (name.ends_with("h.0.mlp.c_fc.lora_A.weight")) continue;
      std::vector<int64_t> shape = view.shape;
      if (name.ends_with("h.1.mlp.c_fc.lora_B.weight")) shape = {shape[1], shape[0]};
      tensors.push_back({name, view.dtype, shape, view.bytes});
    }
    const float extra = 1;
    tensors.push_back({"base_model.model.lm_head.lora_A.weight",
                       DType::f32,
                       {1},
                       {reinterpret_cast<const char*>(&extra), sizeof(extra)}});
    write_safetensors(folder / "other.safetensors", tensors);
  }
  std::filesystem::rename(folder / "other.safetensors", folder / "adapter_model.safetensors");
  CausalLM& model = *frozen;
  EXPECT_THAT(refused([&] { Adapter::load(model, folder); }, Exit::bad_data),
              testing::UnorderedElementsAre(
                  AllOf(HasSubstr("h.0.mlp.c_fc.lora_A.weight"), HasSubstr("missing")),
                  AllOf(HasSubstr("h.1.mlp.c_fc.lora_B.weight"), HasSubstr("got shape")),
                  AllOf(HasSubstr("lm_head.lora_A"), HasSubstr("unexpected"))));
  EXPECT_FALSE(refused([&] { Adapter::load(model, folder / "nowhere"); }, Exit::missing).empty());
}

}  // namespace
}  // namespace kindred::lm
