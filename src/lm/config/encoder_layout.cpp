#include "lm/config/encoder_layout.h"

namespace kindred::lm {

std::vector<TensorSpec> EncoderLayout::tensors() const {
  TensorList specs;
  specs.table(embeddings, vocab_size, hidden_size);
  specs.table(positions, position_rows, hidden_size);
  specs.table(types, type_rows, hidden_size);
  specs.norm(embedding_norm, hidden_size);
  specs.table(relative_bias, relative_buckets, heads);
  for (const EncoderBlockLayout& block : blocks) {
    for (const LinearLayout& part : block.qkv) specs.linear(part);
    for (const LinearLayout& part : block.global) specs.linear(part);
    specs.linear(block.out);
    specs.norm(block.norm_1, hidden_size);
    specs.linear(block.up);
    specs.linear(block.down);
    specs.norm(block.norm_2, hidden_size);
  }
  return specs.take();
}

double EncoderLayout::weights() const {
  return weight_count(tensors());
}

}  // namespace kindred::lm
