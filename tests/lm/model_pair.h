#pragma once
// A decoder twice with the same weights: on the ordinary graph, and frozen on its fast path.

#include <torch/torch.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lm/decoder.h"
#include "lm/shaken_weights.h"

namespace kindred::lm {

struct Pair {
  std::shared_ptr<CausalLM> trainable, frozen;
};

inline Pair models(Json config, const std::string& precision) {
  if (!config.contains("model_type")) config["model_type"] = "gpt2";
  Pair pair;
  pair.trainable = make_causal_lm(config, 11);
  Weights weights(shaken_weights(*pair.trainable));
  LoadOptions options;
  options.precision = precision;
  pair.frozen =
      std::make_shared<Decoder>(plan_decoder(config, "config"), std::move(weights), options);
  return pair;
}

inline const Json kSmall = {{"vocab_size", 301}, {"n_positions", 64}, {"n_embd", 48},
                            {"n_layer", 3},      {"n_head", 4},       {"n_inner", 100}};

// One of each kind with a fast path of its own: shared keys, rotary positions, gates, no biases.
inline const std::vector<Json> kKinds = {
    {{"model_type", "gpt2"},
     {"vocab_size", 301},
     {"n_positions", 64},
     {"n_embd", 48},
     {"n_layer", 3},
     {"n_head", 4},
     {"n_inner", 100}},
    {{"model_type", "opt"},
     {"vocab_size", 301},
     {"max_position_embeddings", 64},
     {"hidden_size", 48},
     {"num_hidden_layers", 3},
     {"num_attention_heads", 4},
     {"ffn_dim", 100},
     {"dropout", 0.2},
     {"attention_dropout", 0.1}},
    {{"model_type", "llama"},
     {"vocab_size", 301},
     {"max_position_embeddings", 64},
     {"hidden_size", 48},
     {"num_hidden_layers", 3},
     {"num_attention_heads", 4},
     {"num_key_value_heads", 2},
     {"head_dim", 10},
     {"intermediate_size", 100},
     {"attention_dropout", 0.1}},
    {{"model_type", "qwen2"},
     {"vocab_size", 301},
     {"max_position_embeddings", 32},
     {"hidden_size", 48},
     {"num_hidden_layers", 3},
     {"num_attention_heads", 6},
     {"num_key_value_heads", 2},
     {"intermediate_size", 77},
     {"hidden_act", "gelu"},
     {"rope_scaling", {{"rope_type", "dynamic"}, {"factor", 4.0}}},
     {"attention_dropout", 0.1}}};

inline double relative(const torch::Tensor& got, const torch::Tensor& want) {
  return ((got - want).norm() / want.norm()).item<double>();
}

}  // namespace kindred::lm
