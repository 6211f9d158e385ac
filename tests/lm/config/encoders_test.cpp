// Configurations of encoders, and the list of kinds.

#include "lm/config/encoders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "problems.h"

namespace kindred::lm {
namespace {

using testing::HasSubstr;

std::vector<std::string> problems(const std::string& kind, Json json) {
  json["model_type"] = kind;
  return problems_of([&] { plan_encoder(json, "config.json"); });
}

TEST(Encoders, WhatIsNotSaidIsWhatTransformersTakes) {
  // Those of the published base models, less their poolers.
  EXPECT_DOUBLE_EQ(plan_encoder({{"model_type", "bert"}}, "").layout.weights(), 108891648);
  const auto roberta = plan_encoder(
      {{"model_type", "roberta"}, {"max_position_embeddings", 514}, {"type_vocab_size", 1}}, "");
  EXPECT_DOUBLE_EQ(roberta.layout.weights(), 124055040);
  EXPECT_EQ(roberta.layout.context, 512);
  EXPECT_EQ(roberta.layout.position_offset, 2);
  EXPECT_DOUBLE_EQ(plan_encoder({{"model_type", "distilbert"}}, "").layout.weights(), 66362880);
  const auto longformer = plan_encoder({{"model_type", "longformer"},
                                        {"vocab_size", 50265},
                                        {"max_position_embeddings", 4098},
                                        {"type_vocab_size", 1}},
                                       "");
  EXPECT_DOUBLE_EQ(longformer.layout.weights(), 148068864);
  EXPECT_EQ(longformer.layout.context, 4096);
  EXPECT_EQ(longformer.layout.blocks[11].window, 256);
  const auto mpnet = plan_encoder({{"model_type", "mpnet"}, {"max_position_embeddings", 514}}, "");
  EXPECT_DOUBLE_EQ(mpnet.layout.weights(), 108895872);
}

TEST(Encoders, HostileValuesAreRefusedEachWithItsKey) {
  struct Case {
    const char *kind, *key;
    Json value;
  };
  const std::vector<Case> cases = {
      {"bert", "num_attention_heads", 5},
      {"bert", "hidden_size", int64_t{1} << 62},
      {"bert", "intermediate_size", 0},
      {"bert", "type_vocab_size", 0},
      {"bert", "hidden_act", "laplace"},
      {"bert", "layer_norm_eps", -1},
      {"bert", "hidden_dropout_prob", 1.5},
      {"bert", "position_embedding_type", "relative_key"},
      {"bert", "is_decoder", true},
      {"bert", "pruned_heads", {{"1", {0, 2}}}},
      {"roberta", "pad_token_id", nullptr},
      {"roberta", "max_position_embeddings", 2},
      {"xlm-roberta", "quantization_config", {{"bits", 4}}},
      {"distilbert", "n_heads", 7},
      {"distilbert", "activation", 3},
      {"distilbert", "dim", -768},
      {"mpnet", "relative_attention_num_buckets", 16},
      {"mpnet", "pad_token_id", 0},
      {"longformer", "attention_window", 7},
      {"longformer", "attention_window", 0},
      {"longformer", "attention_window", "wide"},
      {"longformer", "attention_window", {512, 512}},
      {"longformer", "attention_window", Json(std::vector<Json>(12, 2.5))},
  };
  for (const Case& one : cases) {
    const auto lines = problems(one.kind, {{one.key, one.value}});
    ASSERT_EQ(lines.size(), 1u) << one.kind << " " << one.key << " " << one.value;
    EXPECT_THAT(lines[0], HasSubstr(std::string("config.json: ") + one.key));
    EXPECT_THAT(lines[0], HasSubstr("expected"));
  }
}

TEST(Encoders, EveryProblemIsInOneError) {
  const auto lines = problems("bert", {{"vocab_size", 0}, {"hidden_act", 1}, {"is_decoder", true}});
  EXPECT_EQ(lines.size(), 3u);
}

TEST(Encoders, WrittenConfigurationsReadAsTheSame) {
  const std::vector<Json> configs = {
      {{"model_type", "bert"}, {"pad_token_id", nullptr}, {"hidden_act", "gelu_new"}},
      {{"model_type", "roberta"}, {"layer_norm_eps", 1e-5}, {"type_vocab_size", 1}},
      {{"model_type", "xlm-roberta"}, {"vocab_size", 250002}},
      {{"model_type", "distilbert"}, {"hidden_size", 384}, {"num_hidden_layers", 3}},
      {{"model_type", "mpnet"}, {"layer_norm_eps", 1e-5}},
      {{"model_type", "longformer"}, {"num_hidden_layers", 2}, {"attention_window", {4, 8}}}};
  for (const Json& config : configs) {
    const auto plan = plan_encoder(config, "first");
    const auto again = plan_encoder(plan.config, "second");
    EXPECT_EQ(plan.config, again.config);
    EXPECT_EQ(plan.layout.weights(), again.layout.weights());
  }
}

TEST(Encoders, OtherKindsAreRefusedByName) {
  EXPECT_THAT(problems("berd", {}),
              testing::ElementsAre(testing::AllOf(HasSubstr("berd"), HasSubstr("did you mean"))));
  EXPECT_THAT(problems("gpt2", {}), testing::ElementsAre(HasSubstr("expected an encoder")));
  EXPECT_FALSE(is_encoder({{"model_type", "gpt2"}}));
  EXPECT_FALSE(is_encoder(Json::array()));
  EXPECT_TRUE(is_encoder({{"model_type", "xlm-roberta"}}));
}

}  // namespace
}  // namespace kindred::lm
