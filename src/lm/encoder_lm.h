#pragma once
// Encoder language models: packed sequences (no padding) to hidden states, each token seeing its
// whole sequence (or, in a Longformer, its window and the global tokens). Legend: T packed tokens
// of S sequences, D hidden size, R rows asked for.

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <memory>

#include "lm/backbone.h"

namespace kindred::lm {

/// What an encoder may be told of its tokens beside their embeddings.
struct TokenMarks {
  torch::Tensor types;   ///< [T] int64 token types; undefined: all 0
  torch::Tensor global;  ///< [T] bool, a Longformer's global tokens; undefined: each first token
};

/// An encoder language model. Parameter names are those of Hugging Face's bare encoder
/// (`encoder.layer.0.attention.self.query.weight`).
class EncoderLM : public Backbone {
 public:
  /// Last hidden states -> [T, D] float, of the tokens `rows` [R] int64 only where defined, [R, D].
  /// Differentiable in the embeddings; dropout is active in training mode only. Throws `bad_data`
  /// when a sequence is longer than context() or a token type is not there, `internal` for marks of
  /// another length.
  virtual torch::Tensor hidden(const Packed& input, const torch::Tensor& rows = {},
                               const TokenMarks& marks = {}) = 0;
  torch::Tensor states(const Packed& input, const torch::Tensor& rows = {}) override {
    return hidden(input, rows);
  }
};

/// Loads a Hugging Face folder; heads and poolers in it are not read. Throws as load_causal_lm.
std::shared_ptr<EncoderLM> load_encoder(const std::filesystem::path& folder,
                                        const LoadOptions& options);

/// A model of that configuration with random weights (Hugging Face's initialisation); trainable
/// unless `options` say otherwise. Throws `config`.
std::shared_ptr<EncoderLM> make_encoder(const Json& config, uint64_t seed,
                                        const LoadOptions& options = {"fp32", true, torch::kCPU});

}  // namespace kindred::lm
