#include "lm/config/sentence_config.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/strings.h"

namespace kindred::lm {
namespace {

struct PoolingNames {
  Pooling kind;
  const char *name, *old_key;
};
// In the order of `Pooling`, in which results lie side by side where the old keys ask for several.
constexpr std::array<PoolingNames, 6> kPoolings{
    {{Pooling::cls, "cls", "pooling_mode_cls_token"},
     {Pooling::max, "max", "pooling_mode_max_tokens"},
     {Pooling::mean, "mean", "pooling_mode_mean_tokens"},
     {Pooling::mean_sqrt_len, "mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"},
     {Pooling::weighted_mean, "weightedmean", "pooling_mode_weightedmean_tokens"},
     {Pooling::last_token, "lasttoken", "pooling_mode_lasttoken"}}};

struct ActivationClass {
  const char* name;
  std::optional<Activation> kind;
};
const std::array<ActivationClass, 5> kActivationClasses{{{"Tanh", Activation::tanh},
                                                         {"Identity", std::nullopt},
                                                         {"ReLU", Activation::relu},
                                                         {"GELU", Activation::gelu_erf},
                                                         {"SiLU", Activation::silu}}};

std::string shown(const Json& value) {
  return value.dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 60);
}

std::string last_part(const std::string& name) {
  const size_t dot = name.rfind('.');
  return dot == std::string::npos ? name : name.substr(dot + 1);
}

// Whether a module's folder stays within the model's.
bool is_confined(const std::string& path) {
  const std::filesystem::path parts(path);
  return parts.is_relative() &&
         std::ranges::none_of(parts, [](const auto& p) { return p == ".."; });
}

void read_pooling_names(FieldReader& in, const Json& given, std::vector<Pooling>& poolings) {
  for (const Json& name : given.is_array() ? given : Json::array({given})) {
    const auto found =
        std::ranges::find_if(kPoolings, [&](const PoolingNames& one) { return name == one.name; });
    if (found != kPoolings.end()) {
      poolings.push_back(found->kind);
      continue;
    }
    std::vector<std::string> known;
    known.reserve(kPoolings.size());
    for (const PoolingNames& one : kPoolings) known.emplace_back(one.name);
    in.problem("pooling_mode", cat("got ", shown(name), ", expected one of ", join(known, ", ")));
  }
}

Json read_optional(const std::filesystem::path& file) {
  return std::filesystem::exists(file) ? read_json(file.string()) : Json::object();
}

// The language model's options: one of the names the library has used, else nothing.
void read_sentence_options(const std::filesystem::path& folder, SentencePlan& plan) {
  for (const char* kind : {"bert", "roberta", "distilbert", "xlm-roberta"}) {
    const auto file = folder / cat("sentence_", kind, "_config.json");
    if (!std::filesystem::exists(file)) continue;
    parse_sentence_options(read_json(file.string()), file.string(), plan);
    break;
  }
  if (plan.max_tokens) return;
  const Json tokenizer = read_optional(folder / "tokenizer_config.json");
  if (!tokenizer.is_object() || !tokenizer.contains("model_max_length")) return;
  const Json& longest = tokenizer["model_max_length"];
  // Beyond any context stands for no limit.
  if (longest.is_number() && longest.get<double>() >= 1 && longest.get<double>() < 1e9) {
    plan.max_tokens = static_cast<int64_t>(longest.get<double>());
  }
}

void read_prompt(const std::filesystem::path& folder, SentencePlan& plan) {
  const auto file = folder / "config_sentence_transformers.json";
  const Json json = read_optional(file);
  if (!json.is_object() || !json.contains("default_prompt_name")) return;
  const Json& name = json["default_prompt_name"];
  if (name.is_null()) return;
  const Json prompts = json.value("prompts", Json::object());
  if (!name.is_string() || !prompts.is_object() || !prompts.contains(name.get<std::string>()) ||
      !prompts[name.get<std::string>()].is_string()) {
    throw Error(Exit::config, file.string(),
                cat("default_prompt_name: got ", shown(name), ", expected a name among prompts"));
  }
  plan.prompt = prompts[name.get<std::string>()].get<std::string>();
}

// Only what is done to the vector of a text; not to the states of tokens.
void expect_vector_fields(FieldReader& in) {
  in.expect("module_input_name", "sentence_embedding");
  in.expect("module_output_name", "sentence_embedding");
}

Error unknown_module(const std::string& where, const std::string& type) {
  return {Exit::config, where,
          cat("got module ", quote(type), ", expected Transformer, Pooling, Dense or Normalize")};
}

// Takes one module after the language model's into the plan.
void add_module(const std::filesystem::path& folder, const std::string& type,
                const std::string& path, SentencePlan& plan) {
  const std::string where = (folder / "modules.json").string();
  const std::string file = (folder / path / "config.json").string();
  if (type == "Pooling") {
    if (!plan.poolings.empty() || !plan.steps.empty()) {
      throw Error(Exit::config, where,
                  "got a second Pooling or one after other modules, expected "
                  "one behind the Transformer");
    }
    plan.poolings = parse_pooling(read_json(file), file);
    return;
  }
  if (type != "Dense" && type != "Normalize") throw unknown_module(where, type);
  if (plan.poolings.empty()) {
    throw Error(Exit::config, where, cat("got ", type, " before the Pooling, expected it behind"));
  }
  if (type == "Dense") {
    plan.steps.emplace_back(parse_dense(read_json(file), file));
    std::get<SentenceDense>(plan.steps.back()).path = path;
    return;
  }
  const Json options = read_optional(file);
  FieldReader in(options, file);
  expect_vector_fields(in);
  in.finish();
  plan.steps.emplace_back(SentenceNormalize{});
}

}  // namespace

