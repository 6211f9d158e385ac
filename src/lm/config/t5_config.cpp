#include "lm/config/t5_config.h"

#include <cmath>
#include <utility>

#include "core/strings.h"

namespace kindred::lm {
namespace {

void read_sizes(FieldReader& in, T5Config& config) {
  in.integer("vocab_size", config.vocab_size, 1, 1 << 27);
  in.integer("d_model", config.d_model, 1, 1 << 18);
  in.alias("d_model", "hidden_size", config.d_model, 1 << 18);
  in.integer("d_kv", config.d_kv, 1, 1 << 14);
  in.alias("d_kv", "head_dim", config.d_kv, 1 << 14);
  in.integer("d_ff", config.d_ff, 1, 1 << 20);
  in.integer("num_layers", config.num_layers, 1, 4096);
  in.alias("num_layers", "num_hidden_layers", config.num_layers, 4096);
  config.num_decoder_layers = config.num_layers;
  in.integer("num_decoder_layers", config.num_decoder_layers, 1, 4096);
  in.integer("num_heads", config.num_heads, 1, 1 << 14);
  in.alias("num_heads", "num_attention_heads", config.num_heads, 1 << 14);
  in.integer("n_positions", config.n_positions, 2, 1 << 22);
  const auto d = static_cast<double>(config.d_model);
  const auto wide = static_cast<double>(config.num_heads) * static_cast<double>(config.d_kv);
  const double inner = 3 * static_cast<double>(config.d_ff);
  in.weights("d_model", d * (2 * static_cast<double>(config.vocab_size) +
                             static_cast<double>(config.num_layers) * (4 * wide + inner) +
                             static_cast<double>(config.num_decoder_layers) * (8 * wide + inner)));
}

// The buckets of the encoder are halved for the two directions and halved again for exact and
// logarithmic distances; the decoder's only once.
void read_relative_positions(FieldReader& in, T5Config& config) {
  in.integer("relative_attention_num_buckets", config.relative_attention_num_buckets, 4, 1 << 20);
  const int64_t exact = config.relative_attention_num_buckets / 2;
  in.integer("relative_attention_max_distance", config.relative_attention_max_distance, 1, 1 << 30);
  if (config.relative_attention_max_distance <= exact) {
    in.problem("relative_attention_max_distance",
               cat("got ", config.relative_attention_max_distance, ", expected more than ", exact,
                   ", half of relative_attention_num_buckets, which are for exact distances"));
  }
}

void read_feed_forward(FieldReader& in, T5Config& config) {
  const std::string gate = "gated-";
  const Json* found = in.find("feed_forward_proj");
  if (found != nullptr && found->is_string()) {
    config.feed_forward_proj = found->get<std::string>();
  } else if (found != nullptr) {
    in.problem("feed_forward_proj", cat("got ", found->type_name(), ", expected a string"));
  }
  config.gated = config.feed_forward_proj.starts_with(gate);
  std::string name = config.feed_forward_proj.substr(config.gated ? gate.size() : 0);
  // "gated-gelu", as version 1.1 was first released, means the tanh form.
  if (config.gated && name == "gelu") name = "gelu_new";
  const auto kind = activation_named(name);
  if (kind) {
    config.activation = *kind;
  } else {
    in.problem(
        "feed_forward_proj",
        cat("got ",
            Json(config.feed_forward_proj).dump(-1, ' ', true, Json::error_handler_t::replace),
            ", expected an activation, or gated- and an activation: ",
            join(activation_names(), ", ")));
  }
  // `transformers` writes these beside it and lets them win; they must say the same.
  if (const Json* other = in.find("dense_act_fn"); other != nullptr && kind) {
    const auto meant =
        other->is_string() ? activation_named(other->get<std::string>()) : std::nullopt;
    if (meant != kind) {
      in.problem(
          "dense_act_fn",
          cat("got ", other->dump(-1, ' ', true, Json::error_handler_t::replace),
              ", but feed_forward_proj is ", config.feed_forward_proj, "; remove one of the two"));
    }
  }
  in.expect("is_gated_act", config.gated);
}

void read_tokens(FieldReader& in, T5Config& config) {
  const auto pad = in.tokens("pad_token_id", 0, config.vocab_size);
  if (!pad.empty()) config.pad_token_id = pad[0];
  config.eos_token_ids = in.tokens("eos_token_id", 1, config.vocab_size);
  if (in.find("decoder_start_token_id") == nullptr) {
    config.decoder_start_token_id = config.pad_token_id.value_or(-1);
    if (!config.pad_token_id) {
      in.problem("decoder_start_token_id",
                 "is missing, and there is no pad_token_id in its place; expected a token id");
    }
  }
  in.integer("decoder_start_token_id", config.decoder_start_token_id, 0, config.vocab_size - 1);
}

LinearLayout plain(const std::string& name, int64_t in, int64_t out) {
  return {name, in, out, false};
}

std::vector<LinearLayout> projections(const std::string& at, const char* which,
                                      const T5Config& config) {
  std::vector<LinearLayout> parts;
  for (const char* part = which; *part != '\0'; ++part) {
    parts.push_back(plain(cat(at, *part), config.d_model, config.num_heads * config.d_kv));
  }
  return parts;
}

T5BlockLayout block_of(const T5Config& config, const std::string& at, bool decodes) {
  const int64_t d = config.d_model, wide = config.num_heads * config.d_kv;
  const std::string own = at + "layer.0.", cross = at + "layer.1.";
  const std::string last = at + (decodes ? "layer.2." : "layer.1.");
  const std::string inner = last + "DenseReluDense.";
  T5BlockLayout block;
  block.norm_1 = {own + "layer_norm", false};
  block.qkv = projections(own + "SelfAttention.", "qkv", config);
  block.out = plain(own + "SelfAttention.o", wide, d);
  if (decodes) {
    block.cross_norm = {cross + "layer_norm", false};
    block.cross_query = plain(cross + "EncDecAttention.q", d, wide);
    block.cross_keys_values = projections(cross + "EncDecAttention.", "kv", config);
    block.cross_out = plain(cross + "EncDecAttention.o", wide, d);
  }
  block.norm_2 = {last + "layer_norm", false};
  for (const char* part : config.gated ? std::vector{"wi_0", "wi_1"} : std::vector{"wi"}) {
    block.up.push_back(plain(inner + part, d, config.d_ff));
  }
  block.down = plain(inner + "wo", config.d_ff, d);
  return block;
}

T5StackLayout stack_of(const T5Config& config, const std::string& at, int64_t layers) {
  T5StackLayout stack;
  for (int64_t i = 0; i < layers; ++i) {
    stack.blocks.push_back(block_of(config, cat(at, "block.", i, "."), at == "decoder."));
  }
  stack.bias = at + "block.0.layer.0.SelfAttention.relative_attention_bias.weight";
  stack.final_norm = {at + "final_layer_norm", false};
  return stack;
}

void list_stack(TensorList& specs, const T5StackLayout& stack, const T5Config& config) {
  const int64_t d = config.d_model;
  specs.table(stack.bias, config.relative_attention_num_buckets, config.num_heads);
  for (const T5BlockLayout& block : stack.blocks) {
    specs.norm(block.norm_1, d);
    for (const LinearLayout& part : block.qkv) specs.linear(part);
    specs.linear(block.out);
    if (!block.cross_keys_values.empty()) {
      specs.norm(block.cross_norm, d);
      specs.linear(block.cross_query);
      for (const LinearLayout& part : block.cross_keys_values) specs.linear(part);
      specs.linear(block.cross_out);
    }
    specs.norm(block.norm_2, d);
    for (const LinearLayout& part : block.up) specs.linear(part);
    specs.linear(block.down);
  }
  specs.norm(stack.final_norm, d);
}

}  // namespace

T5Config parse_t5_config(const Json& json, const std::string& where) {
  T5Config config;
  FieldReader in(json, where);
  in.expect("model_type", "t5");
  read_sizes(in, config);
  read_relative_positions(in, config);
  read_feed_forward(in, config);
  in.number("dropout_rate", config.dropout_rate, 0, 0.999);
  in.number("layer_norm_epsilon", config.layer_norm_epsilon, 1e-12, 1);
  in.number("initializer_factor", config.initializer_factor, 0, 100);
  in.boolean("tie_word_embeddings", config.tie_word_embeddings);
  config.scale_decoder_outputs = config.tie_word_embeddings;
  in.boolean("scale_decoder_outputs", config.scale_decoder_outputs);
  in.expect("is_encoder_decoder", true);
  in.refuse({"is_decoder", "tie_encoder_decoder", "quantization_config", "pruned_heads"});
  read_tokens(in, config);
  in.finish();
  return config;
}

Json t5_config_json(const T5Config& config) {
  return {{"architectures", {"T5ForConditionalGeneration"}},
          {"model_type", "t5"},
          {"is_encoder_decoder", true},
          {"vocab_size", config.vocab_size},
          {"d_model", config.d_model},
          {"d_kv", config.d_kv},
          {"d_ff", config.d_ff},
          {"num_layers", config.num_layers},
          {"num_decoder_layers", config.num_decoder_layers},
          {"num_heads", config.num_heads},
          {"relative_attention_num_buckets", config.relative_attention_num_buckets},
          {"relative_attention_max_distance", config.relative_attention_max_distance},
          {"n_positions", config.n_positions},
          {"dropout_rate", config.dropout_rate},
          {"layer_norm_epsilon", config.layer_norm_epsilon},
          {"initializer_factor", config.initializer_factor},
          {"feed_forward_proj", config.feed_forward_proj},
          {"tie_word_embeddings", config.tie_word_embeddings},
          {"scale_decoder_outputs", config.scale_decoder_outputs},
          {"decoder_start_token_id", config.decoder_start_token_id},
          {"pad_token_id", config.pad_token_id ? Json(*config.pad_token_id) : Json(nullptr)},
          {"eos_token_id", token_field(config.eos_token_ids)}};
}

T5Layout t5_layout(const T5Config& config) {
  T5Layout layout;
  layout.encoder = stack_of(config, "encoder.", config.num_layers);
  layout.decoder = stack_of(config, "decoder.", config.num_decoder_layers);
  if (!config.tie_word_embeddings) layout.head = "lm_head.weight";
  return layout;
}

std::vector<TensorSpec> t5_tensors(const T5Config& config) {
  const T5Layout layout = t5_layout(config);
  TensorList specs;
  specs.table(layout.embeddings, config.vocab_size, config.d_model);
  list_stack(specs, layout.encoder, config);
  list_stack(specs, layout.decoder, config);
  specs.table(layout.head, config.vocab_size, config.d_model);
  return specs.take();
}

double t5_deviation(const T5Config& config, const TensorSpec& spec) {
  const auto d = static_cast<double>(config.d_model), head = static_cast<double>(config.d_kv);
  const auto ends = [&](const char* end) { return spec.name.ends_with(end); };
  double variance = 1 / d;  // keys, values, biases, the feed-forward's first layers
  if (ends("shared.weight") || ends("lm_head.weight")) variance = 1;
  if (ends(".q.weight")) variance = 1 / (d * head);
  if (ends(".o.weight")) variance = 1 / (static_cast<double>(config.num_heads) * head);
  if (ends(".wo.weight")) variance = 1 / static_cast<double>(config.d_ff);
  return config.initializer_factor * std::sqrt(variance);
}

}  // namespace kindred::lm
