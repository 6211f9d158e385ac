#pragma once
// config.json of a DistilBERT folder (Sanh et al. 2019).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "lm/config/encoder_layout.h"

namespace kindred::lm {

/// The hyper-parameters of a DistilBERT, under Hugging Face's names and defaults.
struct DistilBertConfig {
  int64_t vocab_size = 30522;
  int64_t max_position_embeddings = 512;
  bool sinusoidal_pos_embds = false;  ///< how a table began; the folder's own table is read
  int64_t n_layers = 6;
  int64_t n_heads = 12;
  int64_t dim = 768;
  int64_t hidden_dim = 3072;
  std::string activation_name = "gelu";
  Activation activation = Activation::gelu_erf;
  double dropout = 0.1, attention_dropout = 0.1;
  double initializer_range = 0.02;
  std::optional<int64_t> pad_token_id, bos_token_id;
  std::vector<int64_t> eos_token_ids;
};

/// Reads a configuration; throws `config` with one line a problem. `where` names the file.
DistilBertConfig parse_distilbert_config(const Json& json, const std::string& where);
/// config.json as `transformers` reads it.
Json distilbert_config_json(const DistilBertConfig& config);
/// What an encoder of that configuration computes.
EncoderLayout distilbert_layout(const DistilBertConfig& config);

}  // namespace kindred::lm
