#pragma once
// Language models that write: a prompt is given, what follows it is predicted. Decoders read both
// as one sequence; an encoder-decoder reads the prompt in its encoder and what follows, after a
// start token, in its decoder. Legend: T packed tokens of S sequences, D hidden size, V vocabulary,
// R rows asked for.

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lm/backbone.h"

namespace kindred::lm {

/// What of one sequence was read so far; made by make_cache().
struct Cache {
  virtual ~Cache() = default;
  /// Tokens in the sequence that grows.
  virtual int64_t length() const = 0;
  /// A copy to continue in another way, so that candidates share what was read before them.
  virtual std::unique_ptr<Cache> fork() const = 0;
};

/// Packed sequences, each of a prompt and a main text that follows it (either may be empty).
struct SplitPacked : Packed {
  std::vector<int64_t> splits;  ///< [S] packed positions where the main texts begin
};

/// Throws `internal` where the splits do not lie inside their sequences.
void check_splits(const SplitPacked& input);

/// A language model that continues prompts. Parameter names are Hugging Face's.
class GenerativeLM : public Backbone {
 public:
  /// The states that predict what follows the packed positions `rows` [R] int64 -> [R, D], float:
  /// what logits() multiplies. A row is a prompt's last position or one of the main text; a decoder
  /// takes any. Differentiable in the embeddings; dropout is active in training mode only. Throws
  /// `bad_data` when a sequence is longer than longest().
  virtual torch::Tensor hidden_after(const SplitPacked& input, const torch::Tensor& rows) = 0;
  /// States [R, D] -> [R, V] float.
  virtual torch::Tensor logits(const torch::Tensor& hidden) = 0;
  /// The same of a few words [n] int64 alone -> [R, n] float: no other row of the vocabulary is
  /// multiplied. Differentiable in the states, and in the vocabulary where it trains. Throws
  /// `bad_data` for a word outside the vocabulary.
  virtual torch::Tensor logits(const torch::Tensor& hidden, const torch::Tensor& words) = 0;
  /// Log-probabilities of targets [R] given states [R, D] -> [R] float on the processor, never
  /// holding [R, V] at once. No gradients.
  virtual torch::Tensor log_probabilities(const torch::Tensor& hidden,
                                          const torch::Tensor& targets) = 0;
  /// Sum of cross-entropies of targets [R] given states [R, D], never holding [R, V] at once.
  virtual torch::Tensor cross_entropy_sum(const torch::Tensor& hidden,
                                          const torch::Tensor& targets) = 0;

  /// Tokens that a sequence may grow to; context() is what the model was made for.
  virtual int64_t longest() const { return context(); }

  /// An empty cache, for one sequence.
  virtual std::unique_ptr<Cache> make_cache() = 0;
  /// Reads sequences from their beginning, one empty cache each -> the state after each, [S, D].
  /// No gradients.
  virtual torch::Tensor hidden_first(const SplitPacked& input, std::span<Cache* const> caches) = 0;
  /// The next tokens of several sequences, one cache each -> their states [T, D]; the caches then
  /// hold these tokens too. No gradients. Throws `bad_data` beyond longest().
  virtual torch::Tensor hidden_next(const Packed& next, std::span<Cache* const> caches) = 0;
  /// Tokens of several sequences, each behind what a cache holds and keeps unchanged -> their
  /// hidden states [T, D]. Sequences side by side behind the same cache share its reading (an
  /// encoder-decoder that of the prompt), so that many continuations of one prompt cost little more
  /// than their own tokens. No gradients. Throws `bad_data` beyond longest().
  virtual torch::Tensor hidden_behind(const Packed& next, std::span<const Cache* const> caches) = 0;
};

/// Loads the Hugging Face folder of a decoder or of T5. Throws as load_causal_lm.
std::shared_ptr<GenerativeLM> load_generative_lm(const std::filesystem::path& folder,
                                                 const LoadOptions& options);

/// A model of that configuration with random weights, as make_causal_lm.
std::shared_ptr<GenerativeLM> make_generative_lm(const Json& config, uint64_t seed,
                                                 const LoadOptions& options = {"fp32", true,
                                                                               torch::kCPU});

/// `model_type` of every kind that load_generative_lm reads.
std::vector<std::string> generative_kinds();

}  // namespace kindred::lm
