#include "lm/config/distilbert_config.h"

#include <utility>

#include "core/strings.h"

namespace kindred::lm {
namespace {

void read_sizes(FieldReader& in, DistilBertConfig& config) {
  in.integer("vocab_size", config.vocab_size, 1, 1 << 27);
  in.integer("max_position_embeddings", config.max_position_embeddings, 1, 1 << 24);
  in.integer("n_layers", config.n_layers, 1, 4096);
  in.alias("n_layers", "num_hidden_layers", config.n_layers, 4096);
  in.integer("n_heads", config.n_heads, 1, 1 << 14);
  in.alias("n_heads", "num_attention_heads", config.n_heads, 1 << 14);
  in.integer("dim", config.dim, 1, 1 << 18);
  in.alias("dim", "hidden_size", config.dim, 1 << 18);
  in.integer("hidden_dim", config.hidden_dim, 1, 1 << 20);
  if (config.dim % config.n_heads != 0) {
    in.problem("n_heads", cat("got ", config.n_heads, ", expected a divisor of dim ", config.dim));
  }
  const auto d = static_cast<double>(config.dim);
  in.weights("dim", d * static_cast<double>(config.vocab_size + config.max_position_embeddings) +
                        static_cast<double>(config.n_layers) * d *
                            (4 * d + 2 * static_cast<double>(config.hidden_dim)));
}

EncoderBlockLayout block_of(const DistilBertConfig& config, int64_t layer) {
  const int64_t d = config.dim;
  const std::string at = cat("transformer.layer.", layer, ".");
  EncoderBlockLayout block;
  for (const char* part : {"q_lin", "k_lin", "v_lin"}) {
    block.qkv.push_back({cat(at, "attention.", part), d, d});
  }
  block.out = {at + "attention.out_lin", d, d};
  block.norm_1 = {at + "sa_layer_norm"};
  block.up = {at + "ffn.lin1", d, config.hidden_dim};
  block.down = {at + "ffn.lin2", config.hidden_dim, d};
  block.norm_2 = {at + "output_layer_norm"};
  return block;
}

}  // namespace

DistilBertConfig parse_distilbert_config(const Json& json, const std::string& where) {
  DistilBertConfig config;
  FieldReader in(json, where);
  read_sizes(in, config);
  in.activation("activation", config.activation_name, config.activation);
  in.boolean("sinusoidal_pos_embds", config.sinusoidal_pos_embds);
  in.number("dropout", config.dropout, 0, 0.999);
  in.number("attention_dropout", config.attention_dropout, 0, 0.999);
  in.number("initializer_range", config.initializer_range, 0, 100);
  in.refuse({"is_decoder", "add_cross_attention", "is_encoder_decoder", "quantization_config",
             "pruned_heads"});
  const auto pad = in.tokens("pad_token_id", 0, config.vocab_size);
  const auto bos = in.tokens("bos_token_id", config.vocab_size, config.vocab_size);
  if (!pad.empty()) config.pad_token_id = pad[0];
  if (!bos.empty()) config.bos_token_id = bos[0];
  config.eos_token_ids = in.tokens("eos_token_id", config.vocab_size, config.vocab_size);
  in.finish();
  return config;
}

Json distilbert_config_json(const DistilBertConfig& config) {
  return {{"architectures", {"DistilBertModel"}},
          {"model_type", "distilbert"},
          {"vocab_size", config.vocab_size},
          {"max_position_embeddings", config.max_position_embeddings},
          {"sinusoidal_pos_embds", config.sinusoidal_pos_embds},
          {"n_layers", config.n_layers},
          {"n_heads", config.n_heads},
          {"dim", config.dim},
          {"hidden_dim", config.hidden_dim},
          {"activation", config.activation_name},
          {"dropout", config.dropout},
          {"attention_dropout", config.attention_dropout},
          {"initializer_range", config.initializer_range},
          {"pad_token_id", config.pad_token_id ? Json(*config.pad_token_id) : Json(nullptr)},
          {"bos_token_id", config.bos_token_id ? Json(*config.bos_token_id) : Json(nullptr)},
          {"eos_token_id", token_field(config.eos_token_ids)}};
}

EncoderLayout distilbert_layout(const DistilBertConfig& config) {
  EncoderLayout layout;
  layout.kind = "distilbert";
  layout.vocab_size = config.vocab_size;
  layout.hidden_size = config.dim;
  layout.context = layout.position_rows = config.max_position_embeddings;
  layout.heads = config.n_heads;
  layout.activation = config.activation;
  layout.embeddings = "embeddings.word_embeddings.weight";
  layout.padding_row = config.pad_token_id.value_or(-1);
  layout.positions = "embeddings.position_embeddings.weight";
  layout.embedding_norm = {"embeddings.LayerNorm"};
  for (int64_t i = 0; i < config.n_layers; ++i) layout.blocks.push_back(block_of(config, i));
  layout.prefix = "distilbert.";
  layout.hidden_dropout = config.dropout;
  layout.attention_dropout = config.attention_dropout;
  layout.drops_attention_output = false;
  layout.initializer_range = config.initializer_range;
  return layout;
}

}  // namespace kindred::lm
