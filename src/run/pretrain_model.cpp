// From the sizes of a pretraining recipe to the configuration of a format.

#include "run/pretrain.h"

namespace kindred::lm {
namespace {

Json gpt2_sizes(const PretrainModel& m) {
  return {{"n_positions", m.n_positions},
          {"n_embd", m.n_embd},
          {"n_layer", m.n_layer},
          {"n_head", m.n_head},
          {"n_inner", m.n_inner > 0 ? Json(m.n_inner) : Json(nullptr)},
          {"resid_pdrop", m.dropout},
          {"embd_pdrop", m.dropout},
          {"attn_pdrop", m.dropout}};
}

Json shared_sizes(const PretrainModel& m) {
  return {{"max_position_embeddings", m.n_positions},
          {"hidden_size", m.n_embd},
          {"num_hidden_layers", m.n_layer},
          {"num_attention_heads", m.n_head},
          {"attention_dropout", m.dropout},
          {"pad_token_id", nullptr},
          {"tie_word_embeddings", true}};
}

Json opt_sizes(const PretrainModel& m) {
  Json config = shared_sizes(m);
  config["ffn_dim"] = m.n_inner > 0 ? m.n_inner : 4 * m.n_embd;
  config["dropout"] = m.dropout;
  return config;
}

Json llama_sizes(const PretrainModel& m) {
  Json config = shared_sizes(m);
  // Three matrices of 8/3 D weigh as much as two of 4 D; products like multiples of 16.
  const int64_t inner = (8 * m.n_embd / 3 + 15) / 16 * 16;
  config["intermediate_size"] = m.n_inner > 0 ? m.n_inner : inner;
  config["num_key_value_heads"] = m.n_kv_head > 0 ? m.n_kv_head : m.n_head;
  return config;
}

Json t5_sizes(const PretrainModel& m) {
  Json config = {{"n_positions", m.n_positions}, {"d_model", m.n_embd},
                 {"d_kv", m.n_embd / m.n_head},  {"d_ff", m.n_inner > 0 ? m.n_inner : 4 * m.n_embd},
                 {"num_layers", m.n_layer},      {"num_heads", m.n_head},
                 {"dropout_rate", m.dropout}};
  if (!m.activation_function.empty()) config["feed_forward_proj"] = m.activation_function;
  return config;
}

}  // namespace

Json pretrain_config(const PretrainModel& model, int64_t vocab_size) {
  const bool gpt2 = model.model_type == "gpt2", opt = model.model_type == "opt";
  const bool t5 = model.model_type == "t5";
  Json config = gpt2  ? gpt2_sizes(model)
                : opt ? opt_sizes(model)
                : t5  ? t5_sizes(model)
                      : llama_sizes(model);
  config["model_type"] = model.model_type;
  config["vocab_size"] = vocab_size;
  if (!t5 && !model.activation_function.empty()) {
    config[gpt2 || opt ? "activation_function" : "hidden_act"] = model.activation_function;
  }
  return config;
}

}  // namespace kindred::lm
