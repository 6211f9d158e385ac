#include "lm/config/gpt2_config.h"

#include <array>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/options.h"
#include "core/strings.h"

namespace kindred::lm {
namespace {

constexpr std::array<std::pair<const char*, Activation>, 9> kActivations{{
    {"gelu_new", Activation::gelu_tanh},
    {"gelu_pytorch_tanh", Activation::gelu_tanh},
    {"gelu_fast", Activation::gelu_tanh},
    {"gelu", Activation::gelu_erf},
    {"quick_gelu", Activation::quick_gelu},
    {"relu", Activation::relu},
    {"silu", Activation::silu},
    {"swish", Activation::silu},
    {"tanh", Activation::tanh},
}};

// 2^40 weights are 4 TiB in fp32: beyond any machine this runs on, so a typing error or an attack.
constexpr double kMostWeights = 1099511627776.0;

// Reads fields one by one and collects what is wrong with them.
class FieldReader {
 public:
  FieldReader(const Json& json, const std::string& where) : json_(json), where_(where) {}

  void problem(const std::string& key, const std::string& sentence) {
    problems_.push_back(cat(where_, ": ", key, ": ", sentence));
  }

  const Json* find(const char* key) const {
    const auto found = json_.find(key);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }

  void integer(const char* key, int64_t& value, int64_t low, int64_t high) {
    const Json* found = find(key);
    if (found == nullptr) return;
    if (is_integer_in(*found, low, high)) {
      value = found->get<int64_t>();
    } else {
      problem(key, cat("got ", shown(*found), ", expected an integer from ", low, " to ", high));
    }
  }

  void number(const char* key, double& value, double low, double high) {
    const Json* found = find(key);
    if (found == nullptr) return;
    const double got = found->is_number() ? found->get<double>() : NAN;
    if (got >= low && got <= high) {
      value = got;
    } else {
      problem(key, cat("got ", shown(*found), ", expected a number from ", number_text(low), " to ",
                       number_text(high)));
    }
  }

  void boolean(const char* key, bool& value) {
    const Json* found = find(key);
    if (found == nullptr) return;
    if (found->is_boolean()) {
      value = found->get<bool>();
    } else {
      problem(key, cat("got ", shown(*found), ", expected true or false"));
    }
  }

  // Other models' names for the same size, which `transformers` maps too; they must not disagree.
  void alias(const char* key, const char* other, int64_t& value, int64_t high) {
    const bool both = find(key) != nullptr && find(other) != nullptr;
    const int64_t first = value;
    integer(other, value, 1, high);
    if (both && first != value) {
      problem(other, cat("got ", value, ", but ", key, " is ", first, "; remove one of the two"));
    }
  }

  void token(const char* key, const Json& found, int64_t vocab, std::vector<int64_t>& ids) {
    if (is_integer_in(found, 0, INT32_MAX)) {
      // Ids beyond the vocabulary are seen in small folders that kept GPT-2's 50256: never
      // produced.
      if (found.get<int64_t>() < vocab) ids.push_back(found.get<int64_t>());
    } else {
      problem(key, cat("got ", shown(found), ", expected a token id from 0 to ", INT32_MAX,
                       " or a list of them"));
    }
  }

  void finish() {
    if (!problems_.empty()) throw Error(Exit::config, std::move(problems_));
  }

 private:
  static bool is_integer_in(const Json& value, int64_t low, int64_t high) {
    if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
      return false;
    }
    return value.is_number_integer() && value.get<int64_t>() >= low && value.get<int64_t>() <= high;
  }
  static std::string number_text(double value) { return kindred::number(value); }
  static std::string shown(const Json& value) {
    const std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
    return text.size() > 60 ? text.substr(0, 60) + "..." : text;
  }

  const Json& json_;
  std::string where_;
  std::vector<std::string> problems_;
};

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
  if (weights > kMostWeights) {
    in.problem("n_embd", cat("vocab_size, n_embd, n_inner and n_layer make ", number(weights, 3),
                             " weights, expected at most ", number(kMostWeights, 3)));
  }
}

void read_activation(FieldReader& in, Gpt2Config& config) {
  const Json* found = in.find("activation_function");
  if (found == nullptr) return;
  std::vector<std::string> known;
  for (const auto& [name, kind] : kActivations) {
    known.emplace_back(name);
    if (found->is_string() && found->get_ref<const std::string&>() == name) {
      config.activation_function = name;
      config.activation = kind;
      return;
    }
  }
  in.problem("activation_function",
             cat("got ", found->dump(-1, ' ', true, Json::error_handler_t::replace),
                 ", expected one of ", join(known, ", ")));
}

