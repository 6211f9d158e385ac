#pragma once
// adapter_config.json of PEFT: low-rank adapters (LoRA, Hu et al. 2021, arXiv:2106.09685). Without
// LibTorch. The first name of a field is PEFT's.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"

namespace kindred::lm {

/// Names of modules: by a list, where a name stands for every module that ends with it after a dot,
/// or by one regular expression that matches whole names.
struct ModuleNames {
  std::vector<std::string> list;
  std::string pattern;  ///< used where not empty

  bool empty() const { return list.empty() && pattern.empty(); }
};

/// What an adapter adds to a model, and where.
struct AdapterConfig {
  int64_t r = 8;            ///< rank
  double lora_alpha = 8;    ///< what is added is scaled by alpha / rank
  double lora_dropout = 0;  ///< of a layer's input on its way into the adapter
  bool use_rslora = false;  ///< scaled by alpha / sqrt(rank) (Kalajdzievski 2023)
  bool fan_in_fan_out =
      false;                  ///< said of layers stored [in, out]; written for GPT-2, else ignored
  std::string bias = "none";  ///< biases trained too: none, all, lora_only
  ModuleNames target_modules, exclude_modules;
  bool all_linear = false;                   ///< target_modules: "all-linear"
  std::vector<int64_t> layers_to_transform;  ///< empty: all
  std::vector<std::string> layers_pattern;   ///< what a layer's number stands behind
  std::vector<std::pair<std::string, int64_t>> rank_pattern;  ///< other ranks; the first that fits
  std::vector<std::pair<std::string, double>> alpha_pattern;
  std::vector<std::string> modules_to_save;  ///< trained and saved whole
  std::string base_model_name_or_path, task_type = "CAUSAL_LM";
};

/// Reads adapter_config.json; throws `config` with one line a problem: every field that changes
/// what is computed is honoured or refused by name (DoRA, other initial weights that change the
/// base model, replicated layers, …). `where` names the file.
AdapterConfig parse_adapter_config(const Json& json, const std::string& where);
/// As PEFT reads it.
Json adapter_config_json(const AdapterConfig& config);

/// The rank and scale of one module's adapter.
struct LowRankSize {
  int64_t rank = 8;
  double scale = 1;
};

/// Which modules a configuration means, as PEFT decides it.
class AdapterTargets {
 public:
  explicit AdapterTargets(const AdapterConfig& config);
  ~AdapterTargets();

  /// The adapter of a linear module by its full name; nothing where it gets none.
  std::optional<LowRankSize> low_rank(const std::string& module) const;
  /// Whether a module is trained and saved whole.
  bool saves(const std::string& module) const;

 private:
  bool targets(const std::string& module) const;
  bool in_layers(const std::string& module) const;

  struct Patterns;
  AdapterConfig config_;
  std::unique_ptr<const Patterns> patterns_;
};

}  // namespace kindred::lm
