#include "lm/config/decoders.h"

#include <array>
#include <set>

#include "core/error.h"
#include "core/strings.h"
#include "lm/config/gpt2_config.h"
#include "lm/config/llama_config.h"
#include "lm/config/opt_config.h"

namespace kindred::lm {
namespace {

DecoderPlan plan_gpt2(const Json& json, const std::string& where) {
  const auto config = parse_gpt2_config(json, where);
  return {gpt2_layout(config), gpt2_config_json(config)};
}
DecoderPlan plan_opt(const Json& json, const std::string& where) {
  const auto config = parse_opt_config(json, where);
  return {opt_layout(config), opt_config_json(config)};
}
DecoderPlan plan_llama(const Json& json, const std::string& where) {
  const auto config = parse_llama_config(json, where);
  return {llama_layout(config), llama_config_json(config)};
}

struct Kind {
  const char* name;
  DecoderPlan (*plan)(const Json& json, const std::string& where);
};
constexpr std::array<Kind, 4> kKinds{
    {{"gpt2", plan_gpt2}, {"opt", plan_opt}, {"llama", plan_llama}, {"qwen2", plan_llama}}};

}  // namespace

std::vector<std::string> decoder_kinds() {
  std::vector<std::string> names;
  names.reserve(kKinds.size());
  for (const Kind& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

DecoderPlan plan_decoder(const Json& json, const std::string& where) {
  const std::string kinds = join(decoder_kinds(), ", ");
  if (!json.is_object() || !json.contains("model_type") || !json["model_type"].is_string()) {
    throw Error(Exit::config, where, "model_type is missing, expected one of: " + kinds);
  }
  const std::string type = json["model_type"].get<std::string>();
  for (const Kind& kind : kKinds) {
    if (type == kind.name) return kind.plan(json, where);
  }
  static const std::set<std::string> other = {"bert",        "distilbert", "roberta", "longformer",
                                              "xlm-roberta", "t5",         "mt5"};
  if (other.contains(type)) {
    throw Error(Exit::config, where,
                cat("model_type: got ", type,
                    ", which does not predict the next token; expected a decoder: ", kinds));
  }
  throw Error(Exit::config, where,
              cat("model_type: got ", type, ", expected one of: ", kinds,
                  suggestion(type, decoder_kinds())));
}

}  // namespace kindred::lm