// What other GPT-2 shaped configurations may ask for and this model does not do.
void refuse_unsupported(FieldReader& in) {
  for (const char* key : {"add_cross_attention", "is_encoder_decoder", "quantization_config"}) {
    const Json* found = in.find(key);
    if (found != nullptr && !(found->is_boolean() && !found->get<bool>())) {
      in.problem(key, "is not supported; expected it absent or false");
    }
  }
  const Json* pruned = in.find("pruned_heads");
  if (pruned != nullptr && !pruned->empty()) {
    in.problem("pruned_heads", "is not supported; expected it absent or empty");
  }
}

void read_tokens(FieldReader& in, const Json& json, Gpt2Config& config) {
  // Absent means GPT-2's own <|endoftext|>; null means none.
  const Json original = 50256;
  const Json& bos = json.contains("bos_token_id") ? json["bos_token_id"] : original;
  const Json& eos = json.contains("eos_token_id") ? json["eos_token_id"] : original;
  std::vector<int64_t> first;
  if (!bos.is_null()) in.token("bos_token_id", bos, config.vocab_size, first);
  if (!first.empty()) config.bos_token_id = first[0];
  if (eos.is_array()) {
    for (const Json& id : eos)
      in.token("eos_token_id", id, config.vocab_size, config.eos_token_ids);
  } else if (!eos.is_null()) {
    in.token("eos_token_id", eos, config.vocab_size, config.eos_token_ids);
  }
}

}  // namespace

double Gpt2Config::attention_scale(int64_t layer) const {
  double scale = scale_attn_weights ? 1.0 / std::sqrt(static_cast<double>(head_dim())) : 1.0;
  if (scale_attn_by_inverse_layer_idx) scale /= static_cast<double>(layer + 1);
  return scale;
}

Gpt2Config parse_gpt2_config(const Json& json, const std::string& where) {
  if (!json.is_object()) {
    throw Error(Exit::config, where, cat("got ", json.type_name(), ", expected an object"));
  }
  Gpt2Config config;
  FieldReader in(json, where);
  read_sizes(in, config);
  read_activation(in, config);
  in.number("resid_pdrop", config.resid_pdrop, 0, 0.999);
  in.number("embd_pdrop", config.embd_pdrop, 0, 0.999);
  in.number("attn_pdrop", config.attn_pdrop, 0, 0.999);
  in.number("layer_norm_epsilon", config.layer_norm_epsilon, 1e-12, 1);
  in.number("initializer_range", config.initializer_range, 0, 100);
  in.boolean("scale_attn_weights", config.scale_attn_weights);
  in.boolean("scale_attn_by_inverse_layer_idx", config.scale_attn_by_inverse_layer_idx);
  in.boolean("reorder_and_upcast_attn", config.reorder_and_upcast_attn);
  in.boolean("tie_word_embeddings", config.tie_word_embeddings);
  refuse_unsupported(in);
  read_tokens(in, json, config);
  in.finish();
  return config;
}

Json gpt2_config_json(const Gpt2Config& config) {
  Json json = {
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
      {"eos_token_id", nullptr},
  };
  if (config.eos_token_ids.size() == 1) json["eos_token_id"] = config.eos_token_ids[0];
  if (config.eos_token_ids.size() > 1) json["eos_token_id"] = config.eos_token_ids;
  return json;
}

std::vector<TensorSpec> gpt2_tensors(const Gpt2Config& config) {
  const int64_t d = config.n_embd, inner = config.n_inner;
  std::vector<TensorSpec> specs = {{"transformer.wte.weight", {config.vocab_size, d}},
                                   {"transformer.wpe.weight", {config.n_positions, d}}};
  for (int64_t layer = 0; layer < config.n_layer; ++layer) {
    const std::string at = cat("transformer.h.", layer, ".");
    specs.push_back({at + "ln_1.weight", {d}});
    specs.push_back({at + "ln_1.bias", {d}});
    specs.push_back({at + "attn.c_attn.weight", {d, 3 * d}});
    specs.push_back({at + "attn.c_attn.bias", {3 * d}});
    specs.push_back({at + "attn.c_proj.weight", {d, d}});
    specs.push_back({at + "attn.c_proj.bias", {d}});
    specs.push_back({at + "ln_2.weight", {d}});
    specs.push_back({at + "ln_2.bias", {d}});
    specs.push_back({at + "mlp.c_fc.weight", {d, inner}});
    specs.push_back({at + "mlp.c_fc.bias", {inner}});
    specs.push_back({at + "mlp.c_proj.weight", {inner, d}});
    specs.push_back({at + "mlp.c_proj.bias", {d}});
  }
  specs.push_back({"transformer.ln_f.weight", {d}});
  specs.push_back({"transformer.ln_f.bias", {d}});
  if (!config.tie_word_embeddings) {
    specs.push_back({"lm_head.weight", {config.vocab_size, d}});
  }
  return specs;
}

}  // namespace kindred::lm
