#pragma once
// GPT-2 (Radford et al. 2019): learned positions, pre-norm blocks, causal attention, tied head.

#include <map>
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
  /// `weights` holds every tensor of gpt2_tensors(config), in fp32. Frozen weights are converted to
  /// the precision asked for; trainable ones stay fp32.
  Gpt2(Gpt2Config config, std::map<std::string, torch::Tensor> weights, const LoadOptions& options);

  std::string kind() const override { return "gpt2"; }
  int64_t hidden_size() const override { return config_.n_embd; }
  int64_t vocab_size() const override { return config_.vocab_size; }
  int64_t context() const override { return config_.n_positions; }
  double embedding_std() const override;

  torch::Tensor embed(const torch::Tensor& ids) override;
  torch::Tensor hidden(const Packed& input) override;
  torch::Tensor logits(const torch::Tensor& hidden) override;
  torch::Tensor cross_entropy_sum(const torch::Tensor& hidden,
                                  const torch::Tensor& targets) override;

  std::unique_ptr<Cache> make_cache() override;
  torch::Tensor hidden_next(const torch::Tensor& embeddings, Cache& cache) override;

  Json config() const override { return gpt2_config_json(config_); }
  const Gpt2Config& parsed_config() const { return config_; }

 private:
  /// A layer's parameters; the tensors are the registered ones.
  struct Block {
    torch::Tensor ln_1_weight, ln_1_bias, qkv_weight, qkv_bias, out_weight, out_bias;
    torch::Tensor ln_2_weight, ln_2_bias, fc_weight, fc_bias, proj_weight, proj_bias;
  };

  torch::Tensor norm(const torch::Tensor& x, const torch::Tensor& weight,
                     const torch::Tensor& bias) const;
  torch::Tensor mlp(const Block& block, const torch::Tensor& x) const;
  torch::Tensor drop(const torch::Tensor& x, double probability) const;
  const torch::Tensor& head() const { return head_.defined() ? head_ : wte_; }

  std::shared_ptr<const FrozenStack> prepare_frozen() const;

  Gpt2Config config_;
  torch::Tensor wte_, wpe_, ln_f_weight_, ln_f_bias_, head_;
  std::vector<Block> blocks_;
  torch::ScalarType compute_ = torch::kFloat;  ///< type of matrix products
  std::shared_ptr<const FrozenStack> frozen_;  ///< set when weights take no gradients
};

}  // namespace kindred::lm