const char* pooling_name(Pooling kind) {
  return kPoolings[static_cast<size_t>(kind)].name;
}

const char* pooling_key(Pooling kind) {
  return kPoolings[static_cast<size_t>(kind)].old_key;
}

std::vector<Pooling> all_poolings() {
  std::vector<Pooling> kinds;
  kinds.reserve(kPoolings.size());
  for (const PoolingNames& one : kPoolings) kinds.push_back(one.kind);
  return kinds;
}

int64_t SentencePlan::dimension(int64_t hidden_size) const {
  int64_t size = hidden_size * static_cast<int64_t>(poolings.size());
  for (const SentenceStep& step : steps) {
    if (const auto* dense = std::get_if<SentenceDense>(&step)) size = dense->out;
  }
  return size;
}

std::vector<std::pair<std::string, std::string>> parse_modules(const Json& json,
                                                               const std::string& where) {
  if (!json.is_array() || json.empty()) {
    throw Error(Exit::config, where, "expected a list of modules, the first a Transformer");
  }
  std::vector<std::pair<std::string, std::string>> modules;
  for (const Json& module : json) {
    const auto text = [&](const char* key) {
      const bool has = module.is_object() && module.contains(key) && module[key].is_string();
      if (!has) throw Error(Exit::config, where, cat("a module has no text ", quote(key)));
      return module[key].get<std::string>();
    };
    const std::string type = text("type"), path = text("path");
    if (!type.starts_with("sentence_transformers.")) throw unknown_module(where, type);
    if (!is_confined(path)) {
      throw Error(Exit::config, where,
                  cat("got path ", quote(path), ", expected a folder within this one"));
    }
    modules.emplace_back(last_part(type), path);
  }
  if (modules[0].first != "Transformer") throw unknown_module(where, modules[0].first);
  return modules;
}

std::vector<Pooling> parse_pooling(const Json& json, const std::string& where) {
  FieldReader in(json, where);
  std::vector<Pooling> poolings;
  if (const Json* names = in.find("pooling_mode")) {
    read_pooling_names(in, *names, poolings);
  } else {
    for (const PoolingNames& one : kPoolings) {
      bool chosen = false;
      in.boolean(one.old_key, chosen);
      if (chosen) poolings.push_back(one.kind);
    }
  }
  for (const auto& [key, value] : json.items()) {
    const bool known = std::ranges::any_of(
        kPoolings, [&key = key](const PoolingNames& one) { return key == one.old_key; });
    if (key.starts_with("pooling_mode_") && !known) {
      in.problem(key, "is a pooling that is not known; expected it absent");
    }
  }
  in.expect("include_prompt", true);
  in.finish();
  if (poolings.empty()) poolings.push_back(Pooling::mean);
  return poolings;
}

SentenceDense parse_dense(const Json& json, const std::string& where) {
  SentenceDense dense;
  FieldReader in(json, where);
  for (const auto& [key, size] :
       {std::pair{"in_features", &dense.in}, {"out_features", &dense.out}}) {
    in.integer(key, *size, 1, 1 << 20);
    if (in.find(key) == nullptr) in.problem(key, "is missing, expected a size");
  }
  in.boolean("bias", dense.bias);
  in.expect("use_residual", false);
  expect_vector_fields(in);
  if (const Json* name = in.find("activation_function")) {
    const std::string full = name->is_string() ? name->get<std::string>() : std::string();
    const auto found = std::ranges::find_if(kActivationClasses, [&](const ActivationClass& one) {
      return full.starts_with("torch.nn.") && last_part(full) == one.name;
    });
    if (found == kActivationClasses.end()) {
      in.problem("activation_function", cat("got ", shown(*name),
                                            ", expected torch.nn's Tanh, "
                                            "Identity, ReLU, GELU or SiLU"));
    } else {
      dense.activation_name = full;
      dense.activation = found->kind;
    }
  }
  in.finish();
  return dense;
}

void parse_sentence_options(const Json& json, const std::string& where, SentencePlan& plan) {
  FieldReader in(json, where);
  int64_t longest = 0;
  in.integer("max_seq_length", longest, 1, 1 << 24);
  if (longest > 0) plan.max_tokens = longest;
  in.boolean("do_lower_case", plan.lower_case);
  in.expect("transformer_task", "feature-extraction");
  in.expect("module_output_name", "token_embeddings");
  in.refuse({"model_args", "model_kwargs", "tokenizer_args", "processor_kwargs", "config_args",
             "config_kwargs", "processing_kwargs"});
  in.finish();
}

bool is_sentence_folder(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / "modules.json");
}

SentencePlan read_sentence_plan(const std::filesystem::path& folder) {
  const std::string where = (folder / "modules.json").string();
  const auto modules = parse_modules(read_json(where), where);
  SentencePlan plan;
  plan.model_path = modules[0].second;
  read_sentence_options(folder / plan.model_path, plan);
  read_prompt(folder, plan);
  for (size_t i = 1; i < modules.size(); ++i) {
    add_module(folder, modules[i].first, modules[i].second, plan);
  }
  if (plan.poolings.empty()) throw Error(Exit::config, where, "got no Pooling, expected one");
  return plan;
}

}  // namespace kindred::lm
