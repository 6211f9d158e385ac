// adapter_config.json: which modules it means, and what is refused.

#include "lm/config/adapter_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "problems.h"

namespace kindred::lm {
namespace {

using testing::HasSubstr;

Json config(const Json& more = Json::object()) {
  Json json = {{"peft_type", "LORA"}, {"r", 4}, {"lora_alpha", 16}};
  json["target_modules"] = {"q_proj", "v_proj"};
  for (const auto& [key, value] : more.items()) json[key] = value;
  return json;
}

AdapterTargets targets(const Json& more = Json::object()) {
  return AdapterTargets(parse_adapter_config(config(more), "adapter_config.json"));
}

std::vector<std::string> problems(const Json& more) {
  return problems_of([&] { parse_adapter_config(config(more), "adapter_config.json"); });
}

const std::string kQuery = "model.layers.1.self_attn.q_proj";

TEST(AdapterConfig, NamesStandForModulesThatEndWithThem) {
  const auto some = targets();
  ASSERT_TRUE(some.low_rank(kQuery));
  EXPECT_EQ(some.low_rank(kQuery)->rank, 4);
  EXPECT_DOUBLE_EQ(some.low_rank(kQuery)->scale, 4);
  EXPECT_FALSE(some.low_rank("model.layers.1.self_attn.k_proj"));
  EXPECT_FALSE(some.low_rank("model.layers.1.self_attn.my_q_proj"));
  EXPECT_TRUE(some.low_rank("q_proj"));
}

TEST(AdapterConfig, PatternsMatchWholeNames) {
  const auto some = targets({{"target_modules", ".*layers\\.[01]\\..*(q|o)_proj"}});
  EXPECT_TRUE(some.low_rank(kQuery));
  EXPECT_FALSE(some.low_rank("model.layers.2.self_attn.q_proj"));
  EXPECT_FALSE(some.low_rank(kQuery + ".x"));
  EXPECT_TRUE(targets({{"target_modules", "All-Linear"}}).low_rank("anything.at.all"));
}

TEST(AdapterConfig, LayersAreChosenByTheirFirstNumber) {
  const auto second = targets({{"layers_to_transform", {1}}});
  EXPECT_TRUE(second.low_rank(kQuery));
  EXPECT_FALSE(second.low_rank("model.layers.0.self_attn.q_proj"));
  EXPECT_FALSE(second.low_rank("model.layers.0.experts.1.q_proj"));
  const auto named = targets({{"layers_to_transform", 1}, {"layers_pattern", "blocks"}});
  EXPECT_TRUE(named.low_rank("model.blocks.1.q_proj"));
  EXPECT_FALSE(named.low_rank(kQuery));
  // A module named in full is meant whatever its layer.
  EXPECT_TRUE(targets({{"layers_to_transform", 0}, {"target_modules", {kQuery}}}).low_rank(kQuery));
}

TEST(AdapterConfig, RanksAndAlphasByPatternTheFirstThatFits) {
  const auto some = targets({{"rank_pattern", {{"layers.1.*q_proj", 8}, {"q_proj", 2}}},
                             {"alpha_pattern", {{"q_proj", 32}}}});
  EXPECT_EQ(some.low_rank(kQuery)->rank, 8);
  EXPECT_DOUBLE_EQ(some.low_rank(kQuery)->scale, 4);
  EXPECT_EQ(some.low_rank("model.layers.0.q_proj")->rank, 2);
  EXPECT_DOUBLE_EQ(some.low_rank("model.layers.0.v_proj")->scale, 4);
  const auto stabilised = targets({{"use_rslora", true}, {"rank_pattern", {{"q_proj", 64}}}});
  EXPECT_DOUBLE_EQ(stabilised.low_rank(kQuery)->scale, 2);
  EXPECT_DOUBLE_EQ(stabilised.low_rank("x.v_proj")->scale, 8);
}

TEST(AdapterConfig, ExcludedAndSavedModulesGetNoAdapter) {
  EXPECT_FALSE(targets({{"exclude_modules", {"layers.1.self_attn.q_proj"}}}).low_rank(kQuery));
  EXPECT_FALSE(targets({{"exclude_modules", ".*q_proj"}}).low_rank(kQuery));
  const auto saved = targets({{"modules_to_save", {"self_attn", "norm"}}});
  EXPECT_FALSE(saved.low_rank(kQuery));
  EXPECT_TRUE(saved.saves("model.layers.0.self_attn"));
  EXPECT_TRUE(saved.saves("model.layers.0.input_layernorm"));  // as PEFT compares
  EXPECT_FALSE(saved.saves("lm_head"));
}

TEST(AdapterConfig, WhatChangesTheComputationIsHonouredOrRefusedByName) {
  const std::vector<std::pair<const char*, Json>> cases = {
      {"use_dora", true},
      {"use_qalora", true},
      {"layer_replication", {{0, 2}}},
      {"trainable_token_indices", {1, 2}},
      {"target_parameters", {"x"}},
      {"lora_bias", true},
      {"eva_config", {{"rho", 2.0}}},
      {"init_lora_weights", "pissa"},
      {"peft_type", "LOHA"},
      {"r", 0},
      {"lora_dropout", 1.5},
      {"bias", "some"},
      {"target_modules", nullptr},
      {"target_modules", "(q_proj"},
      {"target_modules", std::string(1000, 'a')},
      {"rank_pattern", {{"q_proj", -1}}},
      {"alpha_pattern", {{"q_proj", "big"}}},
      {"layers_to_transform", {-1}},
      {"modules_to_save", 3},
  };
  for (const auto& [key, value] : cases) {
    EXPECT_THAT(problems({{key, value}}), testing::ElementsAre(HasSubstr(std::string(key))))
        << key << " = " << value;
  }
  EXPECT_EQ(problems({{"use_dora", true}, {"r", "x"}}).size(), 2);
}

TEST(AdapterConfig, WhatPeftWritesByDefaultIsRead) {
  EXPECT_THAT(problems({{"auto_mapping", nullptr},
                        {"inference_mode", true},
                        {"megatron_core", "megatron.core"},
                        {"peft_version", "0.21.2"},
                        {"qalora_group_size", 16},
                        {"loftq_config", Json::object()},
                        {"init_lora_weights", true},
                        {"use_dora", false},
                        {"revision", "main"}}),
              testing::IsEmpty());
}

TEST(AdapterConfig, IsWrittenAsItWasRead) {
  const Json more = {{"rank_pattern", {{"q_proj", 8}}},
                     {"alpha_pattern", {{"v_proj", 2.5}}},
                     {"modules_to_save", {"lm_head"}},
                     {"lora_alpha", 12},
                     {"bias", "lora_only"},
                     {"layers_to_transform", {0, 2}}};
  const Json given = config(more);
  const Json written = adapter_config_json(parse_adapter_config(given, ""));
  for (const auto& [key, value] : given.items()) EXPECT_EQ(written[key], value) << key;
  EXPECT_EQ(adapter_config_json(parse_adapter_config(written, "")), written);
}

TEST(AdapterConfig, NoPatternTakesLong) {
  const auto slow = targets({{"target_modules", "(a*)*(a*)*(a|aa)+x"}});
  EXPECT_FALSE(slow.low_rank(std::string(200, 'a')));
}

}  // namespace
}  // namespace kindred::lm
