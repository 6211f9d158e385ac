#pragma once
// config.json of a BERT folder (Devlin et al. 2019) and of those that compute the same with other
// names and positions: RoBERTa (Liu et al. 2019), XLM-RoBERTa, Longformer (Beltagy et al. 2020)
// with its windows, MPNet (Song et al. 2020) with its relative positions.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "lm/config/encoder_layout.h"

namespace kindred::lm {

/// The hyper-parameters of a BERT, under Hugging Face's names and defaults.
struct BertConfig {
  std::string model_type = "bert";
  int64_t vocab_size = 30522;
  int64_t hidden_size = 768;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 12;
  int64_t intermediate_size = 3072;
  int64_t max_position_embeddings = 512;
  int64_t type_vocab_size = 2;
  std::string hidden_act = "gelu";
  Activation activation = Activation::gelu_erf;
  double hidden_dropout_prob = 0.1, attention_probs_dropout_prob = 0.1;
  double layer_norm_eps = 1e-12;
  double initializer_range = 0.02;
  std::optional<int64_t> pad_token_id, bos_token_id;
  std::vector<int64_t> eos_token_ids;
  int64_t relative_buckets = 32;          ///< MPNet's, which knows no other number
  std::vector<int64_t> attention_window;  ///< Longformer's, both sides together, one a layer

  bool is_bert() const { return model_type == "bert"; }
  bool is_longformer() const { return model_type == "longformer"; }
  bool is_mpnet() const { return model_type == "mpnet"; }
  /// Row of the first position: RoBERTa's and Longformer's begin behind the padding token's.
  int64_t position_offset() const { return is_bert() ? 0 : pad_token_id.value_or(0) + 1; }
};

/// Reads the configuration of a folder whose `model_type` is bert, roberta, xlm-roberta, longformer
/// or mpnet; throws `config` with one line a problem. `where` names the file.
BertConfig parse_bert_config(const Json& json, const std::string& where);
/// config.json as `transformers` reads it.
Json bert_config_json(const BertConfig& config);
/// What an encoder of that configuration computes.
EncoderLayout bert_layout(const BertConfig& config);

}  // namespace kindred::lm
