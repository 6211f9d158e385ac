#pragma once
// T5, encoder and decoder, over packed sequences. Legend: T packed tokens of S sequences, D hidden
// size, H heads, d head size, V vocabulary, R rows.

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lm/biased_attention.h"
#include "lm/config/t5_config.h"
#include "lm/generative_lm.h"
#include "lm/relative_bias.h"
#include "lm/weights.h"

namespace kindred::lm {

/// A T5. The prompt of a sequence goes to the encoder; the decoder reads the start token, then the
/// main text. States are those the head multiplies: version 1.0's carry its D^-0.5.
class T5 : public GenerativeLM {
 public:
  /// `weights` holds every tensor of t5_tensors(config). Precision as Decoder's.
  T5(const T5Config& config, Weights weights, const LoadOptions& options);

  std::string kind() const override { return "t5"; }
  int64_t hidden_size() const override { return config_.d_model; }
  int64_t vocab_size() const override { return config_.vocab_size; }
  /// The length it was trained on, `n_positions`.
  int64_t context() const override { return std::min(config_.n_positions, longest()); }
  /// Positions are relative and know no end, but scores of all pairs exist at once.
  int64_t longest() const override { return 4096; }
  double embedding_std() const override;
  torch::Device device() const override { return embeddings_.device(); }
  Json config() const override { return t5_config_json(config_); }
  int64_t start_token() const { return config_.decoder_start_token_id; }

  std::set<std::string> tables() const override;
  std::string tied_table() const override;
  torch::Tensor embed(const torch::Tensor& ids) override { return embedded(ids); }
  torch::Tensor states(const Packed& input, const torch::Tensor& rows = {}) override {
    const auto encoded = encode(input);  // [T, D]
    return rows.defined() ? encoded.index_select(0, rows) : encoded;
  }
  torch::Tensor hidden_after(const SplitPacked& input, const torch::Tensor& rows) override;
  torch::Tensor logits(const torch::Tensor& hidden) override;
  torch::Tensor logits(const torch::Tensor& hidden, const torch::Tensor& words) override;
  torch::Tensor log_probabilities(const torch::Tensor& hidden,
                                  const torch::Tensor& targets) override;
  torch::Tensor cross_entropy_sum(const torch::Tensor& hidden,
                                  const torch::Tensor& targets) override;

  std::unique_ptr<Cache> make_cache() override;
  torch::Tensor hidden_first(const SplitPacked& input, std::span<Cache* const> caches) override;
  torch::Tensor hidden_next(const Packed& next, std::span<Cache* const> caches) override;
  torch::Tensor hidden_behind(const Packed& next, std::span<const Cache* const> caches) override;

  /// The encoder's states after its last norm, [T, D].
  torch::Tensor encode(const Packed& input);
  /// The decoder's states after its last norm, [T, D], where sequence s reads the encoder's states
  /// of sequence s.
  torch::Tensor decode(const Packed& input, const Packed& encoded);
  /// Decoder states as the head multiplies them.
  torch::Tensor for_head(const torch::Tensor& decoded) const;

 private:
  struct Block {
    NormWeights norm_1, cross_norm, norm_2;
    std::shared_ptr<Linear> qkv, out, cross_query, cross_keys_values, cross_out, up, down;
  };
  struct Stack {
    std::vector<Block> blocks;
    torch::Tensor bias;
    NormWeights final_norm;
    RelativeBuckets buckets;
  };
  /// How one pass mixes tokens: what a block projects -> what attention gives.
  using Attend = std::function<torch::Tensor(const torch::Tensor& projected, size_t layer)>;

  torch::Tensor embedded(const torch::Tensor& ids) const;
  torch::Tensor on_device(const std::vector<int64_t>& list) const;
  /// What the decoder reads: rows of [start token, embeddings] at `places`.
  torch::Tensor main_texts(const torch::Tensor& embeddings,
                           const std::vector<int64_t>& places) const;
  Stack load_stack(LayerLoader& given, const T5StackLayout& layout, bool both_ways) const;
  torch::Tensor norm(const torch::Tensor& x, const NormWeights& weights) const;
  /// The dropout of one pass. A trainable model drops by ATen's generator, as transformers does;
  /// its adapters and frozen models by masks.
  PassDropout pass_dropout(const Packed& input) const;
  /// x [T, columns] through one of a pass's dropouts.
  torch::Tensor drop(const torch::Tensor& x, const Dropout& dropout, const PassDropout& pass) const;
  torch::Tensor feed_forward(const Block& block, size_t layer, const torch::Tensor& x,
                             const PassDropout& dropout) const;
  torch::Tensor run(const Stack& stack, const torch::Tensor& embeddings, const Attend& own,
                    const Attend& cross, const PassDropout& dropout) const;
  /// Self-attention over packed sequences.
  Attend packed_attend(const Stack& stack, const std::vector<int64_t>& offsets,
                       const PassDropout& dropout) const;
  torch::Tensor attend(const torch::Tensor& queries, const torch::Tensor& keys_values,
                       const BiasedShape& shape) const;

  T5Config config_;
  torch::Tensor embeddings_, head_;
  Stack encoder_, decoder_;
  torch::ScalarType compute_ = torch::kFloat;  ///< type of matrix products
  bool trainable_ = false;                     ///< attention by ATen, whose bias gets gradients
};

}  // namespace kindred::lm
