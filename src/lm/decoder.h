#pragma once
// Any decoder over packed sequences, computed as its layout says: GPT-2, OPT, LLaMA, Qwen2. Legend:
// T packed tokens, E size at the border, D hidden size.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lm/attention.h"
#include "lm/causal_lm.h"
#include "lm/config/decoders.h"
#include "lm/frozen_stack.h"
#include "lm/rotary.h"
#include "lm/weights.h"

namespace kindred::lm {

/// A decoder. Parameter names are Hugging Face's (`transformer.h.0.ln_1.weight`).
class Decoder : public CausalLM {
 public:
  /// `weights` holds every tensor of plan.layout.tensors(). Frozen weights are converted to the
  /// precision asked for (norms and positions stay fp32); trainable ones stay fp32.
  Decoder(DecoderPlan plan, Weights weights, const LoadOptions& options);

  std::string kind() const override { return layout_.kind; }
  int64_t hidden_size() const override { return layout_.border_size; }
  int64_t vocab_size() const override { return layout_.vocab_size; }
  int64_t context() const override { return layout_.context; }
  double embedding_std() const override;
  bool can_checkpoint() const override { return frozen_ != nullptr; }
  torch::Device device() const override { return embeddings_.device(); }

  torch::Tensor embed(const torch::Tensor& ids) override;
  torch::Tensor hidden(const Packed& input, const torch::Tensor& rows = {}) override;
  torch::Tensor logits(const torch::Tensor& hidden) override;
  torch::Tensor logits(const torch::Tensor& hidden, const torch::Tensor& words) override;
  torch::Tensor log_probabilities(const torch::Tensor& hidden,
                                  const torch::Tensor& targets) override;
  torch::Tensor cross_entropy_sum(const torch::Tensor& hidden,
                                  const torch::Tensor& targets) override;

  using CausalLM::hidden_next;
  std::unique_ptr<Cache> make_cache() override;
  torch::Tensor hidden_first(const SplitPacked& input, std::span<Cache* const> caches) override;
  torch::Tensor hidden_next(const Packed& next, std::span<Cache* const> caches) override {
    return read_next(next, caches, {});
  }
  torch::Tensor hidden_behind(const Packed& next, std::span<const Cache* const> caches) override;

  Json config() const override { return config_; }
  std::set<std::string> tables() const override;
  std::string tied_table() const override {
    return layout_.head.empty() ? layout_.embeddings : std::string();
  }
  const DecoderLayout& layout() const { return layout_; }

  /// States before the first block, after each but the last, and after the last norm (and
  /// projection): blocks + 1 tensors, as `transformers` returns them. By the ordinary graph.
  std::vector<torch::Tensor> hidden_layers(const Packed& input);

 private:
  struct Block {
    NormWeights norm_1, norm_2;
    std::shared_ptr<Linear> qkv, out, up, down;
    double attention_scale = 1;
  };
  struct DecoderCache;
  /// How one pass mixes tokens: qkv of a layer -> what attention gives.
  using Attend = std::function<torch::Tensor(const torch::Tensor& qkv, size_t layer)>;

  /// What the configuration drops while training.
  PassDropout shares() const;

  void load_layers(Weights weights, const LoadOptions& options);
  void prepare_frozen();
  torch::Tensor start(const torch::Tensor& embeddings, const std::vector<int64_t>& offsets,
                      const std::vector<int64_t>& starts = {}) const;
  torch::Tensor finish(const torch::Tensor& x) const;
  torch::Tensor norm(const torch::Tensor& x, const NormWeights& weights) const;
  torch::Tensor feed_forward(const Block& block, const torch::Tensor& x,
                             const PassDropout& dropout) const;
  /// One block of the ordinary graph.
  torch::Tensor block_forward(size_t layer, const torch::Tensor& x, const Attend& attend,
                              const PassDropout& dropout = {}) const;
  /// hidden_next of some rows only, where defined.
  torch::Tensor read_next(const Packed& next, std::span<Cache* const> caches,
                          const torch::Tensor& rows);
  std::vector<int64_t> lengths_of(const Packed& next,
                                  std::span<const DecoderCache* const> caches) const;
  AttentionShape attention_shape(const std::vector<int64_t>& offsets, size_t layer) const;
  /// States of tokens behind others: `attend` (given turned queries and keys) knows those. No
  /// gradients.
  torch::Tensor continued(const Packed& next, const std::vector<int64_t>& starts,
                          const Attend& attend, const torch::Tensor& rows = {});
  Attend packed_attend(const std::vector<int64_t>& offsets, const PassDropout& dropout) const;
  const torch::Tensor& head() const { return head_.defined() ? head_ : embeddings_; }

  DecoderLayout layout_;
  Json config_;
  torch::Tensor embeddings_, positions_, head_;
  std::shared_ptr<Linear> project_in_, project_out_;
  NormWeights final_norm_;
  std::vector<Block> blocks_;
  std::shared_ptr<const Rotary> rotary_;
  torch::ScalarType compute_ = torch::kFloat;  ///< type of matrix products
  std::shared_ptr<const FrozenStack> frozen_;  ///< set when frozen on a processor, norms first
};

}  // namespace kindred::lm
