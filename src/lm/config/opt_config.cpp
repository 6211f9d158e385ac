#include "lm/config/opt_config.h"

#include <cmath>
#include <utility>

#include "core/strings.h"

namespace kindred::lm {
namespace {

// Rows of the position table that stand before the first position.
constexpr int64_t kPositionOffset = 2;

void read_sizes(FieldReader& in, OptConfig& config) {
  in.integer("vocab_size", config.vocab_size, 1, 1 << 27);
  in.integer("hidden_size", config.hidden_size, 1, 1 << 18);
  in.integer("num_hidden_layers", config.num_hidden_layers, 1, 4096);
  in.integer("ffn_dim", config.ffn_dim, 1, 1 << 20);
  in.integer("max_position_embeddings", config.max_position_embeddings, 1, 1 << 22);
  in.integer("num_attention_heads", config.num_attention_heads, 1, 1 << 14);
  config.word_embed_proj_dim = config.hidden_size;
  in.integer("word_embed_proj_dim", config.word_embed_proj_dim, 1, 1 << 18);
  if (config.hidden_size % config.num_attention_heads != 0) {
    in.problem("num_attention_heads",
               cat("got ", config.num_attention_heads, ", expected a divisor of hidden_size ",
                   config.hidden_size));
  }
  const auto d = static_cast<double>(config.hidden_size);
  in.weights("hidden_size", static_cast<double>(config.word_embed_proj_dim) *
                                    static_cast<double>(config.vocab_size) +
                                d * static_cast<double>(config.max_position_embeddings) +
                                static_cast<double>(config.num_hidden_layers) *
                                    (4 * d * d + 2 * d * static_cast<double>(config.ffn_dim)));
}

BlockLayout block_of(const OptConfig& config, int64_t layer) {
  const int64_t d = config.hidden_size;
  const bool bias = config.enable_bias;
  const std::string at = cat("model.decoder.layers.", layer, ".");
  const auto norm = [&](const char* name) {
    return NormLayout{config.layer_norm_elementwise_affine ? at + name : std::string(), true};
  };
  BlockLayout block;
  block.norm_1 = norm("self_attn_layer_norm");
  for (const char* part : {"q_proj", "k_proj", "v_proj"}) {
    block.qkv.push_back({cat(at, "self_attn.", part), d, d, bias});
  }
  block.out = {at + "self_attn.out_proj", d, d, bias};
  block.norm_2 = norm("final_layer_norm");
  block.up = {{at + "fc1", d, config.ffn_dim, bias}};
  block.down = {at + "fc2", config.ffn_dim, d, bias};
  const int64_t head_dim = d / config.num_attention_heads;
  block.attention_scale = 1 / std::sqrt(static_cast<double>(head_dim));
  return block;
}

}  // namespace

OptConfig parse_opt_config(const Json& json, const std::string& where) {
  OptConfig config;
  FieldReader in(json, where);
  read_sizes(in, config);
  in.activation("activation_function", config.activation_function, config.activation);
  in.boolean("do_layer_norm_before", config.do_layer_norm_before);
  in.boolean("_remove_final_layer_norm", config.remove_final_layer_norm);
  in.boolean("enable_bias", config.enable_bias);
  in.boolean("layer_norm_elementwise_affine", config.layer_norm_elementwise_affine);
  in.boolean("tie_word_embeddings", config.tie_word_embeddings);
  in.number("dropout", config.dropout, 0, 0.999);
  in.number("attention_dropout", config.attention_dropout, 0, 0.999);
  in.number("init_std", config.init_std, 0, 100);
  in.expect("layerdrop", 0.0);
  in.refuse({"add_cross_attention", "is_encoder_decoder", "quantization_config"});
  const auto bos = in.tokens("bos_token_id", 2, config.vocab_size);
  const auto pad = in.tokens("pad_token_id", 1, config.vocab_size);
  if (!bos.empty()) config.bos_token_id = bos[0];
  if (!pad.empty()) config.pad_token_id = pad[0];
  config.eos_token_ids = in.tokens("eos_token_id", 2, config.vocab_size);
  in.finish();
  return config;
}

Json opt_config_json(const OptConfig& config) {
  return {{"architectures", {"OPTForCausalLM"}},
          {"model_type", "opt"},
          {"vocab_size", config.vocab_size},
          {"hidden_size", config.hidden_size},
          {"num_hidden_layers", config.num_hidden_layers},
          {"ffn_dim", config.ffn_dim},
          {"max_position_embeddings", config.max_position_embeddings},
          {"num_attention_heads", config.num_attention_heads},
          {"word_embed_proj_dim", config.word_embed_proj_dim},
          {"do_layer_norm_before", config.do_layer_norm_before},
          {"_remove_final_layer_norm", config.remove_final_layer_norm},
          {"enable_bias", config.enable_bias},
          {"layer_norm_elementwise_affine", config.layer_norm_elementwise_affine},
          {"tie_word_embeddings", config.tie_word_embeddings},
          {"activation_function", config.activation_function},
          {"dropout", config.dropout},
          {"attention_dropout", config.attention_dropout},
          {"layerdrop", 0.0},
          {"init_std", config.init_std},
          {"bos_token_id", config.bos_token_id ? Json(*config.bos_token_id) : Json(nullptr)},
          {"pad_token_id", config.pad_token_id ? Json(*config.pad_token_id) : Json(nullptr)},
          {"eos_token_id", token_field(config.eos_token_ids)}};
}

DecoderLayout opt_layout(const OptConfig& config) {
  const int64_t d = config.hidden_size, border = config.word_embed_proj_dim;
  DecoderLayout layout;
  layout.kind = "opt";
  layout.vocab_size = config.vocab_size;
  layout.border_size = border;
  layout.hidden_size = d;
  layout.context = config.max_position_embeddings;
  layout.heads = layout.key_heads = config.num_attention_heads;
  layout.head_dim = d / config.num_attention_heads;
  layout.norm_first = config.do_layer_norm_before;
  layout.activation = config.activation;
  layout.prefix = "model.";
  layout.embeddings = "model.decoder.embed_tokens.weight";
  layout.padding_row = config.pad_token_id.value_or(-1);
  layout.positions = "model.decoder.embed_positions.weight";
  layout.position_rows = config.max_position_embeddings + kPositionOffset;
  layout.position_offset = kPositionOffset;
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    layout.blocks.push_back(block_of(config, i));
  }
  if (config.do_layer_norm_before && !config.remove_final_layer_norm) {
    layout.final_norm = NormLayout{
        config.layer_norm_elementwise_affine ? "model.decoder.final_layer_norm" : "", true};
  }
  if (border != d) {
    layout.project_in = LinearLayout{"model.decoder.project_in", border, d, false};
    layout.project_out = LinearLayout{"model.decoder.project_out", d, border, false};
  }
  if (!config.tie_word_embeddings) layout.head = "lm_head.weight";
  layout.attention_dropout = config.attention_dropout;
  layout.residual_dropout = config.dropout;
  layout.initializer_range = config.init_std;
  return layout;
}

}  // namespace kindred::lm
