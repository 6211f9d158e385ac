#pragma once
// A method: a recommender, the stages that train it, and the options it was made from.

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/options.h"
#include "model/objective.h"
#include "model/recommender.h"

namespace kindred::model {

/// The `backbone` section of a recipe.
struct BackboneOptions {
  std::string path;
  std::string adapter;
  std::string precision = "auto";
  bool checkpointing = false;

  template <class V>
  void visit(V& v) {
    v("path", path,
      "Hugging Face folder, relative to the model directory; or `tiny`, the shipped one");
    v("adapter", adapter, "PEFT adapter folder to load on top, empty: none");
    v("precision", precision,
      "of the frozen weights: auto is bf16 where the device multiplies it; int8 is for a finished "
      "run (`kindred recommend RUN --precision int8`)",
      Choices{{"auto", "fp32", "bf16"}});
    v("checkpointing", checkpointing,
      "training keeps the inputs of blocks only and computes the rest again on the way back: less "
      "memory for a third more time, same numbers; frozen decoders");
  }
};

/// A part of a method: a recommender made before the method is, trained before its stages run.
struct Part {
  std::string method;  ///< the catalog's name; empty: vectors read from files
  std::shared_ptr<Recommender> recommender;
};

/// What a method is made from.
struct MethodContext {
  std::shared_ptr<const data::Dataset> data;
  Json options;              ///< the recipe's section named after the method
  Json stages;               ///< the recipe's `stages` section (name -> TrainOptions)
  Json train;                ///< the recipe's `train` section: options of every stage
  BackboneOptions backbone;  ///< with `path` already resolved to an existing folder, or empty
  std::map<std::string, std::vector<Part>> parts;  ///< by the slot's name
  uint64_t seed = 1;
  torch::Device device = torch::kCPU;
  std::stop_token stop;
  /// Problems of the configuration are collected here, so that all are reported at once.
  std::vector<std::string>* problems = nullptr;
};

/// A recommender with the stages that train it, run in order.
class Method {
 public:
  virtual ~Method() = default;
  virtual std::shared_ptr<Recommender> recommender() = 0;
  virtual std::vector<Stage> stages() = 0;
};

/// What a recipe's sections come to for a method, with all defaults.
struct Settings {
  Json options = Json::object();
  Json stages = Json::object();  ///< by name, in the order they run; closed forms have none
};

/// A part a method has.
struct PartSlot {
  std::string name;  ///< of its section in the recipe: `cf`, `members`
  std::string help;
  bool many = false;  ///< a list of sections
  int64_t least = 1;  ///< parts it needs
};

/// TrainOptions of a stage: `defaults` overridden by the recipe's `stages.<name>`; problems
/// collected.
TrainOptions stage_options(const MethodContext& context, const std::string& stage,
                           TrainOptions defaults);
/// Reports names in `stages` that the method does not have.
void check_stage_names(const MethodContext& context, const std::vector<std::string>& known);

/// A saved model being opened: its folder, its JSON, and its items' and users' tokens.
struct SavedModel {
  std::filesystem::path folder;
  Json json;  ///< what Recommender::save returned
  std::shared_ptr<data::IdMap> users, items;
  torch::Device device = torch::kCPU;
  std::string precision = "auto";
};

/// One line of the catalog.
struct CatalogEntry {
  std::string name;
  std::string summary;  ///< one sentence with its source
  /// Reads the method's options and stages; needs no data and no parts.
  Settings (*settings)(const MethodContext&);
  std::unique_ptr<Method> (*create)(const MethodContext&);
  std::shared_ptr<Recommender> (*load)(const SavedModel&);
  std::vector<OptionRow> (*options)();
  bool backbone = false;  ///< whether it reads the recipe's language model
  std::vector<PartSlot> parts = {};
};

/// The options of the method's section; problems go where the context collects them, or are thrown.
template <OptionStruct Options>
Options method_options(const MethodContext& context, const std::string& name) {
  const Json& given = context.options;
  if (given.is_null()) return {};
  if (context.problems) return read_options<Options>(given, name, *context.problems);
  return read_options<Options>(given, name);
}

/// An object without these keys.
Json without(Json object, std::span<const char* const> keys);

}  // namespace kindred::model
