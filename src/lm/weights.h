#pragma once
// Tensors on their way into a model: matched against what the model needs, converted one by one,
// registered under their Hugging Face names.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/safetensors.h"
#include "lm/backbone.h"
#include "lm/config/layers.h"
#include "lm/norm.h"

namespace kindred::lm {

/// How names in a checkpoint may differ from the model's own.
struct Matching {
  std::string prefix;             ///< some folders leave it away in front of every name
  std::string leading;            ///< some folders put it in front of every name
  std::set<std::string> ignored;  ///< second copies, such as a head beside tied embeddings
  /// Older spellings of a name's end: `LayerNorm.gamma` -> `LayerNorm.weight`.
  std::vector<std::pair<std::string, std::string>> renamed_ends;
  /// Further tensors that may be there and are not read (heads, poolers, buffers).
  std::function<bool(const std::string&)> may_ignore;
};

/// The tensors of a model before it takes them.
class Weights {
 public:
  /// Of a checkpoint, converted when taken. Matching is total: all missing, unexpected and
  /// mis-shaped tensors are in one error. Throws `bad_data`.
  Weights(std::shared_ptr<const TensorFile> file, const std::vector<TensorSpec>& specs,
          const Matching& matching);
  /// Tensors in memory.
  explicit Weights(std::map<std::string, torch::Tensor> tensors);

  /// The tensor in a type, which is then gone from here. Warns of values that are not finite.
  torch::Tensor take(const std::string& name, torch::ScalarType type);
  /// The same into `value`, contiguous and of the tensor's shape.
  void take_into(const std::string& name, const torch::Tensor& value);
  std::vector<int64_t> shape(const std::string& name) const;

 private:
  std::shared_ptr<const TensorFile> file_;
  std::map<std::string, const TensorView*> views_;
  std::map<std::string, torch::Tensor> tensors_;
};

/// Random weights: normal with `deviation(spec)`, norms 1, biases 0. A tensor's numbers depend on
/// its name and the seed alone.
Weights random_weights(const std::vector<TensorSpec>& specs, uint64_t seed,
                       const std::function<double(const TensorSpec&)>& deviation);

/// Makes a model's layers from weights: converts them to the precision asked for (norms and what is
/// `precise` stay fp32; trainable weights too) and registers them in the model.
class LayerLoader {
 public:
  LayerLoader(Backbone& model, Weights weights, const LoadOptions& options);

  /// A table [rows, columns] or other tensor by its full name; an empty name gives an undefined
  /// one.
  torch::Tensor table(const std::string& name, bool precise = false);
  NormWeights norm(const NormLayout& layout, int64_t size);
  std::shared_ptr<Linear> linear(const std::vector<LinearLayout>& parts);

  /// The type of matrix products.
  torch::ScalarType compute() const { return compute_; }
  /// Whether weights never change and stay on a processor, so that they may be packed.
  bool frozen() const { return frozen_; }

 private:
  std::shared_ptr<Linear> add_layer(std::vector<Linear::Part> parts,
                                    std::shared_ptr<FrozenLinear> packed);
  std::vector<Linear::Part> quantised_parts(const std::vector<LinearLayout>& parts,
                                            std::shared_ptr<FrozenLinear>& packed);
  torch::Tensor join(const std::vector<LinearLayout>& parts, const char* suffix);
  torch::Tensor add(const std::string& name, torch::Tensor value);

  Backbone& model_;
  Weights weights_;
  torch::Device device_;
  torch::ScalarType compute_, stored_;
  bool trainable_, frozen_, quantises_ = false;
};

}  // namespace kindred::lm
