#pragma once
// config.json of a LLaMA folder (Touvron et al. 2023; Vicuna is one) and of a Qwen2 folder (2024),
// which is the same decoder with biases before attention.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "lm/config/decoder_layout.h"

namespace kindred::lm {

/// The hyper-parameters of a LLaMA or Qwen2, under Hugging Face's names; the defaults are LLaMA's.
struct LlamaConfig {
  std::string model_type = "llama";
  int64_t vocab_size = 32000;
  int64_t hidden_size = 4096;
  int64_t intermediate_size = 11008;
  int64_t num_hidden_layers = 32;
  int64_t num_attention_heads = 32;
  int64_t num_key_value_heads = 0;  ///< absent means num_attention_heads
  int64_t head_dim = 0;             ///< absent means hidden_size / num_attention_heads
  int64_t max_position_embeddings = 2048;
  double rms_norm_eps = 1e-6;
  RopeLayout rope;
  bool attention_bias = false;  ///< LLaMA's: of all four projections; Qwen2 has it on three
  bool mlp_bias = false;
  bool tie_word_embeddings = false;
  std::string hidden_act = "silu";
  Activation activation = Activation::silu;
  double attention_dropout = 0;
  double initializer_range = 0.02;
  std::optional<int64_t> bos_token_id, pad_token_id;
  std::vector<int64_t> eos_token_ids;

  /// The longest sequence: that of the positions, times their factor where they stretch.
  int64_t context() const;
};

/// Reads the configuration of a folder whose `model_type` is llama or qwen2; throws `config` with
/// one line a problem. `where` names the file.
LlamaConfig parse_llama_config(const Json& json, const std::string& where);
/// config.json as `transformers` reads it.
Json llama_config_json(const LlamaConfig& config);
/// What a model of that configuration computes.
DecoderLayout llama_layout(const LlamaConfig& config);

}  // namespace kindred::lm
