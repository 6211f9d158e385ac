#include "lm/config/decoder_layout.h"

namespace kindred::lm {
namespace {

class Specs {
 public:
  std::vector<TensorSpec> result;

  void table(const std::string& name, int64_t rows, int64_t columns) {
    if (!name.empty()) result.push_back({name, {rows, columns}});
  }
  void norm(const NormLayout& norm, int64_t size) {
    if (norm.name.empty()) return;
    result.push_back({norm.name + ".weight", {size}});
    if (norm.bias) result.push_back({norm.name + ".bias", {size}});
  }
  void linear(const LinearLayout& linear) {
    if (linear.input_first) {
      result.push_back({linear.name + ".weight", {linear.in, linear.out}});
    } else {
      result.push_back({linear.name + ".weight", {linear.out, linear.in}});
    }
    if (linear.bias) result.push_back({linear.name + ".bias", {linear.out}});
  }
};

}  // namespace

std::vector<TensorSpec> DecoderLayout::tensors() const {
  Specs specs;
  specs.table(embeddings, vocab_size, border_size);
  specs.table(positions, position_rows, hidden_size);
  if (project_in) specs.linear(*project_in);
  for (const BlockLayout& block : blocks) {
    specs.norm(block.norm_1, hidden_size);
    for (const LinearLayout& part : block.qkv) specs.linear(part);
    specs.linear(block.out);
    specs.norm(block.norm_2, hidden_size);
    for (const LinearLayout& part : block.up) specs.linear(part);
    specs.linear(block.down);
  }
  if (final_norm) specs.norm(*final_norm, hidden_size);
  if (project_out) specs.linear(*project_out);
  specs.table(head, vocab_size, border_size);
  return std::move(specs.result);
}

double DecoderLayout::weights() const {
  double count = 0;
  for (const TensorSpec& spec : tensors()) {
    double size = 1;
    for (const int64_t extent : spec.shape) size *= static_cast<double>(extent);
    count += size;
  }
  return count;
}

}  // namespace kindred::lm
