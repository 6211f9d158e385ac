#include "lm/config/gpt2_config.h"

#include <cmath>
#include <utility>

#include "core/strings.h"

namespace kindred::lm {
namespace {

void read_sizes(FieldReader& in, Gpt2Config& config) {
  in.integer("vocab_size", config.vocab_size, 1, 1 << 27);
  in.integer("n_positions", config.n_positions, 1, 1 << 22);
  in.alias("n_positions", "max_position_embeddings", config.n_positions, 1 << 22);
  // Old folders carry `n_ctx` beside n_positions; it counts only where that is absent.
  if (in.find("n_positions") == nullptr) in.integer("n_ctx", config.n_positions, 1, 1 << 22);
  in.integer("n_embd", config.n_embd, 1, 1 << 18);
  in.alias("n_embd", "hidden_size", config.n_embd, 1 << 18);
  in.integer("n_layer", config.n_layer, 1, 4096);
  in.alias("n_layer", "num_hidden_layers", config.n_layer, 4096);
  in.integer("n_head", config.n_head, 1, 1 << 14);
  in.alias("n_head", "num_attention_heads", config.n_head, 1 << 14);
  in.integer("n_inner", config.n_inner, 1, 1 << 20);
  if (config.n_inner == 0) config.n_inner = 4 * config.n_embd;
  if (config.n_embd % config.n_head != 0) {
    in.problem("n_head",
               cat("got ", config.n_head, ", expected a divisor of n_embd ", config.n_embd));
  }
  const double d = static_cast<double>(config.n_embd);
  const double weights = d * static_cast<double>(config.vocab_size + config.n_positions) +
                         static_cast<double>(config.n_layer) *
                             (4 * d * d + 2 * d * static_cast<double>(config.n_inner));
  in.weights("n_embd", weights);
}

}  // namespace

double Gpt2Config::attention_scale(int64_t layer) const {
  double scale = scale_attn_weights ? 1.0 / std::sqrt(static_cast<double>(head_dim())) : 1.0;
  if (scale_attn_by_inverse_layer_idx) scale /= static_cast<double>(layer + 1);
  return scale;
}

Gpt2Config parse_gpt2_config(const Json& json, const std::string& where) {
  Gpt2Config config;
  FieldReader in(json, where);
  read_sizes(in, config);
  in.activation("activation_function", config.activation_function, config.activation);
  in.number("resid_pdrop", config.resid_pdrop, 0, 0.999);
  in.number("embd_pdrop", config.embd_pdrop, 0, 0.999);
  in.number("attn_pdrop", config.attn_pdrop, 0, 0.999);
  in.number("layer_norm_epsilon", config.layer_norm_epsilon, 1e-12, 1);
  in.number("initializer_range", config.initializer_range, 0, 100);
  in.boolean("scale_attn_weights", config.scale_attn_weights);
  in.boolean("scale_attn_by_inverse_layer_idx", config.scale_attn_by_inverse_layer_idx);
  in.boolean("reorder_and_upcast_attn", config.reorder_and_upcast_attn);
  in.boolean("tie_word_embeddings", config.tie_word_embeddings);
  in.refuse({"add_cross_attention", "is_encoder_decoder", "quantization_config", "pruned_heads"});
  // Absent means GPT-2's own <|endoftext|>; null means none.
  const auto bos = in.tokens("bos_token_id", 50256, config.vocab_size);
  if (!bos.empty()) config.bos_token_id = bos[0];
  config.eos_token_ids = in.tokens("eos_token_id", 50256, config.vocab_size);
  in.finish();
  return config;
}

Json gpt2_config_json(const Gpt2Config& config) {
  return {
      {"architectures", {"GPT2LMHeadModel"}},
      {"model_type", "gpt2"},
      {"vocab_size", config.vocab_size},
      {"n_positions", config.n_positions},
      {"n_embd", config.n_embd},
      {"n_layer", config.n_layer},
      {"n_head", config.n_head},
      {"n_inner", config.n_inner == 4 * config.n_embd ? Json(nullptr) : Json(config.n_inner)},
      {"activation_function", config.activation_function},
      {"resid_pdrop", config.resid_pdrop},
      {"embd_pdrop", config.embd_pdrop},
      {"attn_pdrop", config.attn_pdrop},
      {"layer_norm_epsilon", config.layer_norm_epsilon},
      {"initializer_range", config.initializer_range},
      {"scale_attn_weights", config.scale_attn_weights},
      {"scale_attn_by_inverse_layer_idx", config.scale_attn_by_inverse_layer_idx},
      {"reorder_and_upcast_attn", config.reorder_and_upcast_attn},
      {"tie_word_embeddings", config.tie_word_embeddings},
      {"bos_token_id", config.bos_token_id ? Json(*config.bos_token_id) : Json(nullptr)},
      {"eos_token_id", token_field(config.eos_token_ids)},
  };
}

DecoderLayout gpt2_layout(const Gpt2Config& config) {
  const int64_t d = config.n_embd;
  DecoderLayout layout;
  layout.kind = "gpt2";
  layout.vocab_size = config.vocab_size;
  layout.border_size = layout.hidden_size = d;
  layout.context = layout.position_rows = config.n_positions;
  layout.heads = layout.key_heads = config.n_head;
  layout.head_dim = config.head_dim();
  layout.epsilon = config.layer_norm_epsilon;
  layout.activation = config.activation;
  layout.prefix = "transformer.";
  layout.embeddings = "transformer.wte.weight";
  layout.positions = "transformer.wpe.weight";
  for (int64_t i = 0; i < config.n_layer; ++i) {
    const std::string at = cat("transformer.h.", i, ".");
    BlockLayout block;
    block.norm_1.name = at + "ln_1";
    block.qkv = {{at + "attn.c_attn", d, 3 * d, true, true}};
    block.out = {at + "attn.c_proj", d, d, true, true};
    block.norm_2.name = at + "ln_2";
    block.up = {{at + "mlp.c_fc", d, config.n_inner, true, true}};
    block.down = {at + "mlp.c_proj", config.n_inner, d, true, true};
    block.attention_scale = config.attention_scale(i);
    layout.blocks.push_back(std::move(block));
  }
  layout.final_norm = NormLayout{"transformer.ln_f", true};
  if (!config.tie_word_embeddings) layout.head = "lm_head.weight";
  layout.embedding_dropout = config.embd_pdrop;
  layout.attention_dropout = config.attn_pdrop;
  layout.residual_dropout = config.resid_pdrop;
  layout.initializer_range = config.initializer_range;
  layout.scaled_residual_init = true;
  return layout;
}

}  // namespace kindred::lm
