#include "lm/decoder.h"

#include <functional>
#include <utility>

#include "core/error.h"
#include "core/strings.h"
#include "lm/activation.h"
#include "lm/vocabulary_loss.h"
#include "model/threads.h"

// Beside decoder.h's legend: H heads of queries, K of keys, d head size, F feed-forward width.

namespace kindred::lm {
// Keys and values of each layer.
struct Decoder::DecoderCache : Cache {
  std::vector<KeysValues> layers;

  int64_t length() const override { return layers.empty() ? 0 : layers[0].length; }
  std::unique_ptr<Cache> fork() const override {
    auto copy = std::make_unique<DecoderCache>();
    for (const KeysValues& layer : layers) copy->layers.push_back(layer.copy());
    return copy;
  }
};

Decoder::Decoder(DecoderPlan plan, Weights weights, const LoadOptions& options)
    : layout_(std::move(plan.layout)), config_(std::move(plan.config)) {
  model::secure_threads();
  load_layers(std::move(weights), options);
  if (layout_.rope) rotary_ = std::make_shared<Rotary>(*layout_.rope, layout_);
  if (!options.trainable && options.device.is_cpu()) prepare_frozen();
  train(false);
}

void Decoder::load_layers(Weights weights, const LoadOptions& options) {
  LayerLoader given(*this, std::move(weights), options);
  compute_ = given.compute();
  const int64_t d = layout_.hidden_size;
  embeddings_ = given.table(layout_.embeddings);
  positions_ = given.table(layout_.positions, true);
  if (layout_.project_in) project_in_ = given.linear({*layout_.project_in});
  for (const BlockLayout& block : layout_.blocks) {
    blocks_.push_back({given.norm(block.norm_1, d), given.norm(block.norm_2, d),
                       given.linear(block.qkv), given.linear({block.out}), given.linear(block.up),
                       given.linear({block.down}), block.attention_scale});
  }
  if (layout_.final_norm) final_norm_ = given.norm(*layout_.final_norm, d);
  if (layout_.project_out) project_out_ = given.linear({*layout_.project_out});
  head_ = given.table(layout_.head);
}

void Decoder::prepare_frozen() {
  if (!layout_.norm_first || !layout_.final_norm) return;
  auto stack = std::make_shared<FrozenStack>();
  stack->final_norm = final_norm_;
  stack->centred_norm = layout_.centred_norm;
  stack->activation = layout_.activation;
  stack->gated = layout_.gated;
  stack->heads = layout_.heads;
  stack->key_heads = layout_.key_heads;
  stack->head_dim = layout_.head_dim;
  stack->rotary = rotary_;
  stack->epsilon = layout_.epsilon;
  stack->compute = compute_;
  for (const Block& block : blocks_) {
    stack->blocks.push_back({block.norm_1, block.norm_2, block.qkv, block.out, block.up, block.down,
                             block.attention_scale});
  }
  frozen_ = std::move(stack);
}

std::set<std::string> Decoder::tables() const {
  return {layout_.embeddings, layout_.positions, layout_.head};
}

double Decoder::embedding_std() const {
  const torch::NoGradGuard no_grad;
  return embeddings_.to(torch::kFloat).std().item<double>();
}

torch::Tensor Decoder::embed(const torch::Tensor& ids) {
  return torch::embedding(embeddings_, ids, layout_.padding_row).to(torch::kFloat);
}

torch::Tensor Decoder::start(const torch::Tensor& embeddings, const std::vector<int64_t>& offsets,
                             const std::vector<int64_t>& starts) const {
  // The residual stream stays fp32 whatever the products' type: it costs little and rounds less.
  auto x = embeddings.to(torch::kFloat);  // [T, E], projected [T, D]
  if (layout_.project_in) x = project_in_->forward(x, compute_).to(torch::kFloat);
  if (!positions_.defined()) return x;
  const auto rows = positions_of(offsets, starts) + layout_.position_offset;  // [T]
  return x + torch::embedding(positions_, rows.to(positions_.device()));
}

torch::Tensor Decoder::finish(const torch::Tensor& x) const {
  const auto normed = layout_.final_norm ? norm(x, final_norm_) : x;
  return layout_.project_out ? project_out_->forward(normed, compute_).to(torch::kFloat) : normed;
}

torch::Tensor Decoder::norm(const torch::Tensor& x, const NormWeights& weights) const {
  return norm_rows(x, weights, layout_.centred_norm, layout_.epsilon);
}

PassDropout Decoder::shares() const {
  PassDropout shares;
  shares.embedding = static_cast<float>(layout_.embedding_dropout);
  shares.attention = static_cast<float>(layout_.attention_dropout);
  shares.residual = static_cast<float>(layout_.residual_dropout);
  return shares;
}

torch::Tensor Decoder::feed_forward(const Block& block, const torch::Tensor& x,
                                    const PassDropout& dropout) const {
  const auto inner = block.up->forward(x, compute_, dropout);  // [T, F], gated [T, 2 F]
  // [T, F]
  const auto activated = layout_.gated ? activate_gated(layout_.activation, inner)
                                       : activate(layout_.activation, inner);
  return block.down->forward(activated, compute_, dropout).to(torch::kFloat);
}

torch::Tensor Decoder::block_forward(size_t layer, const torch::Tensor& x, const Attend& attend,
                                     const PassDropout& dropout) const {
  const Block& block = blocks_[layer];
  const bool first = layout_.norm_first;
  // [T, (H + 2 K) d]
  const auto qkv = block.qkv->forward(first ? norm(x, block.norm_1) : x, compute_, dropout);
  // Attention mixes to [T, H d]; the rest is [T, D].
  const auto out = block.out->forward(attend(qkv, layer), compute_, dropout).to(torch::kFloat);
  auto middle = x + dropped(out, dropout.after_attention(layer), dropout.tokens());
  if (!first) middle = norm(middle, block.norm_1);
  const auto added = feed_forward(block, first ? norm(middle, block.norm_2) : middle, dropout);
  const auto end = middle + dropped(added, dropout.after_feed_forward(layer), dropout.tokens());
  return first ? end : norm(end, block.norm_2);
}

Decoder::Attend Decoder::packed_attend(const std::vector<int64_t>& offsets,
                                       const PassDropout& dropout) const {
  return [this, offsets, dropout](const torch::Tensor& qkv, size_t layer) {
    AttentionShape shape = attention_shape(offsets, layer);
    shape.dropout = dropout.of_attention(layer);
    shape.mask_rows = dropout.firsts();
    return attention(rotary_ ? rotary_->turned(qkv, offsets, {}) : qkv, shape);
  };
}

torch::Tensor Decoder::hidden(const Packed& input, const torch::Tensor& rows) {
  check_packed(input, layout_.border_size, layout_.context);
  const PassDropout dropout = draw_dropout(shares(), input);
  auto x = start(input.embeddings, input.offsets);
  // Trainable weights take the ordinary graph, a frozen model its own.
  if (frozen_ != nullptr && !replaced_inside()) {
    const auto fixed = adapters_learn() ? std::vector<int64_t>() : input.fixed;
    const auto states = frozen_hidden(
        frozen_, x, {input.offsets, rows, dropout, fixed, checkpoints(), {}, nullptr});
    return layout_.project_out ? project_out_->forward(states, compute_).to(torch::kFloat) : states;
  }
  x = dropped(x, dropout.of_embedding(), dropout.tokens());
  const Attend attend = packed_attend(input.offsets, dropout);
  for (size_t i = 0; i < blocks_.size(); ++i) x = block_forward(i, x, attend, dropout);
  return finish(rows.defined() ? x.index_select(0, rows) : x);
}

std::vector<torch::Tensor> Decoder::hidden_layers(const Packed& input) {
  check_packed(input, layout_.border_size, layout_.context);
  const PassDropout dropout = draw_dropout(shares(), input);
  std::vector<torch::Tensor> layers = {
      dropped(start(input.embeddings, input.offsets), dropout.of_embedding(), dropout.tokens())};
  const Attend attend = packed_attend(input.offsets, dropout);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    layers.push_back(block_forward(i, layers.back(), attend, dropout));
  }
  layers.back() = finish(layers.back());
  return layers;
}

