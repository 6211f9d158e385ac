// Configurations of OPT, LLaMA and Qwen2, and the list of kinds.

#include "lm/config/decoders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "lm/config/llama_config.h"
#include "problems.h"

namespace kindred::lm {
namespace {

using testing::HasSubstr;

std::vector<std::string> problems(const std::string& kind, Json json) {
  json["model_type"] = kind;
  return problems_of([&] { plan_decoder(json, "config.json"); });
}

TEST(Decoders, WhatIsNotSaidIsWhatTransformersTakes) {
  const auto opt = plan_decoder({{"model_type", "opt"}}, "").layout;
  EXPECT_EQ(opt.border_size, 768);
  EXPECT_EQ(opt.position_rows, 2050);
  EXPECT_DOUBLE_EQ(opt.weights(), 125239296);
  const auto llama = plan_decoder({{"model_type", "llama"}}, "").layout;
  EXPECT_DOUBLE_EQ(llama.weights(), 6738415616);
  EXPECT_EQ(llama.head, "lm_head.weight");
  const auto qwen2 = plan_decoder({{"model_type", "qwen2"},
                                   {"hidden_size", 896},
                                   {"intermediate_size", 4864},
                                   {"num_hidden_layers", 24},
                                   {"num_attention_heads", 14},
                                   {"num_key_value_heads", 2},
                                   {"tie_word_embeddings", true}},
                                  "")
                         .layout;
  EXPECT_DOUBLE_EQ(qwen2.weights(), 494032768);  // Qwen2-0.5B
}

TEST(Decoders, HostileValuesAreRefusedEachWithItsKey) {
  struct Case {
    const char *kind, *key;
    Json value;
  };
  const std::vector<Case> cases = {
      {"opt", "num_attention_heads", 5},
      {"opt", "ffn_dim", 0},
      {"opt", "layerdrop", 0.1},
      {"opt", "word_embed_proj_dim", -4},
      {"opt", "activation_function", "laplace"},
      {"llama", "num_key_value_heads", 3},
      {"llama", "num_attention_heads", 6},
      {"llama", "head_dim", 5},
      {"llama", "rope_theta", 0},
      {"llama", "rope_scaling", "linear"},
      {"llama", "rope_scaling.type", {{"type", "yarn"}, {"factor", 2}}},
      {"llama", "rope_scaling.rope_type", {{"rope_type", "longrope"}, {"factor", 2}}},
      {"llama", "rope_scaling.factor", {{"type", "linear"}}},
      {"llama", "rope_scaling.factor", {{"type", "dynamic"}, {"factor", 0.5}}},
      {"llama", "rope_parameters.partial_rotary_factor", {{"partial_rotary_factor", 0.5}}},
      {"llama", "hidden_size", int64_t{1} << 62},
      {"llama", "quantization_config", {{"bits", 4}}},
      {"qwen2", "use_sliding_window", true},
      {"qwen2", "layer_types", {"full_attention", "sliding_attention"}},
      {"qwen2", "rms_norm_eps", "small"},
  };
  for (const Case& one : cases) {
    const std::string key = one.key;
    const auto lines = problems(one.kind, {{key.substr(0, key.find('.')), one.value}});
    ASSERT_EQ(lines.size(), 1u) << one.kind << " " << key << " " << one.value;
    EXPECT_THAT(lines[0], HasSubstr("config.json: " + key));
    EXPECT_THAT(lines[0], testing::AnyOf(HasSubstr("expected"), HasSubstr("is missing")));
  }
  EXPECT_THAT(problems("llama", {{"hidden_size", 262144}, {"num_hidden_layers", 4096}}),
              testing::ElementsAre(HasSubstr("weights")));
}

TEST(Decoders, KindsThatAreNotDecodersSaySo) {
  EXPECT_THAT(problems("t5", {}), testing::ElementsAre(HasSubstr("does not predict")));
  EXPECT_THAT(problems("lama", {}), testing::ElementsAre(HasSubstr("did you mean 'llama'")));
}

TEST(Decoders, WhatIsWrittenReadsBackTheSame) {
  const std::vector<Json> configs = {{{"model_type", "opt"},
                                      {"do_layer_norm_before", false},
                                      {"word_embed_proj_dim", 512},
                                      {"dropout", 0.3},
                                      {"_remove_final_layer_norm", true}},
                                     {{"model_type", "llama"},
                                      {"rope_theta", 5e5},
                                      {"eos_token_id", {1, 2}},
                                      {"rope_scaling", {{"type", "linear"}, {"factor", 4.0}}},
                                      {"mlp_bias", true}},
                                     {{"model_type", "llama"},
                                      {"num_key_value_heads", 8},
                                      {"head_dim", 64},
                                      {"rope_parameters",
                                       {{"rope_type", "llama3"},
                                        {"rope_theta", 5e5},
                                        {"factor", 8.0},
                                        {"original_max_position_embeddings", 8192}}}},
                                     {{"model_type", "qwen2"}, {"tie_word_embeddings", true}}};
  for (const Json& config : configs) {
    const Json once = plan_decoder(config, "").config;
    EXPECT_EQ(once, plan_decoder(once, "").config) << config;
  }
  const Json written = plan_decoder(configs[2], "").config;
  EXPECT_EQ(written["rope_scaling"]["rope_type"], "llama3");
  EXPECT_EQ(written["rope_theta"], 5e5);
}

TEST(Decoders, PositionsThatStretchMakeTheContextLonger) {
  const auto context = [](const Json& scaling) {
    return plan_decoder({{"model_type", "llama"},
                         {"max_position_embeddings", 100},
                         {"rope_scaling", scaling}},
                        "")
        .layout.context;
  };
  EXPECT_EQ(context(nullptr), 100);
  EXPECT_EQ(context({{"type", "linear"}, {"factor", 4}}), 400);
  EXPECT_EQ(context({{"rope_type", "dynamic"}, {"factor", 2.0}}), 200);
  EXPECT_EQ(context({{"rope_type", "llama3"}, {"factor", 8}}), 100);
}

}  // namespace
}  // namespace kindred::lm
