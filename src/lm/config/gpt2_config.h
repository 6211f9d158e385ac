#pragma once
// config.json of a GPT-2 folder: every field that changes the computation is honoured or refused by
// name, and every size is checked before anything is allocated from it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "lm/config/decoder_layout.h"

namespace kindred::lm {

/// The hyper-parameters of a GPT-2, under Hugging Face's names and defaults.
struct Gpt2Config {
  int64_t vocab_size = 50257;
  int64_t n_positions = 1024;
  int64_t n_embd = 768;
  int64_t n_layer = 12;
  int64_t n_head = 12;
  int64_t n_inner = 0;  ///< width of the MLP; null in the file means 4 n_embd, resolved here
  std::string activation_function = "gelu_new";
  Activation activation = Activation::gelu_tanh;
  double resid_pdrop = 0.1, embd_pdrop = 0.1, attn_pdrop = 0.1;
  double layer_norm_epsilon = 1e-5;
  double initializer_range = 0.02;
  bool scale_attn_weights = true;
  bool scale_attn_by_inverse_layer_idx = false;
  bool reorder_and_upcast_attn = false;  ///< a matter of rounding in fp16: attention is fp32 here
  bool tie_word_embeddings = true;
  std::optional<int64_t> bos_token_id;
  std::vector<int64_t> eos_token_ids;  ///< `eos_token_id`, a number or a list

  int64_t head_dim() const { return n_embd / n_head; }
  /// What attention scores of layer `layer` (from 0) are multiplied by.
  double attention_scale(int64_t layer) const;
};

/// Reads a configuration; throws `config` with one line a problem (key, value, allowed range).
/// `where` names the file.
Gpt2Config parse_gpt2_config(const Json& json, const std::string& where);

/// config.json as `transformers` reads it.
Json gpt2_config_json(const Gpt2Config& config);

/// What a GPT-2 of that configuration computes.
DecoderLayout gpt2_layout(const Gpt2Config& config);

}  // namespace kindred::lm
