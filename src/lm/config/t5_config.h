#pragma once
// config.json of a T5 folder (Raffel et al. 2020): version 1.0 (ReLU, one table for words in and
// out, states scaled before the head) and 1.1 (gated GELU, a head of its own, no scaling; Flan-T5
// too). Legend: D hidden size, H heads, V vocabulary.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "lm/config/layers.h"

namespace kindred::lm {

/// The hyper-parameters of a T5, under Hugging Face's names and defaults.
struct T5Config {
  int64_t vocab_size = 32128;
  int64_t d_model = 512;
  int64_t d_kv = 64;
  int64_t d_ff = 2048;
  int64_t num_layers = 6;
  int64_t num_decoder_layers = 0;  ///< absent means num_layers, resolved here
  int64_t num_heads = 8;
  int64_t relative_attention_num_buckets = 32;
  int64_t relative_attention_max_distance = 128;
  /// The length it was trained on. Positions are relative, so that longer ones can be read too.
  int64_t n_positions = 512;
  double dropout_rate = 0.1;
  double layer_norm_epsilon = 1e-6;
  double initializer_factor = 1;
  std::string feed_forward_proj = "relu";  ///< an activation, or `gated-` and one
  Activation activation = Activation::relu;
  bool gated = false;
  bool tie_word_embeddings = true;
  /// Whether states are multiplied by D^-0.5 before the head. Absent means tie_word_embeddings, as
  /// `transformers` takes it.
  bool scale_decoder_outputs = true;
  int64_t decoder_start_token_id = 0;
  std::optional<int64_t> pad_token_id;
  std::vector<int64_t> eos_token_ids;
};

/// Reads a configuration; throws `config` with one line a problem. `where` names the file.
T5Config parse_t5_config(const Json& json, const std::string& where);
/// config.json as `transformers` reads it.
Json t5_config_json(const T5Config& config);

/// One block. Outputs side by side: of `qkv` queries, keys, values; of `cross_keys_values` keys,
/// values; of a gated `up` the gate, then the values.
struct T5BlockLayout {
  NormLayout norm_1, cross_norm, norm_2;
  std::vector<LinearLayout> qkv, cross_keys_values, up;
  LinearLayout out, cross_query, cross_out, down;  ///< `cross_` ones are the decoder's
};

/// An encoder or a decoder.
struct T5StackLayout {
  std::vector<T5BlockLayout> blocks;
  std::string bias;  ///< [buckets, H], of all blocks
  NormLayout final_norm;
};

/// Every weight of a T5 by its Hugging Face name.
struct T5Layout {
  std::string embeddings = "shared.weight";  ///< [V, D]
  T5StackLayout encoder, decoder;
  std::string head;  ///< [V, D]; empty: tied to the embeddings
};
T5Layout t5_layout(const T5Config& config);

/// Every tensor, in the order of computation.
std::vector<TensorSpec> t5_tensors(const T5Config& config);
/// The standard deviation a weight starts at (Mesh TensorFlow's initialisation).
double t5_deviation(const T5Config& config, const TensorSpec& spec);

}  // namespace kindred::lm
