#pragma once
// What an encoder computes, said once for all kinds: sizes, positions, windows, and the Hugging
// Face name of every weight. A kind's configuration is turned into it; `Encoder` computes it.
// Legend: D hidden size, V vocabulary.

#include <cstdint>
#include <string>
#include <vector>

#include "lm/config/layers.h"

namespace kindred::lm {

/// One block: x = norm_1(x + out(attention(x))), then x = norm_2(x + down(activation(up(x)))).
struct EncoderBlockLayout {
  std::vector<LinearLayout> qkv;  ///< queries, keys, values
  LinearLayout out, up, down;
  NormLayout norm_1, norm_2;
  /// Longformer's second projections (queries, keys, values) of tokens that see and are seen by the
  /// whole sequence; empty: every token sees the whole sequence.
  std::vector<LinearLayout> global;
  int64_t window = 0;  ///< with `global`: tokens that others see to each side
};

/// The whole encoder: embeddings (words + positions + types, normed), then the blocks.
struct EncoderLayout {
  std::string kind;  ///< `model_type`
  int64_t vocab_size = 0, hidden_size = 0, context = 0, heads = 1;
  double epsilon = 1e-12;
  Activation activation = Activation::gelu_erf;

  std::string embeddings;       ///< [V, D]
  int64_t padding_row = -1;     ///< of the embeddings: as an input it gets no gradient
  std::string positions;        ///< learned positions
  int64_t position_rows = 0;    ///< rows of that table
  int64_t position_offset = 0;  ///< row of the first position
  std::string types;            ///< token types; empty: none
  int64_t type_rows = 0;
  NormLayout embedding_norm;
  /// Numbers by bucket of distances and head that every layer's attention adds to its scores
  /// (MPNet); empty: none.
  std::string relative_bias;
  int64_t relative_buckets = 32;
  std::vector<EncoderBlockLayout> blocks;
  /// Models with a head put it in front of every name of the encoder, bare encoders do not.
  std::string prefix;

  double hidden_dropout = 0;           ///< of embeddings and of what a block's halves add
  double attention_dropout = 0;        ///< of attention's probabilities
  bool drops_attention_output = true;  ///< else only the feed-forward's part is dropped
  double initializer_range = 0.02;

  int64_t head_dim() const { return hidden_size / heads; }
  /// Whether a block's attention is windowed.
  bool windowed() const { return !blocks.empty() && !blocks[0].global.empty(); }
  /// Every tensor of the model, in the order of computation.
  std::vector<TensorSpec> tensors() const;
  /// How many weights these are.
  double weights() const;
};

}  // namespace kindred::lm
