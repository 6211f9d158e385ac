#pragma once
// The Hugging Face names and sizes of a model's linear layers and norms, and the tensors they are.

#include <cstdint>
#include <string>
#include <vector>

#include "lm/config/fields.h"

namespace kindred::lm {

/// A linear layer's weights: `name`.weight and, with `bias`, `name`.bias.
struct LinearLayout {
  std::string name;
  int64_t in = 0, out = 0;
  bool bias = true;
  bool input_first = false;  ///< the weight is [in, out], as GPT-2 stores it, not [out, in]
};

/// A norm's weights: `name`.weight and, with `bias`, `name`.bias; an empty name: neither, weight 1.
struct NormLayout {
  std::string name;
  bool bias = true;
};

/// Collects the tensors of a model in the order they are named.
class TensorList {
 public:
  /// A table by its full name; an empty name adds nothing.
  void table(const std::string& name, int64_t rows, int64_t columns);
  void norm(const NormLayout& norm, int64_t size);
  void linear(const LinearLayout& linear);

  std::vector<TensorSpec> take() { return std::move(specs_); }

 private:
  std::vector<TensorSpec> specs_;
};

/// How many numbers tensors hold together.
double weight_count(const std::vector<TensorSpec>& specs);

}  // namespace kindred::lm
