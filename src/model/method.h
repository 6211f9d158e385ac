#pragma once
// A method: a recommender, the stages that train it, and the options it was made from.

#include <filesystem>
#include <memory>
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

/// What a method is made from.
struct MethodContext {
  std::shared_ptr<const data::Dataset> data;
  Json options;              ///< the recipe's section named after the method
  Json stages;               ///< the recipe's `stages` section (name -> TrainOptions)
  Json train;                ///< the recipe's `train` section: options of every stage
  BackboneOptions backbone;  ///< with `path` already resolved to an existing folder, or empty
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
  /// The resolved options (for config.yaml): the method's section and its stages with all defaults.
  virtual Json resolved_options() const = 0;
  virtual Json resolved_stages() const = 0;
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
  std::unique_ptr<Method> (*create)(const MethodContext&);
  std::shared_ptr<Recommender> (*load)(const SavedModel&);
  std::vector<OptionRow> (*options)();
};

}  // namespace kindred::model
