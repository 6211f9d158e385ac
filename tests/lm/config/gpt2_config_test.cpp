#include "lm/config/gpt2_config.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "problems.h"

namespace kindred::lm {
namespace {

// The lines of the error that a configuration is refused with; empty when it is read.
std::vector<std::string> problems(const Json& json) {
  return problems_of([&] { parse_gpt2_config(json, "config.json"); });
}

TEST(Gpt2Config, AbsentFieldsAreGpt2Small) {
  const Gpt2Config config = parse_gpt2_config(Json::object(), "config.json");
  EXPECT_EQ(config.vocab_size, 50257);
  EXPECT_EQ(config.n_positions, 1024);
  EXPECT_EQ(config.n_inner, 3072);
  EXPECT_EQ(config.activation, Activation::gelu_tanh);
  EXPECT_EQ(config.eos_token_ids, std::vector<int64_t>{50256});
  EXPECT_EQ(config.bos_token_id, 50256);
  EXPECT_TRUE(config.tie_word_embeddings);
  EXPECT_DOUBLE_EQ(config.attention_scale(3), 0.125);
}

TEST(Gpt2Config, OtherNamesOfTheSameSizesAreRead) {
  const Gpt2Config config = parse_gpt2_config({{"hidden_size", 96},
                                               {"num_hidden_layers", 3},
                                               {"num_attention_heads", 6},
                                               {"max_position_embeddings", 77},
                                               {"n_inner", nullptr}},
                                              "config.json");
  EXPECT_EQ(config.n_embd, 96);
  EXPECT_EQ(config.n_layer, 3);
  EXPECT_EQ(config.n_head, 6);
  EXPECT_EQ(config.n_positions, 77);
  EXPECT_EQ(config.n_inner, 384);
  EXPECT_EQ(parse_gpt2_config({{"n_ctx", 40}}, "").n_positions, 40);
  EXPECT_EQ(parse_gpt2_config({{"n_ctx", 40}, {"n_positions", 50}}, "").n_positions, 50);
  EXPECT_EQ(problems({{"n_embd", 96}, {"hidden_size", 48}}).size(), 1u);
}

TEST(Gpt2Config, TheScaleFollowsBothSwitches) {
  const Json base = {{"n_embd", 64}, {"n_head", 4}};
  Json inverse = base, none = base;
  inverse["scale_attn_by_inverse_layer_idx"] = true;
  none["scale_attn_weights"] = false;
  EXPECT_DOUBLE_EQ(parse_gpt2_config(inverse, "").attention_scale(1), 0.25 / 2);
  EXPECT_DOUBLE_EQ(parse_gpt2_config(none, "").attention_scale(1), 1.0);
}

TEST(Gpt2Config, EndTokensAreANumberAListOrNull) {
  const auto ends = [](const Json& value) {
    return parse_gpt2_config({{"eos_token_id", value}, {"vocab_size", 10}}, "").eos_token_ids;
  };
  EXPECT_EQ(ends(3), (std::vector<int64_t>{3}));
  EXPECT_EQ(ends({3, 9}), (std::vector<int64_t>{3, 9}));
  EXPECT_EQ(ends(nullptr), std::vector<int64_t>{});
  EXPECT_EQ(ends(50256), std::vector<int64_t>{}) << "a token that does not exist is never produced";
}

TEST(Gpt2Config, HostileValuesAreRefusedEachWithKeyAndRange) {
  const std::vector<std::pair<std::string, Json>> cases = {
      {"n_head", 0},
      {"n_head", 5},
      {"n_layer", -1},
      {"n_layer", 1000000000},
      {"n_layer", 1e300},
      {"n_layer", 18446744073709551615u},
      {"n_layer", "12"},
      {"n_layer", 2.5},
      {"n_embd", 0},
      {"n_embd", Json::array()},
      {"vocab_size", int64_t{1} << 62},
      {"n_positions", -5},
      {"n_inner", 0},
      {"layer_norm_epsilon", -1},
      {"layer_norm_epsilon", "small"},
      {"resid_pdrop", 1.5},
      {"attn_pdrop", true},
      {"activation_function", "laplace"},
      {"activation_function", 3},
      {"scale_attn_weights", "yes"},
      {"tie_word_embeddings", 1},
      {"add_cross_attention", true},
      {"is_encoder_decoder", true},
      {"quantization_config", {{"bits", 4}}},
      {"pruned_heads", {{"0", {1}}}},
      {"eos_token_id", -1},
      {"eos_token_id", {1, "x"}},
      {"bos_token_id", 1.5},
  };
  for (const auto& [key, value] : cases) {
    const auto lines = problems({{key, value}});
    ASSERT_EQ(lines.size(), 1u) << key << " " << value;
    EXPECT_NE(lines[0].find("config.json: " + key), std::string::npos) << lines[0];
    EXPECT_NE(lines[0].find("expected"), std::string::npos) << lines[0];
  }
}

TEST(Gpt2Config, TooManyWeightsTogetherAreRefused) {
  const auto lines = problems({{"n_embd", 262144}, {"n_head", 64}, {"n_layer", 4096}});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("weights"), std::string::npos);
}

TEST(Gpt2Config, AllProblemsAreReportedAtOnce) {
  EXPECT_EQ(problems({{"n_head", 0}, {"n_layer", "x"}, {"activation_function", "none"}}).size(),
            3u);
  EXPECT_EQ(problems(Json::array()).size(), 1u);
}

TEST(Gpt2Config, WhatIsWrittenReadsBackTheSame) {
  const Json json = {{"vocab_size", 100},
                     {"n_embd", 32},
                     {"n_head", 2},
                     {"n_inner", 50},
                     {"activation_function", "relu"},
                     {"tie_word_embeddings", false},
                     {"eos_token_id", {1, 2}},
                     {"bos_token_id", nullptr}};
  const Json once = gpt2_config_json(parse_gpt2_config(json, ""));
  EXPECT_EQ(once, gpt2_config_json(parse_gpt2_config(once, "")));
  for (const auto& [key, value] : json.items()) EXPECT_EQ(once[key], value) << key;
}

}  // namespace
}  // namespace kindred::lm
