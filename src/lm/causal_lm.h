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

#include "core/json.h"

namespace kindred::lm {

/// Sequences one after another. Positions start at 0 in each sequence.
struct Packed {
  torch::Tensor embeddings;      ///< [T, D], any float type
  std::vector<int64_t> offsets;  ///< [S + 1], offsets[0] = 0, offsets[S] = T

  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t tokens() const { return offsets.back(); }
};

/// Keys and values of one sequence's tokens read so far; made by make_cache().
struct Cache {
  virtual ~Cache() = default;
  virtual int64_t length() const = 0;
  /// A copy to continue in another way, so that candidates share what was read before them.
  virtual std::unique_ptr<Cache> fork() const = 0;
};

/// How a backbone is loaded.
struct LoadOptions {
  /// Of matrix products: fp32, bf16, or auto (bf16 where the processor multiplies it). Frozen
  /// weights are stored in it; trainable ones stay fp32 and are rounded where they are multiplied.
  std::string precision = "fp32";
  bool trainable = false;  ///< weights take gradients
  torch::Device device = torch::kCPU;
};

/// A decoder language model. Parameter names are Hugging Face's.
class CausalLM : public torch::nn::Module {
 public:
  virtual std::string kind() const = 0;  ///< model_type of config.json
  virtual int64_t hidden_size() const = 0;
  virtual int64_t vocab_size() const = 0;
  virtual int64_t context() const = 0;  ///< longest sequence it can read
  /// Standard deviation of the vocabulary embeddings: the scale new tables start at.
  virtual double embedding_std() const = 0;

  /// Vocabulary embeddings of ids [T] int64 -> [T, D].
  virtual torch::Tensor embed(const torch::Tensor& ids) = 0;
  /// Final hidden states (after the last norm) -> [T, D]. Differentiable in the embeddings; dropout
  /// is active in training mode only. Throws `bad_data` when a sequence is longer than context().
  /// With `rows` [R] int64 only those of the packed tokens are returned, [R, D], and what nobody
  /// reads of the last block is not computed.
  virtual torch::Tensor hidden(const Packed& input, const torch::Tensor& rows = {}) = 0;
  /// Rows of hidden states [R, D] -> [R, V] float.
  virtual torch::Tensor logits(const torch::Tensor& hidden) = 0;
  /// Sum of cross-entropies of targets [R] given hidden rows [R, D], never holding [R, V] at once.
  virtual torch::Tensor cross_entropy_sum(const torch::Tensor& hidden,
                                          const torch::Tensor& targets) = 0;

  /// An empty cache, for one sequence.
  virtual std::unique_ptr<Cache> make_cache() = 0;
  /// The next tokens of several sequences, one cache each -> their hidden states [T, D]; the caches
  /// then hold these tokens too. No gradients. Throws `bad_data` beyond context().
  virtual torch::Tensor hidden_next(const Packed& next, std::span<Cache* const> caches) = 0;
  /// The same for one sequence: embeddings [L, D] -> [L, D].
  torch::Tensor hidden_next(const torch::Tensor& embeddings, Cache& cache) {
    Cache* one[] = {&cache};
    return hidden_next(Packed{embeddings, {0, embeddings.size(0)}}, one);
  }

  /// Where the weights are.
  virtual torch::Device device() const = 0;

  /// config.json, as it would be written back.
  virtual Json config() const = 0;
};

/// Loads a Hugging Face folder. Loading is total: missing, unexpected and mis-shaped tensors are
/// all in one error. Throws `missing`, `bad_data`, or `config` for fields that are not understood.
std::shared_ptr<CausalLM> load_causal_lm(const std::filesystem::path& folder,
                                         const LoadOptions& options);

/// A model of that configuration with random weights (Hugging Face's initialisation); trainable
/// unless `options` say otherwise. Throws `config`.
std::shared_ptr<CausalLM> make_causal_lm(const Json& config, uint64_t seed,
                                         const LoadOptions& options = {"fp32", true, torch::kCPU});

/// Writes config.json and model.safetensors as `transformers` reads them.
void save_causal_lm(const CausalLM& model, const std::filesystem::path& folder,
                    const std::string& dtype = "fp32");

}  // namespace kindred::lm