torch::Tensor Decoder::logits(const torch::Tensor& hidden) {
  return vocabulary_logits(hidden, head().to(compute_));
}

torch::Tensor Decoder::logits(const torch::Tensor& hidden, const torch::Tensor& words) {
  return word_logits(hidden, head(), words, compute_);
}

torch::Tensor Decoder::log_probabilities(const torch::Tensor& hidden,
                                         const torch::Tensor& targets) {
  return vocabulary_log_probabilities(hidden, head().to(compute_), targets);
}

torch::Tensor Decoder::cross_entropy_sum(const torch::Tensor& hidden,
                                         const torch::Tensor& targets) {
  return vocabulary_loss(hidden, head().to(compute_), targets);
}

std::unique_ptr<Cache> Decoder::make_cache() {
  auto cache = std::make_unique<DecoderCache>();
  cache->layers.resize(blocks_.size());
  return cache;
}

// Lengths of the caches, each behind which a sequence of `next` fits.
std::vector<int64_t> Decoder::lengths_of(const Packed& next,
                                         std::span<const DecoderCache* const> caches) const {
  check_packed(next, layout_.border_size, layout_.context);
  check(static_cast<int64_t>(caches.size()) == next.sequences(), "one cache for each sequence");
  std::vector<int64_t> lengths;
  for (size_t s = 0; s < caches.size(); ++s) {
    check(caches[s] != nullptr, "the cache was made by this model");
    lengths.push_back(caches[s]->length());
    check_length(s, lengths[s] + next.offsets[s + 1] - next.offsets[s], layout_.context);
  }
  return lengths;
}

