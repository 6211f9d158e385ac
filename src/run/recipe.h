#pragma once
// Recipes: YAML files that say what to train on what, with `--set` on top.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"
#include "data/resolve.h"
#include "eval/options.h"
#include "model/method.h"

namespace kindred::run {

/// A recipe with every default filled in; the method's own section stays JSON until the method
/// reads it.
struct Recipe {
  std::string name;              ///< the file's stem
  std::filesystem::path folder;  ///< the file's
  data::DataOptions data;
  std::string method;
  Json method_options = Json::object();
  /// The sections of the method's parts by slot, and of the parts' methods by their names.
  std::map<std::string, Json> parts, part_methods;
  model::BackboneOptions backbone;
  Json stages = Json::object();
  Json train = Json::object();
  eval::EvaluationOptions evaluation;
  bool final_run = false;
  uint64_t seed = 1;
  std::string device = "cpu";
  int threads = 0;

  template <class V>
  void visit(V& v) {
    v("data", data, "what to train on");
    v("method", method, "recommender, one of `kindred list recommenders`");
    if (!method.empty()) v(method.c_str(), method_options, "the recommender's own options");
    visit_parts(v);
    v("backbone", backbone, "the language model, for recommenders that have one");
    v("stages", stages, "training options by stage");
    v("train", train, "training options of every stage, below those of `stages`");
    v("evaluation", evaluation, "how validation and test are measured");
    v("final", final_run,
      "train on all interactions, those of validation and test too, for use: nothing is held out, "
      "judged or selected by (`kindred train RECIPE --final`)");
    v("seed", seed, "of everything but the split", Bounds{0, 9e15});
    v("device", device, "cpu, cuda or cuda:i");
    v("threads", threads, "threads to compute with, 0: every core", Bounds{0, 1024});
  }

  template <class V>
  void visit_parts(V& v) {
    for (auto& [slot, section] : parts) v(slot.c_str(), section, "a part of the method");
    for (auto& [name, section] : part_methods)
      v(name.c_str(), section, "options of the part that is this recommender");
  }
};

/// Fills `recipe.method` from a mapping and makes room for the sections that the method's parts
/// have: both must be known before the rest of the mapping is read. Throws nothing: an unknown
/// method has no parts.
void name_sections(const Json& json, Recipe& recipe);

/// Reads a recipe, puts `on_top` (keys and values as a recipe has them) over it and applies `--set`
/// assignments. Problems of the recipe's own keys are appended to `problems`; throws only where the
/// file cannot be read or is no YAML.
Recipe load_recipe(const std::filesystem::path& path, const std::vector<std::string>& assignments,
                   std::vector<std::string>& problems, const Json& on_top = {});

/// Takes `from` out of the sections of `stages`: by stage, the run folder or recipe that the stage
/// is taken from.
std::map<std::string, std::string> take_sources(Json& stages, std::vector<std::string>& problems);

/// Reads the resolved config.yaml of a run.
Recipe load_resolved(const std::filesystem::path& config_yaml);

}  // namespace kindred::run
