// config.json of T5: what is read, what is refused by name, what is written back.

#include "lm/config/t5_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "problems.h"

namespace kindred::lm {
namespace {

using testing::HasSubstr;

T5Config parsed(Json json) {
  json["model_type"] = "t5";
  return parse_t5_config(json, "config.json");
}

std::vector<std::string> problems(const Json& json) {
  return problems_of([&] { parsed(json); });
}

TEST(T5ConfigTest, PublishedSizesGiveTheirWeights) {
  EXPECT_DOUBLE_EQ(weight_count(t5_tensors(parsed(Json::object()))), 60506624);  // t5-small
  const Json v1_1 = {{"d_ff", 1024},
                     {"num_layers", 8},
                     {"num_heads", 6},
                     {"feed_forward_proj", "gated-gelu"},
                     {"tie_word_embeddings", false}};
  EXPECT_DOUBLE_EQ(weight_count(t5_tensors(parsed(v1_1))), 76961152);  // t5-v1_1-small
}

TEST(T5ConfigTest, WhatIsNotSaidIsWhatTransformersTakes) {
  const T5Config config = parsed({{"num_layers", 3}, {"unknown", 1}});
  EXPECT_EQ(config.num_decoder_layers, 3);
  EXPECT_EQ(config.decoder_start_token_id, 0);
  EXPECT_EQ(config.pad_token_id, 0);
  EXPECT_EQ(config.eos_token_ids, std::vector<int64_t>{1});
  EXPECT_EQ(config.activation, Activation::relu);
  EXPECT_TRUE(config.scale_decoder_outputs);
  EXPECT_EQ(config.n_positions, 512);
  EXPECT_EQ(parsed({{"num_layers", 3}, {"num_decoder_layers", 5}}).num_decoder_layers, 5);
  EXPECT_EQ(parsed({{"pad_token_id", 7}}).decoder_start_token_id, 7);
}

TEST(T5ConfigTest, ActivationsByTheirNames) {
  const auto of = [](const char* name) { return parsed({{"feed_forward_proj", name}}); };
  EXPECT_EQ(of("gated-gelu").activation, Activation::gelu_tanh);
  EXPECT_TRUE(of("gated-gelu").gated);
  EXPECT_EQ(of("gelu").activation, Activation::gelu_erf);
  EXPECT_FALSE(of("gelu").gated);
  EXPECT_EQ(of("gated-silu").activation, Activation::silu);
  EXPECT_EQ(of("gated-gelu_new").activation, Activation::gelu_tanh);
}

TEST(T5ConfigTest, ScalingFollowsTheTieUnlessItIsSaid) {
  EXPECT_FALSE(parsed({{"tie_word_embeddings", false}}).scale_decoder_outputs);
  const T5Config five = parsed({{"tie_word_embeddings", true}, {"scale_decoder_outputs", false}});
  EXPECT_TRUE(five.tie_word_embeddings);
  EXPECT_FALSE(five.scale_decoder_outputs);
}

TEST(T5ConfigTest, WhatIsWrittenIsReadTheSame) {
  for (const Json& json : {Json::object(), Json{{"feed_forward_proj", "gated-gelu"},
                                                {"tie_word_embeddings", false},
                                                {"num_decoder_layers", 2},
                                                {"pad_token_id", nullptr},
                                                {"decoder_start_token_id", 4},
                                                {"eos_token_id", {1, 5}},
                                                {"relative_attention_num_buckets", 9}}}) {
    const Json written = t5_config_json(parsed(json));
    EXPECT_EQ(t5_config_json(parse_t5_config(written, "written")), written);
  }
}

TEST(T5ConfigTest, HostileValuesAreRefusedEachWithItsKey) {
  const std::vector<std::pair<const char*, Json>> cases = {
      {"vocab_size", 0},
      {"d_model", -4},
      {"d_kv", 1.5},
      {"d_ff", "many"},
      {"num_layers", 0},
      {"num_decoder_layers", 5000},
      {"num_heads", 1 << 20},
      {"relative_attention_num_buckets", 3},
      {"relative_attention_max_distance", 16},
      {"n_positions", 1},
      {"dropout_rate", 1.0},
      {"layer_norm_epsilon", 0.0},
      {"initializer_factor", -1},
      {"feed_forward_proj", "gated-"},
      {"feed_forward_proj", "relu-gated"},
      {"feed_forward_proj", "gated-gated-relu"},
      {"feed_forward_proj", 3},
      {"dense_act_fn", "gelu"},
      {"is_gated_act", true},
      {"is_encoder_decoder", false},
      {"is_decoder", true},
      {"tie_word_embeddings", "no"},
      {"scale_decoder_outputs", 1},
      {"tie_encoder_decoder", true},
      {"quantization_config", {{"bits", 4}}},
      {"decoder_start_token_id", 32128},
      {"eos_token_id", "end"},
  };
  for (const auto& [key, value] : cases) {
    const auto lines = problems({{key, value}});
    ASSERT_EQ(lines.size(), 1u) << key << " " << value;
    EXPECT_THAT(lines[0], HasSubstr(std::string("config.json: ") + key + ": ")) << value;
  }
  EXPECT_THAT(problems({{"pad_token_id", nullptr}}),
              testing::ElementsAre(HasSubstr("decoder_start_token_id: is missing")));
  EXPECT_EQ(problems({{"d_model", 1 << 18}, {"d_ff", 1 << 20}, {"num_layers", 4096}}).size(), 1u);
  EXPECT_THAT(problems({{"pad_token_id", -1}, {"decoder_start_token_id", 0}}),
              testing::ElementsAre(HasSubstr("pad_token_id: got -1")));
  EXPECT_THAT(problems({{"d_model", 512}, {"hidden_size", 511}}),
              testing::ElementsAre(HasSubstr("hidden_size: got 511, but d_model is 512")));
  EXPECT_EQ(problems({{"d_kv", 0}, {"d_ff", 0}, {"dropout_rate", 2}}).size(), 3u);
}

}  // namespace
}  // namespace kindred::lm
