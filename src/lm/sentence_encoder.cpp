#include "lm/sentence_encoder.h"

#include <algorithm>

#include "core/error.h"
#include "core/safetensors.h"
#include "core/strings.h"
#include "lm/activation.h"
#include "lm/any_backbone.h"
#include "lm/lower_case.h"
#include "lm/pooling.h"
#include "lm/weights.h"

namespace kindred::lm {
namespace {

SentencePlan mean_of_states() {
  SentencePlan plan;
  plan.poolings = {Pooling::mean};
  return plan;
}

// Keeps the last `suffix` ids, which are special tokens, and what fits before them.
void cut(std::vector<int64_t>& ids, int64_t longest, int64_t suffix) {
  const auto size = static_cast<int64_t>(ids.size());
  if (size <= longest) return;
  const int64_t tail = std::min(suffix, longest);
  ids.erase(ids.begin() + (longest - tail), ids.end() - tail);
}

}  // namespace

SentenceEncoder::SentenceEncoder(const std::filesystem::path& folder, const LoadOptions& options)
    : folder_(folder) {
  plan_ = is_sentence_folder(folder) ? read_sentence_plan(folder) : mean_of_states();
  model_ = register_module("model", load_any_backbone(folder / plan_.model_path, options));
  if (plan_.max_tokens) plan_.max_tokens = std::min(*plan_.max_tokens, model_->context());
  load_dense(options);
  train(false);
}

void SentenceEncoder::load_dense(const LoadOptions& options) {
  int64_t size = model_->hidden_size() * static_cast<int64_t>(plan_.poolings.size());
  for (const SentenceStep& step : plan_.steps) {
    const auto* dense = std::get_if<SentenceDense>(&step);
    if (dense == nullptr) continue;
    if (dense->in != size) {
      throw Error(Exit::config, (folder_ / dense->path / "config.json").string(),
                  cat("in_features: got ", dense->in, ", expected ", size,
                      ", the size of the vectors that come in"));
    }
    size = dense->out;
    TensorList specs;
    specs.linear({"linear", dense->in, dense->out, dense->bias});
    Weights weights(open_checkpoint(folder_ / dense->path), specs.take(), {});
    const auto made = [&](const char* part) {
      auto value = weights.take(cat("linear.", part), torch::kFloat).to(options.device);
      return register_parameter(cat("dense_", dense_.size(), "_", part), value, options.trainable);
    };
    const auto weight = made("weight");
    dense_.push_back({weight, dense->bias ? made("bias") : torch::Tensor()});
  }
}

void SentenceEncoder::load_tokenizer() {
  tokenizer_ = text::Tokenizer::load(folder_ / plan_.model_path);
  // One that lower-cases by itself knows which strings are special tokens.
  lowers_ = plan_.lower_case && tokenizer_->encode("AQZ") != tokenizer_->encode("aqz");
}

std::vector<int64_t> SentenceEncoder::encode(const std::string& text,
                                             const text::EncodeOptions& options) {
  if (tokenizer_ == nullptr) load_tokenizer();
  const std::string whole = plan_.prompt + text;
  const auto tokens = tokenizer_->encode(lowers_ ? lower_case(whole) : whole, options);
  std::vector<int64_t> ids(tokens.begin(), tokens.end());
  if (plan_.max_tokens) {
    const size_t suffix = options.add_special_tokens ? tokenizer_->suffix_ids().size() : 0;
    cut(ids, *plan_.max_tokens, static_cast<int64_t>(suffix));
  }
  return ids;
}

torch::Tensor SentenceEncoder::after_pooling(torch::Tensor vectors) const {
  size_t next = 0;
  for (const SentenceStep& step : plan_.steps) {
    const auto* dense = std::get_if<SentenceDense>(&step);
    if (dense == nullptr) {
      vectors = vectors / vectors.norm(2, {1}, true).clamp_min(1e-12);
      continue;
    }
    const Dense& layer = dense_[next++];
    vectors = torch::mm(vectors, layer.weight.t());
    if (layer.bias.defined()) vectors = vectors + layer.bias;
    if (dense->activation) vectors = activate(*dense->activation, vectors);
  }
  return vectors;
}

torch::Tensor SentenceEncoder::embed(const torch::Tensor& ids,
                                     const std::vector<int64_t>& offsets) {
  const auto states = model_->states({model_->embed(ids.to(model_->device())), offsets});
  std::vector<torch::Tensor> pooled;
  pooled.reserve(plan_.poolings.size());
  for (const Pooling kind : plan_.poolings) pooled.push_back(pool(states, offsets, kind));
  return after_pooling(pooled.size() == 1 ? pooled[0] : torch::cat(pooled, 1));
}

}  // namespace kindred::lm
