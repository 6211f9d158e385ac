#pragma once
// GPT-2 (Radford et al. 2019): learned positions, pre-norm blocks, causal attention, tied head.

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lm/attention.h"
#include "lm/causal_lm.h"
#include "lm/config/gpt2_config.h"
#include "lm/frozen_stack.h"

namespace kindred::lm {

/// GPT-2 over packed sequences. Parameter names are Hugging Face's (`transformer.h.0.ln_1.weight`).
class Gpt2 : public CausalLM {
 public:
  /// `weights` holds every tensor of gpt2_tensors(config). Frozen weights are converted to the
  /// precision asked for (norms and positions stay fp32); trainable ones stay fp32.
  Gpt2(Gpt2Config config, std::map<std::string, torch::Tensor> weights, const LoadOptions& options);

  std::string kind() const override { return "gpt2"; }
  int64_t hidden_size() const override { return config_.n_embd; }
  int64_t vocab_size() const override { return config_.vocab_size; }
  int64_t context() const override { return config_.n_positions; }
  double embedding_std() const override;
  torch::Device device() const override { return wte_.device(); }

  torch::Tensor embed(const torch::Tensor& ids) override;
  torch::Tensor hidden(const Packed& input, const torch::Tensor& rows = {}) override;
  torch::Tensor logits(const torch::Tensor& hidden) override;
  torch::Tensor cross_entropy_sum(const torch::Tensor& hidden,
                                  const torch::Tensor& targets) override;

  using CausalLM::hidden_next;
  std::unique_ptr<Cache> make_cache() override;
  torch::Tensor hidden_next(const Packed& next, std::span<Cache* const> caches) override;

  Json config() const override { return gpt2_config_json(config_); }
  const Gpt2Config& parsed_config() const { return config_; }

  /// States before the first block, after each but the last, and after the last norm:
  /// n_layer + 1 tensors [T, D], as `transformers` returns them. By the ordinary graph.
  std::vector<torch::Tensor> hidden_layers(const Packed& input);

 private:
  /// Registered weights, and their packed form when frozen on a processor.
  struct Linear {
    torch::Tensor weight, bias;
    std::shared_ptr<FrozenLinear> frozen;
  };
  struct Block {
    NormWeights ln_1, ln_2;
    Linear qkv, out, fc, proj;
    double attention_scale = 1;
  };
  using Attend = std::function<torch::Tensor(const torch::Tensor& qkv, double scale, size_t layer)>;

  /// The dropout of the next pass: a seed from ATen's generator while training, else none.
  PassDropout draw_dropout() const;

  void prepare_frozen();
  torch::Tensor start(const torch::Tensor& embeddings, const torch::Tensor& positions) const;
  torch::Tensor norm(const torch::Tensor& x, const NormWeights& weights) const;
  torch::Tensor product(const Linear& linear, const torch::Tensor& x) const;
  /// One block of the ordinary graph; `attend` mixes tokens.
  torch::Tensor block_forward(size_t layer, const torch::Tensor& x, const Attend& attend,
                              const PassDropout& dropout = {}) const;
  Attend packed_attend(const std::vector<int64_t>& offsets, const PassDropout& dropout) const;
  const torch::Tensor& head() const { return head_.defined() ? head_ : wte_; }

  Gpt2Config config_;
  torch::Tensor wte_, wpe_, head_;
  NormWeights ln_f_;
  std::vector<Block> blocks_;
  torch::ScalarType compute_ = torch::kFloat;  ///< type of matrix products
  std::shared_ptr<const FrozenStack> frozen_;  ///< set when frozen on a processor
};

}  // namespace kindred::lm
