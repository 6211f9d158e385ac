#include "lm/config/adapter_config.h"

#include <algorithm>
#include <cmath>
#include <regex>

#include "core/error.h"
#include "core/strings.h"
#include "lm/config/fields.h"

namespace kindred::lm {
namespace {

// A pattern of that length says more than any folder needs; longer ones are attacks.
constexpr size_t kLongestPattern = 400;
constexpr size_t kMostNames = 100'000;

// Polynomial: no pattern, however made, takes exponential time.
std::regex compile(const std::string& pattern) {
  return std::regex(pattern, std::regex::ECMAScript | std::regex_constants::__polynomial);
}

bool is_integer_from(const Json& value, int64_t low, int64_t high) {
  return value.is_number_integer() && value.get<int64_t>() >= low && value.get<int64_t>() <= high;
}

// Checks that a pattern can be used; `key` is where it stands.
void check_pattern(FieldReader& in, const std::string& key, const std::string& pattern) {
  if (pattern.size() > kLongestPattern) {
    in.problem(key, cat("got a pattern of ", pattern.size(), " characters, expected at most ",
                        kLongestPattern));
    return;
  }
  try {
    compile("(.*\\.)?(" + pattern + ")");
  } catch (const std::regex_error&) {
    in.problem(key, cat("got ", Json(pattern).dump(-1, ' ', true, Json::error_handler_t::replace),
                        ", expected a regular expression (named groups and looking behind are not "
                        "supported)"));
  }
}

std::vector<std::string> read_names(FieldReader& in, const char* key) {
  std::vector<std::string> names;
  const Json* found = in.find(key);
  if (found == nullptr) return names;
  const Json list = found->is_string() ? Json::array({*found}) : *found;
  const bool fits = list.is_array() && list.size() <= kMostNames &&
                    std::ranges::all_of(list, [](const Json& name) { return name.is_string(); });
  if (!fits) {
    in.problem(key, cat("got ", found->type_name(), ", expected a list of names"));
    return names;
  }
  for (const Json& name : list) names.push_back(name.get<std::string>());
  return names;
}

// A string is a pattern, a list are names.
ModuleNames read_modules(FieldReader& in, const char* key) {
  ModuleNames names;
  const Json* found = in.find(key);
  if (found != nullptr && found->is_string()) {
    names.pattern = found->get<std::string>();
    check_pattern(in, key, names.pattern);
  } else {
    names.list = read_names(in, key);
  }
  return names;
}

template <class Value, class Fits>
std::vector<std::pair<std::string, Value>> read_patterns(FieldReader& in, const char* key,
                                                         const Fits& fits) {
  std::vector<std::pair<std::string, Value>> patterns;
  const Json* found = in.find(key);
  if (found == nullptr) return patterns;
  if (!found->is_object() || found->size() > kMostNames) {
    in.problem(key, cat("got ", found->type_name(), ", expected an object of names with numbers"));
    return patterns;
  }
  for (const auto& [name, value] : found->items()) {
    check_pattern(in, key, name);
    if (fits(value)) {
      patterns.emplace_back(name, value.template get<Value>());
    } else {
      in.problem(cat(key, ".", name),
                 cat("got ", value.type_name(), ", expected a number in range"));
    }
  }
  return patterns;
}

void read_layers(FieldReader& in, AdapterConfig& config) {
  if (const Json* found = in.find("layers_to_transform")) {
    for (const Json& layer : found->is_array() ? *found : Json::array({*found})) {
      if (is_integer_from(layer, 0, 100'000)) {
        config.layers_to_transform.push_back(layer.get<int64_t>());
      } else {
        in.problem("layers_to_transform", "expected a layer's number or a list of them, from 0");
      }
    }
  }
  config.layers_pattern = read_names(in, "layers_pattern");
  for (const std::string& pattern : config.layers_pattern) {
    check_pattern(in, "layers_pattern", pattern);
  }
}

// What PEFT initialises otherwise than with A random and B zero may change the base model, which a
// folder then does not hold.
void check_init(FieldReader& in) {
  const Json* found = in.find("init_lora_weights");
  if (found == nullptr || found->is_boolean()) return;
  const std::string text = found->is_string() ? found->get<std::string>() : "";
  if (text == "gaussian" || text == "orthogonal") return;
  in.problem("init_lora_weights",
             cat("got ", found->is_string() ? text : found->type_name(),
                 ", which is not supported; expected true, false, gaussian or orthogonal"));
}

void check_supported(FieldReader& in) {
  in.expect("peft_type", "LORA");
  if (in.find("peft_type") == nullptr) in.problem("peft_type", "is missing, expected LORA");
  check_init(in);
  in.refuse({"use_dora", "use_qalora", "use_bdlora", "lora_bias", "layer_replication",
             "trainable_token_indices", "target_parameters", "alora_invocation_tokens",
             "loftq_config", "eva_config", "corda_config", "lora_ga_config", "velora_config",
             "monteclora_config", "arrow_config", "kasa_config", "megatron_config",
             "ensure_weight_tying"});
}

bool ends_with_name(const std::string& module, const std::string& name) {
  return module == name || module.ends_with("." + name);
}

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 10 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// The first numbered segment with two or more before it and one after: `model.layers.3.x` -> 3.
std::optional<int64_t> layer_of(const std::string& module) {
  const std::vector<std::string> parts = split(module, '.');
  for (size_t i = 2; i + 1 < parts.size(); ++i) {
    if (is_number(parts[i])) return std::stoll(parts[i]);
  }
  return std::nullopt;
}

bool is_all_linear(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text == "all-linear";
}

Json names_json(const ModuleNames& names) {
  if (!names.pattern.empty()) return names.pattern;
  return names.list.empty() ? Json(nullptr) : Json(names.list);
}

template <class Value>
Json patterns_json(const std::vector<std::pair<std::string, Value>>& patterns) {
  Json object = Json::object();
  for (const auto& [name, value] : patterns) object[name] = value;
  return object;
}

// PEFT writes whole alphas as integers.
Json alpha_json(double alpha) {
  return alpha == std::floor(alpha) ? Json(static_cast<int64_t>(alpha)) : Json(alpha);
}

}  // namespace

AdapterConfig parse_adapter_config(const Json& json, const std::string& where) {
  AdapterConfig config;
  FieldReader in(json, where);
  check_supported(in);
  in.integer("r", config.r, 1, 1 << 16);
  in.number("lora_alpha", config.lora_alpha, 0, 1e6);
  in.number("lora_dropout", config.lora_dropout, 0, 0.999);
  in.boolean("use_rslora", config.use_rslora);
  in.boolean("fan_in_fan_out", config.fan_in_fan_out);
  if (const Json* bias = in.find("bias")) {
    if (*bias == "none" || *bias == "all" || *bias == "lora_only") {
      config.bias = bias->get<std::string>();
    } else {
      in.problem("bias", "expected none, all or lora_only");
    }
  }
  config.target_modules = read_modules(in, "target_modules");
  config.all_linear = is_all_linear(config.target_modules.pattern);
  if (config.all_linear) config.target_modules.pattern.clear();
  if (config.target_modules.empty() && !config.all_linear) {
    in.problem("target_modules", "is missing, expected names of linear layers or all-linear");
  }
  config.exclude_modules = read_modules(in, "exclude_modules");
  read_layers(in, config);
  config.rank_pattern = read_patterns<int64_t>(
      in, "rank_pattern", [](const Json& value) { return is_integer_from(value, 1, 1 << 16); });
  config.alpha_pattern = read_patterns<double>(in, "alpha_pattern", [](const Json& value) {
    return value.is_number() && value.get<double>() >= 0 && value.get<double>() <= 1e6;
  });
  config.modules_to_save = read_names(in, "modules_to_save");
  for (const auto& [key, value] :
       {std::pair<const char*, std::string*>{"task_type", &config.task_type},
        {"base_model_name_or_path", &config.base_model_name_or_path}}) {
    const Json* found = in.find(key);
    if (found != nullptr && found->is_string()) *value = found->get<std::string>();
  }
  in.finish();
  return config;
}

Json adapter_config_json(const AdapterConfig& config) {
  const auto or_null = [](const auto& list) { return list.empty() ? Json(nullptr) : Json(list); };
  const auto text = [](const std::string& value) {
    return value.empty() ? Json(nullptr) : Json(value);
  };
  Json alphas = Json::object();
  for (const auto& [name, alpha] : config.alpha_pattern) alphas[name] = alpha_json(alpha);
  return {{"peft_type", "LORA"},
          {"task_type", text(config.task_type)},
          {"base_model_name_or_path", text(config.base_model_name_or_path)},
          {"r", config.r},
          {"lora_alpha", alpha_json(config.lora_alpha)},
          {"lora_dropout", config.lora_dropout},
          {"use_rslora", config.use_rslora},
          {"fan_in_fan_out", config.fan_in_fan_out},
          {"bias", config.bias},
          {"target_modules",
           config.all_linear ? Json("all-linear") : names_json(config.target_modules)},
          {"exclude_modules", names_json(config.exclude_modules)},
          {"layers_to_transform", or_null(config.layers_to_transform)},
          {"layers_pattern", or_null(config.layers_pattern)},
          {"rank_pattern", patterns_json(config.rank_pattern)},
          {"alpha_pattern", alphas},
          {"modules_to_save", or_null(config.modules_to_save)},
          {"init_lora_weights", true},
          {"inference_mode", true}};
}

// Expressions ready to match; those that decide a rank or an alpha in the order they are written.
struct AdapterTargets::Patterns {
  std::optional<std::regex> target, exclude;
  std::vector<std::regex> layers, ranks, alphas;
};

AdapterTargets::AdapterTargets(const AdapterConfig& config) : config_(config) {
  auto patterns = std::make_unique<Patterns>();
  const auto whole = [](const ModuleNames& names) {
    return names.pattern.empty() ? std::nullopt : std::optional(compile(names.pattern));
  };
  const auto at_end = [](const std::string& name) { return compile("(.*\\.)?(" + name + ")"); };
  patterns->target = whole(config.target_modules);
  patterns->exclude = whole(config.exclude_modules);
  for (const std::string& name : config.layers_pattern) {
    patterns->layers.push_back(compile("(?:.*\\.)?(?:" + name + ")\\.([0-9]{1,9})\\..*"));
  }
  for (const auto& [name, rank] : config.rank_pattern) patterns->ranks.push_back(at_end(name));
  for (const auto& [name, alpha] : config.alpha_pattern) patterns->alphas.push_back(at_end(name));
  patterns_ = std::move(patterns);
}

AdapterTargets::~AdapterTargets() = default;

bool AdapterTargets::in_layers(const std::string& module) const {
  const auto chosen = [&](int64_t layer) {
    return std::ranges::find(config_.layers_to_transform, layer) !=
           config_.layers_to_transform.end();
  };
  if (config_.layers_to_transform.empty()) return true;
  if (patterns_->layers.empty()) {
    const auto layer = layer_of(module);
    return layer && chosen(*layer);
  }
  return std::ranges::any_of(patterns_->layers, [&](const std::regex& pattern) {
    std::smatch match;
    return std::regex_match(module, match, pattern) && chosen(std::stoll(match[match.size() - 1]));
  });
}

bool AdapterTargets::targets(const std::string& module) const {
  const auto named = [&](const std::string& name) { return ends_with_name(module, name); };
  const std::optional<std::regex>&target = patterns_->target, &exclude = patterns_->exclude;
  if (exclude ? std::regex_match(module, *exclude)
              : std::ranges::any_of(config_.exclude_modules.list, named)) {
    return false;
  }
  // A module trained whole gets no adapter inside.
  const auto parents = "." + module + ".";
  for (const std::string& name : config_.modules_to_save) {
    if (parents.find("." + name + ".") != std::string::npos) return false;
  }
  if (config_.all_linear) return true;
  if (target) return std::regex_match(module, *target);
  const auto& list = config_.target_modules.list;
  if (std::ranges::find(list, module) != list.end()) return true;
  return std::ranges::any_of(list, named) && in_layers(module);
}

std::optional<LowRankSize> AdapterTargets::low_rank(const std::string& module) const {
  if (!targets(module)) return std::nullopt;
  LowRankSize size{config_.r, 0};
  double alpha = config_.lora_alpha;
  const auto fits = [&](const std::regex& pattern) { return std::regex_match(module, pattern); };
  const auto rank = std::ranges::find_if(patterns_->ranks, fits);
  if (rank != patterns_->ranks.end()) {
    size.rank = config_.rank_pattern[static_cast<size_t>(rank - patterns_->ranks.begin())].second;
  }
  const auto other = std::ranges::find_if(patterns_->alphas, fits);
  if (other != patterns_->alphas.end()) {
    alpha = config_.alpha_pattern[static_cast<size_t>(other - patterns_->alphas.begin())].second;
  }
  const auto r = static_cast<double>(size.rank);
  size.scale = alpha / (config_.use_rslora ? std::sqrt(r) : r);
  return size;
}

bool AdapterTargets::saves(const std::string& module) const {
  // PEFT compares ends of names here, dots or not: `norm` is every layer's `input_layernorm` too.
  return std::ranges::any_of(config_.modules_to_save, [&](const std::string& name) {
    return !name.empty() && module.ends_with(name);
  });
}

}  // namespace kindred::lm
