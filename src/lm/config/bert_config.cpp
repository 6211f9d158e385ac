#include "lm/config/bert_config.h"

#include <utility>

#include "core/strings.h"

namespace kindred::lm {
namespace {

void read_sizes(FieldReader& in, BertConfig& config) {
  in.integer("vocab_size", config.vocab_size, 1, 1 << 27);
  in.integer("hidden_size", config.hidden_size, 1, 1 << 18);
  in.integer("num_hidden_layers", config.num_hidden_layers, 1, 4096);
  in.integer("num_attention_heads", config.num_attention_heads, 1, 1 << 14);
  in.integer("intermediate_size", config.intermediate_size, 1, 1 << 20);
  in.integer("max_position_embeddings", config.max_position_embeddings, 1, 1 << 24);
  if (config.is_mpnet()) {
    config.type_vocab_size = 0;
    in.expect("relative_attention_num_buckets", config.relative_buckets);
  } else {
    in.integer("type_vocab_size", config.type_vocab_size, 1, 1 << 20);
  }
  if (config.hidden_size % config.num_attention_heads != 0) {
    in.problem("num_attention_heads",
               cat("got ", config.num_attention_heads, ", expected a divisor of hidden_size ",
                   config.hidden_size));
  }
  const auto d = static_cast<double>(config.hidden_size);
  const double projections = config.is_longformer() ? 7 : 4;
  in.weights("hidden_size",
             d * static_cast<double>(config.vocab_size + config.max_position_embeddings +
                                     config.type_vocab_size) +
                 static_cast<double>(config.num_hidden_layers) * d *
                     (projections * d + 2 * static_cast<double>(config.intermediate_size)));
}

void read_tokens(FieldReader& in, BertConfig& config) {
  const int64_t none = config.vocab_size;  // an id at the vocabulary's end is left out
  const bool bert = config.is_bert();
  const auto pad = in.tokens("pad_token_id", bert ? 0 : 1, config.vocab_size);
  const auto bos = in.tokens("bos_token_id", bert ? none : 0, config.vocab_size);
  if (!pad.empty()) config.pad_token_id = pad[0];
  if (!bos.empty()) config.bos_token_id = bos[0];
  config.eos_token_ids = in.tokens("eos_token_id", bert ? none : 2, config.vocab_size);
  if (bert) return;
  // MPNet's own code takes no other.
  if (config.is_mpnet() && config.pad_token_id != 1) {
    in.problem("pad_token_id", "is not 1, expected 1: MPNet's positions begin behind it");
  } else if (!config.pad_token_id) {
    in.problem("pad_token_id",
               "names no token of the vocabulary, expected one: positions begin "
               "behind it");
  } else if (config.position_offset() >= config.max_position_embeddings) {
    in.problem("max_position_embeddings", cat("got ", config.max_position_embeddings,
                                              ", expected more than pad_token_id + 1 = ",
                                              config.position_offset(), ": positions begin there"));
  }
}

// A number for all layers or a list with one a layer; as many tokens to the left as to the right.
void read_windows(FieldReader& in, BertConfig& config) {
  const auto layers = static_cast<size_t>(config.num_hidden_layers);
  config.attention_window.assign(layers, 512);
  const Json* found = in.find("attention_window");
  if (found == nullptr) return;
  const Json given = found->is_array() ? *found : Json(std::vector<Json>(layers, *found));
  if (given.size() != layers) {
    in.problem("attention_window", cat("got ", given.size(), " windows, expected one for each of ",
                                       layers, " layers, or a number for all"));
    return;
  }
  for (size_t i = 0; i < layers; ++i) {
    const Json& value = given[i];
    if (!value.is_number_integer() || value < 2 || value > (1 << 24) ||
        value.get<int64_t>() % 2 != 0) {
      in.problem("attention_window",
                 cat("got ", value.dump(-1, ' ', true, Json::error_handler_t::replace),
                     ", expected an even number from 2 to ", 1 << 24));
      return;
    }
    config.attention_window[i] = value.get<int64_t>();
  }
}

// Attention of a block, which MPNet names otherwise.
void name_attention(const BertConfig& config, const std::string& at, EncoderBlockLayout& block) {
  const int64_t d = config.hidden_size;
  if (config.is_mpnet()) {
    for (const char* part : {"q", "k", "v"}) block.qkv.push_back({cat(at, "attn.", part), d, d});
    block.out = {at + "attn.o", d, d};
    block.norm_1 = {at + "LayerNorm"};
    return;
  }
  for (const char* part : {"query", "key", "value"}) {
    const std::string name = cat(at, "self.", part);
    block.qkv.push_back({name, d, d});
    if (config.is_longformer()) block.global.push_back({name + "_global", d, d});
  }
  block.out = {at + "output.dense", d, d};
  block.norm_1 = {at + "output.LayerNorm"};
}

EncoderBlockLayout block_of(const BertConfig& config, int64_t layer) {
  const int64_t d = config.hidden_size;
  const std::string at = cat("encoder.layer.", layer, ".");
  EncoderBlockLayout block;
  name_attention(config, at + "attention.", block);
  block.up = {at + "intermediate.dense", d, config.intermediate_size};
  block.down = {at + "output.dense", config.intermediate_size, d};
  block.norm_2 = {at + "output.LayerNorm"};
  if (config.is_longformer()) {
    block.window = config.attention_window[static_cast<size_t>(layer)] / 2;
  }
  return block;
}

const char* architecture(const BertConfig& config) {
  if (config.model_type == "roberta") return "RobertaModel";
  if (config.model_type == "xlm-roberta") return "XLMRobertaModel";
  if (config.is_mpnet()) return "MPNetModel";
  return config.is_longformer() ? "LongformerModel" : "BertModel";
}

}  // namespace

BertConfig parse_bert_config(const Json& json, const std::string& where) {
  BertConfig config;
  FieldReader in(json, where);
  const Json* type = in.find("model_type");
  if (type != nullptr && type->is_string()) config.model_type = type->get<std::string>();
  if (config.model_type == "roberta") config.vocab_size = 50265;
  if (config.is_mpnet()) config.vocab_size = 30527;
  read_sizes(in, config);
  in.activation("hidden_act", config.hidden_act, config.activation);
  in.number("hidden_dropout_prob", config.hidden_dropout_prob, 0, 0.999);
  in.number("attention_probs_dropout_prob", config.attention_probs_dropout_prob, 0, 0.999);
  in.number("layer_norm_eps", config.layer_norm_eps, 1e-15, 1);
  in.number("initializer_range", config.initializer_range, 0, 100);
  in.expect("position_embedding_type", "absolute");
  in.refuse({"is_decoder", "add_cross_attention", "is_encoder_decoder", "quantization_config",
             "pruned_heads"});
  if (config.is_longformer()) read_windows(in, config);
  read_tokens(in, config);
  in.finish();
  return config;
}

Json bert_config_json(const BertConfig& config) {
  Json json = {{"architectures", {architecture(config)}},
               {"model_type", config.model_type},
               {"vocab_size", config.vocab_size},
               {"hidden_size", config.hidden_size},
               {"num_hidden_layers", config.num_hidden_layers},
               {"num_attention_heads", config.num_attention_heads},
               {"intermediate_size", config.intermediate_size},
               {"max_position_embeddings", config.max_position_embeddings},
               {"type_vocab_size", config.type_vocab_size},
               {"hidden_act", config.hidden_act},
               {"hidden_dropout_prob", config.hidden_dropout_prob},
               {"attention_probs_dropout_prob", config.attention_probs_dropout_prob},
               {"layer_norm_eps", config.layer_norm_eps},
               {"initializer_range", config.initializer_range},
               {"pad_token_id", config.pad_token_id ? Json(*config.pad_token_id) : Json(nullptr)},
               {"bos_token_id", config.bos_token_id ? Json(*config.bos_token_id) : Json(nullptr)},
               {"eos_token_id", token_field(config.eos_token_ids)}};
  if (config.is_longformer()) json["attention_window"] = config.attention_window;
  if (config.is_mpnet()) {
    json.erase("type_vocab_size");
    json["relative_attention_num_buckets"] = config.relative_buckets;
  }
  return json;
}

EncoderLayout bert_layout(const BertConfig& config) {
  EncoderLayout layout;
  layout.kind = config.model_type;
  layout.vocab_size = config.vocab_size;
  layout.hidden_size = config.hidden_size;
  layout.heads = config.num_attention_heads;
  layout.epsilon = config.layer_norm_eps;
  layout.activation = config.activation;
  layout.embeddings = "embeddings.word_embeddings.weight";
  layout.padding_row = config.pad_token_id.value_or(-1);
  layout.positions = "embeddings.position_embeddings.weight";
  layout.position_rows = config.max_position_embeddings;
  layout.position_offset = config.position_offset();
  layout.context = layout.position_rows - layout.position_offset;
  if (config.is_mpnet()) {
    layout.relative_bias = "encoder.relative_attention_bias.weight";
    layout.relative_buckets = config.relative_buckets;
  } else {
    layout.types = "embeddings.token_type_embeddings.weight";
    layout.type_rows = config.type_vocab_size;
  }
  layout.embedding_norm = {"embeddings.LayerNorm"};
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    layout.blocks.push_back(block_of(config, i));
  }
  // XLM-RoBERTa's classes call their encoder `roberta` too.
  layout.prefix = config.model_type == "xlm-roberta" ? "roberta." : config.model_type + ".";
  layout.hidden_dropout = config.hidden_dropout_prob;
  layout.attention_dropout = config.attention_probs_dropout_prob;
  layout.initializer_range = config.initializer_range;
  return layout;
}

}  // namespace kindred::lm
