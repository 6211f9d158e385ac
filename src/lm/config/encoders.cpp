#include "lm/config/encoders.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/strings.h"
#include "lm/config/bert_config.h"
#include "lm/config/distilbert_config.h"

namespace kindred::lm {
namespace {

EncoderPlan plan_bert(const Json& json, const std::string& where) {
  const auto config = parse_bert_config(json, where);
  return {bert_layout(config), bert_config_json(config)};
}
EncoderPlan plan_distilbert(const Json& json, const std::string& where) {
  const auto config = parse_distilbert_config(json, where);
  return {distilbert_layout(config), distilbert_config_json(config)};
}

struct Kind {
  const char* name;
  EncoderPlan (*plan)(const Json& json, const std::string& where);
};
constexpr std::array<Kind, 6> kKinds{{{"bert", plan_bert},
                                      {"roberta", plan_bert},
                                      {"xlm-roberta", plan_bert},
                                      {"distilbert", plan_distilbert},
                                      {"longformer", plan_bert},
                                      {"mpnet", plan_bert}}};

std::string type_of(const Json& json) {
  if (!json.is_object() || !json.contains("model_type") || !json["model_type"].is_string()) {
    return {};
  }
  return json["model_type"].get<std::string>();
}

}  // namespace

std::vector<std::string> encoder_kinds() {
  std::vector<std::string> names;
  names.reserve(kKinds.size());
  for (const Kind& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

bool is_encoder(const Json& json) {
  const std::string type = type_of(json);
  return std::ranges::any_of(kKinds, [&](const Kind& kind) { return type == kind.name; });
}

EncoderPlan plan_encoder(const Json& json, const std::string& where) {
  const std::string type = type_of(json), kinds = join(encoder_kinds(), ", ");
  if (type.empty()) {
    throw Error(Exit::config, where, "model_type is missing, expected one of: " + kinds);
  }
  for (const Kind& kind : kKinds) {
    if (type == kind.name) return kind.plan(json, where);
  }
  throw Error(Exit::config, where,
              cat("model_type: got ", type, ", expected an encoder: ", kinds,
                  suggestion(type, encoder_kinds())));
}

}  // namespace kindred::lm
