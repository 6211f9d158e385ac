#include "lm/config/decoder_layout.h"

namespace kindred::lm {
std::vector<TensorSpec> DecoderLayout::tensors() const {
  TensorList specs;
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
  return specs.take();
}

double DecoderLayout::weights() const {
  return weight_count(tensors());
}

}  // namespace kindred::lm
