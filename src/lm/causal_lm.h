#pragma once
// Decoder language models as recommenders use them: packed sequences (no padding), hidden states
// from ids or embeddings, logits only for the rows asked for, a cache for generation. Legend: T
// packed tokens of S sequences, D hidden size, V vocabulary, R rows asked for.

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lm/generative_lm.h"

namespace kindred::lm {

/// A decoder language model: prompt and main text are one sequence. Parameter names are Hugging
/// Face's.
class CausalLM : public GenerativeLM {
 public:
  /// Final hidden states (after the last norm) -> [T, D]. Differentiable in the embeddings; dropout
  /// is active in training mode only. Throws `bad_data` when a sequence is longer than context().
  /// With `rows` [R] int64 only those of the packed tokens are returned, [R, D], and what nobody
  /// reads of the last block is not computed.
  virtual torch::Tensor hidden(const Packed& input, const torch::Tensor& rows = {}) = 0;
  torch::Tensor states(const Packed& input, const torch::Tensor& rows = {}) override {
    return hidden(input, rows);
  }
  torch::Tensor hidden_after(const SplitPacked& input, const torch::Tensor& rows) override {
    return hidden(input, rows);
  }

  using GenerativeLM::hidden_next;
  /// hidden_next for one sequence: embeddings [L, D] -> [L, D].
  torch::Tensor hidden_next(const torch::Tensor& embeddings, Cache& cache) {
    Cache* one[] = {&cache};
    return hidden_next(Packed{embeddings, {0, embeddings.size(0)}}, one);
  }
};

/// Loads a Hugging Face folder. Loading is total: missing, unexpected and mis-shaped tensors are
/// all in one error. Throws `missing`, `bad_data`, or `config` for fields that are not understood.
std::shared_ptr<CausalLM> load_causal_lm(const std::filesystem::path& folder,
                                         const LoadOptions& options);

/// A model of that configuration with random weights (Hugging Face's initialisation); trainable
/// unless `options` say otherwise. Throws `config`.
std::shared_ptr<CausalLM> make_causal_lm(const Json& config, uint64_t seed,
                                         const LoadOptions& options = {"fp32", true, torch::kCPU});

}  // namespace kindred::lm
