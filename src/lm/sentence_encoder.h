#pragma once
// Texts to vectors: a language model, the pooling of its states, and what a sentence-transformers
// folder (Reimers & Gurevych 2019) does after it. Legend: S texts, T their packed tokens, D hidden
// size, E size of the vectors.

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "lm/backbone.h"
#include "lm/config/sentence_config.h"
#include "text/tokenizer.h"

namespace kindred::lm {

/// A language model with its pooling. Trainable as a whole where it was loaded so.
class SentenceEncoder : public torch::nn::Module {
 public:
  /// Of a sentence-transformers folder by its modules; of any other Hugging Face folder the mean of
  /// the last hidden states. Throws `missing`, `bad_data` or `config`.
  SentenceEncoder(const std::filesystem::path& folder, const LoadOptions& options);

  Backbone& model() { return *model_; }
  const SentencePlan& plan() const { return plan_; }
  int64_t dimension() const { return plan_.dimension(model_->hidden_size()); }  ///< E

  /// A text's token ids as the model reads them: prompt in front, lower-cased and cut to the
  /// longest input where the folder says so, special tokens kept. Reads the tokenizer's files on
  /// first use; throws as Tokenizer::load.
  std::vector<int64_t> encode(const std::string& text, const text::EncodeOptions& options = {});

  /// ids [T] int64 of S texts, none of them empty, offsets [S + 1] -> [S, E] float. Differentiable
  /// in what is trainable. Throws `bad_data` beyond the model's context.
  torch::Tensor embed(const torch::Tensor& ids, const std::vector<int64_t>& offsets);

  /// Writes a folder that sentence-transformers loads and computes the same with; the tokenizer's
  /// files and the prompts are copied from where this one came from. Throws `io`.
  void save(const std::filesystem::path& folder) const;

 private:
  struct Dense {
    torch::Tensor weight, bias;
  };
  void load_dense(const LoadOptions& options);
  void load_tokenizer();
  torch::Tensor after_pooling(torch::Tensor vectors) const;
  void save_dense(const std::filesystem::path& folder, size_t index,
                  const SentenceDense& plan) const;

  std::filesystem::path folder_;
  SentencePlan plan_;
  std::shared_ptr<Backbone> model_;
  std::vector<Dense> dense_;  ///< of the plan's dense steps, in order
  std::shared_ptr<text::Tokenizer> tokenizer_;
  bool lowers_ = false;  ///< whether texts are lower-cased before the tokenizer reads them
};

}  // namespace kindred::lm
