#pragma once
// Any encoder over packed sequences, computed as its layout says: BERT, RoBERTa, XLM-RoBERTa,
// DistilBERT, Longformer, MPNet. Legend: T packed tokens, D hidden size.

#include <memory>
#include <string>
#include <vector>

#include "lm/config/encoders.h"
#include "lm/dropout.h"
#include "lm/encoder_lm.h"
#include "lm/frozen_encoder.h"
#include "lm/weights.h"

namespace kindred::lm {

/// An encoder. Parameter names are Hugging Face's.
class Encoder : public EncoderLM {
 public:
  /// `weights` holds every tensor of plan.layout.tensors(). Frozen weights are converted to the
  /// precision asked for (norms and positions stay fp32); trainable ones stay fp32.
  Encoder(EncoderPlan plan, Weights weights, const LoadOptions& options);

  std::string kind() const override { return layout_.kind; }
  int64_t hidden_size() const override { return layout_.hidden_size; }
  int64_t vocab_size() const override { return layout_.vocab_size; }
  int64_t context() const override { return layout_.context; }
  double embedding_std() const override;
  torch::Device device() const override { return embeddings_.device(); }
  Json config() const override { return config_; }
  const EncoderLayout& layout() const { return layout_; }

  torch::Tensor embed(const torch::Tensor& ids) override;
  torch::Tensor hidden(const Packed& input, const torch::Tensor& rows = {},
                       const TokenMarks& marks = {}) override;

  /// States before the first block and after each: blocks + 1 tensors, as `transformers` returns
  /// them. By the ordinary graph.
  std::vector<torch::Tensor> hidden_layers(const Packed& input, const TokenMarks& marks = {});

 private:
  struct Block {
    NormWeights norm_1, norm_2;
    std::shared_ptr<Linear> qkv, out, up, down;
    std::shared_ptr<Linear> global_query, global_keys;  ///< of a Longformer, else null
    int64_t window = 0;
  };
  /// What one pass reads beside the states.
  struct Pass;

  void load_layers(Weights weights, const LoadOptions& options);
  void prepare_frozen();
  Pass begin(const Packed& input, const TokenMarks& marks) const;
  /// Embeddings with positions and types, normed.
  torch::Tensor start(const Packed& input, const TokenMarks& marks) const;
  torch::Tensor norm(const torch::Tensor& x, const NormWeights& weights) const;
  double attention_scale() const;
  /// What attention adds to each sequence's scores; empty: nothing.
  void add_bias(Pass& pass) const;
  torch::Tensor attend(size_t layer, const torch::Tensor& x, const Pass& pass) const;
  /// One block; of the tokens `rows` only where defined.
  torch::Tensor block_forward(size_t layer, const torch::Tensor& x, const Pass& pass,
                              const torch::Tensor& rows = {}) const;

  EncoderLayout layout_;
  Json config_;
  torch::Tensor embeddings_, positions_, types_, relative_bias_;
  NormWeights embedding_norm_;
  std::vector<Block> blocks_;
  torch::ScalarType compute_ = torch::kFloat;  ///< type of matrix products
  /// Set when frozen on a processor, without windows or relative positions.
  std::unique_ptr<const FrozenEncoder> frozen_;
};

}  // namespace kindred::lm
