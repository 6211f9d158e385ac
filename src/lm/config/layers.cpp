#include "lm/config/layers.h"

namespace kindred::lm {

void TensorList::table(const std::string& name, int64_t rows, int64_t columns) {
  if (!name.empty()) specs_.push_back({name, {rows, columns}});
}

void TensorList::norm(const NormLayout& norm, int64_t size) {
  if (norm.name.empty()) return;
  specs_.push_back({norm.name + ".weight", {size}});
  if (norm.bias) specs_.push_back({norm.name + ".bias", {size}});
}

void TensorList::linear(const LinearLayout& linear) {
  if (linear.input_first) {
    specs_.push_back({linear.name + ".weight", {linear.in, linear.out}});
  } else {
    specs_.push_back({linear.name + ".weight", {linear.out, linear.in}});
  }
  if (linear.bias) specs_.push_back({linear.name + ".bias", {linear.out}});
}

double weight_count(const std::vector<TensorSpec>& specs) {
  double count = 0;
  for (const TensorSpec& spec : specs) {
    double size = 1;
    for (const int64_t extent : spec.shape) size *= static_cast<double>(extent);
    count += size;
  }
  return count;
}

}  // namespace kindred::lm
