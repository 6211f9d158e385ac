#include "lm/config/llama_config.h"

#include <cmath>
#include <utility>

#include "core/strings.h"

namespace kindred::lm {
namespace {

void read_sizes(FieldReader& in, LlamaConfig& config) {
  in.integer("vocab_size", config.vocab_size, 1, 1 << 27);
  in.integer("hidden_size", config.hidden_size, 1, 1 << 18);
  in.integer("intermediate_size", config.intermediate_size, 1, 1 << 20);
  in.integer("num_hidden_layers", config.num_hidden_layers, 1, 4096);
  in.integer("num_attention_heads", config.num_attention_heads, 1, 1 << 14);
  config.num_key_value_heads = config.num_attention_heads;
  in.integer("num_key_value_heads", config.num_key_value_heads, 1, 1 << 14);
  in.integer("max_position_embeddings", config.max_position_embeddings, 1, 1 << 24);
  if (in.find("head_dim") == nullptr && config.hidden_size % config.num_attention_heads != 0) {
    in.problem("num_attention_heads",
               cat("got ", config.num_attention_heads, ", expected a divisor of hidden_size ",
                   config.hidden_size));
  }
  config.head_dim = config.hidden_size / config.num_attention_heads;
  in.integer("head_dim", config.head_dim, 2, 1 << 14);
  if (config.head_dim % 2 != 0) {
    in.problem("head_dim", cat("got ", config.head_dim,
                               ", expected an even number: halves of a "
                               "head are rotated together"));
  }
  if (config.num_attention_heads % config.num_key_value_heads != 0) {
    in.problem("num_key_value_heads",
               cat("got ", config.num_key_value_heads,
                   ", expected a divisor of num_attention_heads ", config.num_attention_heads));
  }
  const auto d = static_cast<double>(config.hidden_size);
  const auto attention =
      static_cast<double>(config.head_dim) *
      static_cast<double>(2 * config.num_attention_heads + 2 * config.num_key_value_heads);
  in.weights("hidden_size",
             2 * d * static_cast<double>(config.vocab_size) +
                 static_cast<double>(config.num_hidden_layers) * d *
                     (attention + 3 * static_cast<double>(config.intermediate_size)));
}

// The fields of rope_scaling or rope_parameters (`key`); both write their kind as rope_type or
// type.
void read_scaling(FieldReader& top, const char* key, LlamaConfig& config) {
  const Json* found = top.find(key);
  if (found == nullptr) return;
  if (!found->is_object()) {
    top.problem(key, cat("got ", found->type_name(), ", expected an object"));
    return;
  }
  const auto problem = [&](const char* name, const std::string& sentence) {
    top.problem(cat(key, ".", name), sentence);
  };
  const auto number = [&](const char* name, double& value, double low, double high) {
    const auto at = found->find(name);
    if (at == found->end() || at->is_null()) return false;
    const double got = at->is_number() ? at->get<double>() : NAN;
    if (got >= low && got <= high)
      value = got;
    else
      problem(name, cat("got ", at->dump(), ", expected a number from ", kindred::number(low),
                        " to ", kindred::number(high)));
    return true;
  };
  RopeLayout& rope = config.rope;
  number("rope_theta", rope.theta, 1, 1e12);
  const char* name = found->contains("rope_type") ? "rope_type" : "type";
  const std::string kind = found->contains(name) && (*found)[name].is_string()
                               ? (*found)[name].get<std::string>()
                               : "default";
  if (kind == "linear") rope.scaling = RopeScaling::linear;
  if (kind == "dynamic") rope.scaling = RopeScaling::dynamic;
  if (kind == "llama3") rope.scaling = RopeScaling::llama3;
  if (rope.scaling == RopeScaling::none && kind != "default") {
    problem(name, cat("got ", kind, ", expected one of default, linear, dynamic, llama3"));
    return;
  }
  double share = 1;
  if (number("partial_rotary_factor", share, 0, 1) && share != 1)
    problem("partial_rotary_factor", "is not supported; expected it absent or 1");
  if (rope.scaling == RopeScaling::none) return;
  if (!number("factor", rope.factor, 1, 1e6)) problem("factor", "is missing, expected a number");
  if (rope.scaling != RopeScaling::llama3) return;
  auto original = static_cast<double>(config.max_position_embeddings);
  number("original_max_position_embeddings", original, 1, 1e9);
  rope.original_context = static_cast<int64_t>(original);
  number("low_freq_factor", rope.low_frequency_factor, 1e-3, 1e6);
  number("high_freq_factor", rope.high_frequency_factor, 1e-3, 1e6);
  if (rope.high_frequency_factor <= rope.low_frequency_factor)
    problem("high_freq_factor", "is not above low_freq_factor; expected it larger");
}

void read_rope(FieldReader& in, LlamaConfig& config) {
  in.number("rope_theta", config.rope.theta, 1, 1e12);
  config.rope.original_context = config.max_position_embeddings;
  read_scaling(in, "rope_parameters", config);
  if (in.find("rope_parameters") == nullptr) read_scaling(in, "rope_scaling", config);
}

// A window that would be shorter than what a sequence sees in full.
void refuse_windows(FieldReader& in) {
  bool window = false;
  in.boolean("use_sliding_window", window);
  if (window) {
    in.problem("use_sliding_window",
               "is not supported; expected false: every layer sees the whole "
               "sequence");
  }
  const Json* types = in.find("layer_types");
  if (types == nullptr) return;
  for (const Json& type : *types) {
    if (type == "full_attention") continue;
    in.problem("layer_types", cat("got ", type.dump(-1, ' ', true, Json::error_handler_t::replace),
                                  ", expected full_attention everywhere"));
    return;
  }
}

void read_tokens(FieldReader& in, LlamaConfig& config) {
  const bool qwen2 = config.model_type == "qwen2";
  const int64_t none = config.vocab_size;  // an id at the vocabulary's end is left out
  const auto bos = in.tokens("bos_token_id", qwen2 ? none : 1, config.vocab_size);
  const auto pad = in.tokens("pad_token_id", none, config.vocab_size);
  if (!bos.empty()) config.bos_token_id = bos[0];
  // LLaMA's folders write -1 for none.
  if (!pad.empty()) config.pad_token_id = pad[0];
  config.eos_token_ids = in.tokens("eos_token_id", qwen2 ? none : 2, config.vocab_size);
}

}  // namespace

int64_t LlamaConfig::context() const {
  const bool stretched =
      rope.scaling == RopeScaling::linear || rope.scaling == RopeScaling::dynamic;
  const double factor = stretched ? rope.factor : 1;
  return static_cast<int64_t>(static_cast<double>(max_position_embeddings) * factor);
}

LlamaConfig parse_llama_config(const Json& json, const std::string& where) {
  LlamaConfig config;
  FieldReader in(json, where);
  const Json* type = in.find("model_type");
  if (type != nullptr && *type == "qwen2") {
    config.model_type = "qwen2";
    config.vocab_size = 151936;
    config.intermediate_size = 22016;
    config.max_position_embeddings = 32768;
  }
  read_sizes(in, config);
  read_rope(in, config);
  in.activation("hidden_act", config.hidden_act, config.activation);
  in.number("rms_norm_eps", config.rms_norm_eps, 1e-12, 1);
  if (config.model_type == "llama") {
    in.boolean("attention_bias", config.attention_bias);
    in.boolean("mlp_bias", config.mlp_bias);
  }
  in.boolean("tie_word_embeddings", config.tie_word_embeddings);
  in.number("attention_dropout", config.attention_dropout, 0, 0.999);
  in.number("initializer_range", config.initializer_range, 0, 100);
  in.refuse({"add_cross_attention", "is_encoder_decoder", "quantization_config", "pruned_heads"});
  refuse_windows(in);
  read_tokens(in, config);
  in.finish();
  return config;
}

Json llama_config_json(const LlamaConfig& config) {
  const bool qwen2 = config.model_type == "qwen2";
  Json json = {{"architectures", {qwen2 ? "Qwen2ForCausalLM" : "LlamaForCausalLM"}},
               {"model_type", config.model_type},
               {"vocab_size", config.vocab_size},
               {"hidden_size", config.hidden_size},
               {"intermediate_size", config.intermediate_size},
               {"num_hidden_layers", config.num_hidden_layers},
               {"num_attention_heads", config.num_attention_heads},
               {"num_key_value_heads", config.num_key_value_heads},
               {"head_dim", config.head_dim},
               {"max_position_embeddings", config.max_position_embeddings},
               {"rms_norm_eps", config.rms_norm_eps},
               {"rope_theta", config.rope.theta},
               {"rope_scaling", nullptr},
               {"hidden_act", config.hidden_act},
               {"attention_dropout", config.attention_dropout},
               {"initializer_range", config.initializer_range},
               {"tie_word_embeddings", config.tie_word_embeddings},
               {"bos_token_id", config.bos_token_id ? Json(*config.bos_token_id) : Json(nullptr)},
               {"pad_token_id", config.pad_token_id ? Json(*config.pad_token_id) : Json(nullptr)},
               {"eos_token_id", token_field(config.eos_token_ids)}};
  if (!qwen2) {
    json["attention_bias"] = config.attention_bias;
    json["mlp_bias"] = config.mlp_bias;
  } else {
    json["use_sliding_window"] = false;
  }
  const RopeLayout& rope = config.rope;
  if (rope.scaling == RopeScaling::none) return json;
  const bool llama3 = rope.scaling == RopeScaling::llama3;
  const char* kind = llama3 ? "llama3" : rope.scaling == RopeScaling::linear ? "linear" : "dynamic";
  json["rope_scaling"] = {{"rope_type", kind}, {"factor", rope.factor}};
  if (llama3) {
    json["rope_scaling"]["low_freq_factor"] = rope.low_frequency_factor;
    json["rope_scaling"]["high_freq_factor"] = rope.high_frequency_factor;
    json["rope_scaling"]["original_max_position_embeddings"] = rope.original_context;
  }
  return json;
}

DecoderLayout llama_layout(const LlamaConfig& config) {
  const int64_t d = config.hidden_size, inner = config.intermediate_size;
  const int64_t wide = config.num_attention_heads * config.head_dim;
  const int64_t narrow = config.num_key_value_heads * config.head_dim;
  const bool qwen2 = config.model_type == "qwen2";
  const bool bias = qwen2 || config.attention_bias;
  DecoderLayout layout;
  layout.kind = config.model_type;
  layout.vocab_size = config.vocab_size;
  layout.border_size = layout.hidden_size = d;
  layout.context = config.context();
  layout.heads = config.num_attention_heads;
  layout.key_heads = config.num_key_value_heads;
  layout.head_dim = config.head_dim;
  layout.centred_norm = false;
  layout.epsilon = config.rms_norm_eps;
  layout.activation = config.activation;
  layout.gated = true;
  layout.prefix = "model.";
  layout.embeddings = "model.embed_tokens.weight";
  layout.padding_row = config.pad_token_id.value_or(-1);
  layout.rope = config.rope;
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    const std::string at = cat("model.layers.", i, ".");
    BlockLayout block;
    block.norm_1 = {at + "input_layernorm", false};
    block.qkv = {{at + "self_attn.q_proj", d, wide, bias},
                 {at + "self_attn.k_proj", d, narrow, bias},
                 {at + "self_attn.v_proj", d, narrow, bias}};
    block.out = {at + "self_attn.o_proj", wide, d, config.attention_bias};
    block.norm_2 = {at + "post_attention_layernorm", false};
    block.up = {{at + "mlp.gate_proj", d, inner, config.mlp_bias},
                {at + "mlp.up_proj", d, inner, config.mlp_bias}};
    block.down = {at + "mlp.down_proj", inner, d, config.mlp_bias};
    block.attention_scale = 1 / std::sqrt(static_cast<double>(config.head_dim));
    layout.blocks.push_back(std::move(block));
  }
  layout.final_norm = NormLayout{"model.norm", false};
  if (!config.tie_word_embeddings) layout.head = "lm_head.weight";
  layout.attention_dropout = config.attention_dropout;
  layout.initializer_range = config.initializer_range;
  return layout;
}

}  // namespace kindred::lm
