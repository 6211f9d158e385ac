#pragma once
// config.json of an OPT folder (Zhang et al. 2022), the 350M layout included.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "lm/config/decoder_layout.h"

namespace kindred::lm {

/// The hyper-parameters of an OPT, under Hugging Face's names and defaults.
struct OptConfig {
  int64_t vocab_size = 50272;
  int64_t hidden_size = 768;
  int64_t num_hidden_layers = 12;
  int64_t ffn_dim = 3072;
  int64_t max_position_embeddings = 2048;
  int64_t num_attention_heads = 12;
  int64_t word_embed_proj_dim = 0;  ///< size of the embeddings; absent means hidden_size
  bool do_layer_norm_before = true;
  bool remove_final_layer_norm = false;
  bool enable_bias = true;
  bool layer_norm_elementwise_affine = true;
  bool tie_word_embeddings = true;
  std::string activation_function = "relu";
  Activation activation = Activation::relu;
  double dropout = 0.1, attention_dropout = 0;
  double init_std = 0.02;
  std::optional<int64_t> bos_token_id, pad_token_id;
  std::vector<int64_t> eos_token_ids;
};

/// Reads a configuration; throws `config` with one line a problem. `where` names the file.
OptConfig parse_opt_config(const Json& json, const std::string& where);
/// config.json as `transformers` reads it.
Json opt_config_json(const OptConfig& config);
/// What an OPT of that configuration computes.
DecoderLayout opt_layout(const OptConfig& config);

}  // namespace kindred::lm