torch::Tensor Decoder::hidden_first(const SplitPacked& input, std::span<Cache* const> caches) {
  std::vector<int64_t> last(input.offsets.begin() + 1, input.offsets.end());  // [S]
  for (int64_t& position : last) --position;
  return read_next(input, caches, torch::tensor(last, torch::kInt64).to(device()));
}

torch::Tensor Decoder::read_next(const Packed& next, std::span<Cache* const> caches,
                                 const torch::Tensor& rows) {
  const torch::NoGradGuard no_grad;
  std::vector<DecoderCache*> own;
  for (Cache* cache : caches) own.push_back(dynamic_cast<DecoderCache*>(cache));
  const auto starts = lengths_of(next, std::vector<const DecoderCache*>(own.begin(), own.end()));
  const Attend attend = [&](const torch::Tensor& qkv, size_t layer) {
    std::vector<KeysValues*> kept;
    for (DecoderCache* cache : own) kept.push_back(&cache->layers[layer]);
    return attention_cached(qkv, attention_shape(next.offsets, layer), kept);
  };
  return continued(next, starts, attend, rows);
}

torch::Tensor Decoder::hidden_behind(const Packed& next, std::span<const Cache* const> caches) {
  const torch::NoGradGuard no_grad;
  std::vector<const DecoderCache*> read;
  for (const Cache* cache : caches) read.push_back(dynamic_cast<const DecoderCache*>(cache));
  const auto starts = lengths_of(next, read);
  const Attend attend = [&](const torch::Tensor& qkv, size_t layer) {
    std::vector<const KeysValues*> kept;
    for (const DecoderCache* cache : read) kept.push_back(&cache->layers[layer]);
    return attention_behind(qkv, attention_shape(next.offsets, layer), kept);
  };
  return continued(next, starts, attend);
}

AttentionShape Decoder::attention_shape(const std::vector<int64_t>& offsets, size_t layer) const {
  AttentionShape shape;
  shape.offsets = offsets;
  shape.heads = layout_.heads;
  shape.key_heads = layout_.key_heads;
  shape.scale = blocks_[layer].attention_scale;
  return shape;
}

torch::Tensor Decoder::continued(const Packed& next, const std::vector<int64_t>& starts,
                                 const Attend& attend, const torch::Tensor& rows) {
  auto x = start(next.embeddings, next.offsets, starts);  // [T, D]
  if (frozen_ != nullptr && !replaced_inside()) {
    const auto states =
        frozen_hidden(frozen_, x, {next.offsets, rows, {}, {}, false, starts, attend});
    return layout_.project_out ? project_out_->forward(states, compute_).to(torch::kFloat) : states;
  }
  const Attend turned = [&](const torch::Tensor& qkv, size_t layer) {
    return attend(rotary_ ? rotary_->turned(qkv, next.offsets, starts) : qkv, layer);
  };
  for (size_t i = 0; i < blocks_.size(); ++i) x = block_forward(i, x, turned);
  return finish(rows.defined() ? x.index_select(0, rows) : x);
}

}  // namespace kindred::lm
