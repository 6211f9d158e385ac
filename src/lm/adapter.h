#pragma once
// Adapters on a backbone (LoRA, Hu et al. 2021): made, trained, saved and loaded as PEFT does,
// several on one model, added to its weights and taken out again. Legend: r rank.

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lm/backbone.h"
#include "lm/config/adapter_config.h"
#include "lm/config/fields.h"
#include "lm/low_rank.h"

namespace kindred::lm {

/// One adapter: low-rank additions to linear layers, and tensors of the model that it has values of
/// its own for (`bias`, `modules_to_save`). It does something while Backbone::use() has it in use.
class Adapter {
 public:
  /// An addition to part `part` of the model's layer number `layer`.
  struct Low {
    std::string module;
    size_t layer, part;
    std::shared_ptr<LowRank> low_rank;
  };

  /// A new one: A uniform as PEFT draws it, B zero, so that it changes nothing yet; own tensors
  /// begin as the model's. Its numbers depend on the modules' names and the seed. Throws `config`
  /// where the configuration means no layer of the model, or tensors it cannot have.
  Adapter(const Backbone& model, AdapterConfig config, uint64_t seed);

  /// adapter_config.json with adapter_model.safetensors or .bin. Loading is total: all missing,
  /// unexpected and mis-shaped tensors are in one error. Throws `missing`, `config`, `bad_data`.
  static std::shared_ptr<Adapter> load(const Backbone& model, const std::filesystem::path& folder);
  /// Writes a folder that PEFT loads.
  void save(const std::filesystem::path& folder) const;

  /// Whether its tensors take gradients; they do not after load().
  void set_trainable(bool trainable);
  /// What is trained, by PEFT's names. Own tensors are the model's parameters while in use.
  std::vector<std::pair<std::string, torch::Tensor>> named_parameters() const;
  const AdapterConfig& config() const { return config_; }
  /// Whether its tensors take gradients.
  bool trainable() const { return trainable_; }

  /// What it adds to the model's layers.
  const std::vector<Low>& additions() const { return low_; }
  /// The model's tensors that it has values of its own for.
  std::vector<std::string> own_tensors() const;
  /// Puts its own values in the place of the model's, and the model's back: Backbone::use() does.
  void enter(Backbone& model);
  void leave();

 private:
  /// A tensor of the model with a value of its own.
  struct Own {
    std::string saved_as, name;
    torch::Tensor value;     ///< while not in use
    torch::Tensor slot;      ///< the model's parameter while in use
    torch::Tensor original;  ///< its value otherwise
  };

  explicit Adapter(AdapterConfig config) : config_(std::move(config)) {}
  void find_layers(const Backbone& model);
  void find_own(const Backbone& model);
  std::vector<TensorSpec> specs() const;
  bool owns(const std::string& parameter) const;

  AdapterConfig config_;
  std::vector<Low> low_;
  std::vector<Own> own_;
  bool trainable_ = true;
};

}  // namespace kindred::lm
