#pragma once
// What a decoder computes, said once for all kinds: sizes, norms, positions, and the Hugging Face
// name of every weight. A kind's configuration is turned into it; `Decoder` computes it. Legend: D
// hidden size, E size at the border (embeddings in, hidden states out), V vocabulary.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lm/config/layers.h"

namespace kindred::lm {

/// How rotary positions change with length.
enum class RopeScaling { none, linear, dynamic, llama3 };

/// Rotary positions (Su et al. 2021), halves rotated as Hugging Face stores them.
struct RopeLayout {
  double theta = 10000;
  RopeScaling scaling = RopeScaling::none;
  double factor = 1;
  double low_frequency_factor = 1, high_frequency_factor = 4;  ///< llama3
  int64_t original_context = 0;                                ///< dynamic and llama3
};

/// One block. The outputs of `qkv` lie side by side: queries, keys, values; those of `up` too: of a
/// gated feed-forward the gate, then the values.
struct BlockLayout {
  NormLayout norm_1, norm_2;
  std::vector<LinearLayout> qkv, up;
  LinearLayout out, down;
  double attention_scale = 1;
};

/// The whole decoder.
struct DecoderLayout {
  std::string kind;  ///< `model_type`
  int64_t vocab_size = 0, border_size = 0, hidden_size = 0, context = 0;
  int64_t heads = 1, key_heads = 1, head_dim = 1;
  bool centred_norm = true;  ///< layer norm; else root mean square without bias
  bool norm_first = true;    ///< before each half of a block, else after it
  double epsilon = 1e-5;
  Activation activation = Activation::gelu_tanh;
  bool gated = false;

  std::string embeddings;          ///< [V, E]
  int64_t padding_row = -1;        ///< of the embeddings: as an input it gets no gradient
  std::string positions;           ///< learned positions, empty: none
  int64_t position_rows = 0;       ///< rows of that table
  int64_t position_offset = 0;     ///< row of the first position
  std::optional<RopeLayout> rope;  ///< rotary positions
  std::vector<BlockLayout> blocks;
  std::optional<NormLayout> final_norm;
  std::optional<LinearLayout> project_in, project_out;  ///< between E and D
  std::string head;                                     ///< [V, E]; empty: tied to the embeddings
  std::string prefix;  ///< some folders leave it away in front of every name

  double embedding_dropout = 0, attention_dropout = 0, residual_dropout = 0;
  double initializer_range = 0.02;
  bool scaled_residual_init = false;  ///< layers that write to the stream start 1/sqrt(2 blocks)
                                      ///< smaller

  /// Every tensor of the model, in the order of computation.
  std::vector<TensorSpec> tensors() const;
  /// How many weights these are.
  double weights() const;
};

}  // namespace kindred::lm
