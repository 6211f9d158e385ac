#include "lm/t5.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "lm/activation.h"
#include "lm/attention.h"
#include "lm/vocabulary_loss.h"
#include "model/threads.h"

// Beside t5.h's legend: F feed-forward width, T' packed tokens of the encoder.

namespace kindred::lm {
namespace {

// By block: keys and values of the decoder's own tokens, and those of the encoder's states, which
// are computed once.
struct T5Cache : Cache {
  std::vector<KeysValues> own;
  std::vector<KeyRows> encoded;

  int64_t length() const override { return own.empty() ? 0 : own[0].length; }
  std::unique_ptr<Cache> fork() const override {
    auto copy = std::make_unique<T5Cache>();
    copy->encoded = encoded;  // never written to
    for (const KeysValues& layer : own) copy->own.push_back(layer.copy());
    return copy;
  }
};

std::vector<T5Cache*> own_caches(std::span<Cache* const> caches, int64_t sequences) {
  check(static_cast<int64_t>(caches.size()) == sequences, "one cache for each sequence");
  std::vector<T5Cache*> own;
  for (Cache* cache : caches) {
    own.push_back(dynamic_cast<T5Cache*>(cache));
    check(own.back() != nullptr, "the cache was made by this model");
  }
  return own;
}

// Where the tokens of split sequences go: the encoder's positions, and the decoder's sequences of
// the start token and the main text.
struct Places {
  std::vector<int64_t> encoder, encoder_offsets{0};
  std::vector<int64_t> decoder, decoder_offsets{0};  // 0: the start token, t + 1: packed token t
  std::vector<int64_t> after;  // by packed token: the decoder's position that predicts what follows

  explicit Places(const SplitPacked& input) : after(static_cast<size_t>(input.tokens()), -1) {
    const auto end_of = [](const std::vector<int64_t>& list) {
      return static_cast<int64_t>(list.size());
    };
    for (size_t s = 0; s < input.splits.size(); ++s) {
      const int64_t begin = input.offsets[s], split = input.splits[s], end = input.offsets[s + 1];
      for (int64_t t = begin; t < split; ++t) encoder.push_back(t);
      if (split > begin) after[static_cast<size_t>(split - 1)] = end_of(decoder);
      decoder.push_back(0);
      for (int64_t t = split; t < end; ++t) {
        after[static_cast<size_t>(t)] = end_of(decoder);
        decoder.push_back(t + 1);
      }
      encoder_offsets.push_back(end_of(encoder));
      decoder_offsets.push_back(end_of(decoder));
    }
  }
};

// What T5 drops beside what decoders do.
Dropout at_the_end(const PassDropout& pass) {
  return pass.of_other(0);
}
Dropout inside_feed_forward(const PassDropout& pass, size_t layer) {
  return pass.of_other(3 * layer + 1);
}
Dropout of_cross_attention(const PassDropout& pass, size_t layer) {
  return pass.of_other(3 * layer + 2);
}
Dropout after_cross_attention(const PassDropout& pass, size_t layer) {
  return pass.of_other(3 * layer + 3);
}

}  // namespace

T5::T5(const T5Config& config, Weights weights, const LoadOptions& options) : config_(config) {
  model::secure_threads();
  const T5Layout layout = t5_layout(config_);
  LayerLoader given(*this, std::move(weights), options);
  compute_ = given.compute();
  trainable_ = options.trainable;
  embeddings_ = given.table(layout.embeddings);
  encoder_ = load_stack(given, layout.encoder, true);
  decoder_ = load_stack(given, layout.decoder, false);
  head_ = layout.head.empty() ? embeddings_ : given.table(layout.head);
  train(false);
}

T5::Stack T5::load_stack(LayerLoader& given, const T5StackLayout& layout, bool both_ways) const {
  const int64_t d = config_.d_model;
  Stack stack;
  stack.buckets = {config_.relative_attention_num_buckets, config_.relative_attention_max_distance,
                   both_ways};
  stack.bias = given.table(layout.bias, true);
  for (const T5BlockLayout& block : layout.blocks) {
    Block made;
    made.norm_1 = given.norm(block.norm_1, d);
    made.qkv = given.linear(block.qkv);
    made.out = given.linear({block.out});
    if (!block.cross_keys_values.empty()) {
      made.cross_norm = given.norm(block.cross_norm, d);
      made.cross_query = given.linear({block.cross_query});
      made.cross_keys_values = given.linear(block.cross_keys_values);
      made.cross_out = given.linear({block.cross_out});
    }
    made.norm_2 = given.norm(block.norm_2, d);
    made.up = given.linear(block.up);
    made.down = given.linear({block.down});
    stack.blocks.push_back(std::move(made));
  }
  stack.final_norm = given.norm(layout.final_norm, d);
  return stack;
}

std::set<std::string> T5::tables() const {
  const T5Layout layout = t5_layout(config_);
  return {layout.embeddings, layout.head};
}

std::string T5::tied_table() const {
  const T5Layout layout = t5_layout(config_);
  return layout.head.empty() ? layout.embeddings : std::string();
}

double T5::embedding_std() const {
  const torch::NoGradGuard no_grad;
  return embeddings_.to(torch::kFloat).std().item<double>();
}

torch::Tensor T5::embedded(const torch::Tensor& ids) const {
  return torch::embedding(embeddings_, ids).to(torch::kFloat);
}

torch::Tensor T5::on_device(const std::vector<int64_t>& list) const {
  return torch::tensor(list, torch::kInt64).to(device());
}

torch::Tensor T5::norm(const torch::Tensor& x, const NormWeights& weights) const {
  return norm_rows(x, weights, false, config_.layer_norm_epsilon);
}

PassDropout T5::pass_dropout(const Packed& input) const {
  const auto rate = static_cast<float>(is_training() ? config_.dropout_rate : 0);
  PassDropout pass;
  if (!trainable_) pass.embedding = pass.attention = pass.residual = rate;
  pass = draw_dropout(pass, input);
  pass.embedding = pass.attention = pass.residual = rate;
  return pass;
}

torch::Tensor T5::drop(const torch::Tensor& x, const Dropout& dropout,
                       const PassDropout& pass) const {
  if (!trainable_) return dropped(x, dropout, pass.tokens());
  return dropout.active() ? torch::dropout(x, dropout.probability, true) : x;
}

torch::Tensor T5::feed_forward(const Block& block, size_t layer, const torch::Tensor& x,
                               const PassDropout& dropout) const {
  const auto inner = block.up->forward(x, compute_, dropout);
  auto activated = config_.gated ? activate_gated(config_.activation, inner)
                                 : activate(config_.activation, inner);
  activated = drop(activated, inside_feed_forward(dropout, layer), dropout);
  return block.down->forward(activated, compute_, dropout).to(torch::kFloat);
}

torch::Tensor T5::run(const Stack& stack, const torch::Tensor& embeddings, const Attend& own,
                      const Attend& cross, const PassDropout& dropout) const {
  auto x = drop(embeddings.to(torch::kFloat), dropout.of_embedding(), dropout);
  for (size_t i = 0; i < stack.blocks.size(); ++i) {
    const Block& block = stack.blocks[i];
    const auto mixed = own(block.qkv->forward(norm(x, block.norm_1), compute_, dropout), i);
    const auto out = block.out->forward(mixed, compute_, dropout).to(torch::kFloat);
    x = x + drop(out, dropout.after_attention(i), dropout);
    if (block.cross_query != nullptr) {
      const auto queries = block.cross_query->forward(norm(x, block.cross_norm), compute_, dropout);
      const auto read = block.cross_out->forward(cross(queries, i), compute_, dropout);
      x = x + drop(read.to(torch::kFloat), after_cross_attention(dropout, i), dropout);
    }
    const auto added = feed_forward(block, i, norm(x, block.norm_2), dropout);
    x = x + drop(added, dropout.after_feed_forward(i), dropout);
  }
  return drop(norm(x, stack.final_norm), at_the_end(dropout), dropout);
}

torch::Tensor T5::attend(const torch::Tensor& queries, const torch::Tensor& keys_values,
                         const BiasedShape& shape) const {
  return trainable_ ? biased_attention_plain(queries, keys_values, shape)
                    : biased_attention(queries, keys_values, shape);
}

T5::Attend T5::packed_attend(const Stack& stack, const std::vector<int64_t>& offsets,
                             const PassDropout& dropout) const {
  int64_t most = 1;
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    most = std::max(most, offsets[s + 1] - offsets[s]);
  }
  // One serves all sequences and all blocks: it depends on distances alone.
  BiasedShape shape{offsets, offsets, config_.num_heads, !stack.buckets.both_ways,
                    relative_bias(stack.bias, stack.buckets, most)};
  shape.mask_rows = dropout.firsts();
  if (trainable_) shape.matrices = bias_matrices(shape);
  return [this, shape, dropout](const torch::Tensor& qkv, size_t layer) {
    const int64_t width = qkv.size(1) / 3;
    BiasedShape own = shape;
    own.dropout = dropout.of_attention(layer);
    return attend(qkv.narrow(1, 0, width), qkv.narrow(1, width, 2 * width), own);
  };
}

torch::Tensor T5::encode(const Packed& input) {
  check_packed(input, config_.d_model, longest());
  const PassDropout dropout = pass_dropout(input);
  const Attend own = packed_attend(encoder_, input.offsets, dropout);
  return run(encoder_, input.embeddings, own, {}, dropout);
}

torch::Tensor T5::decode(const Packed& input, const Packed& encoded) {
  check_packed(input, config_.d_model, longest());
  check(encoded.sequences() == input.sequences(), "encoder's states for each sequence");
  const PassDropout dropout = pass_dropout(input);
  PassDropout of_encoded = dropout;
  if (dropout.rows) of_encoded.rows = mask_rows(encoded.offsets, encoded.places);
  const Attend cross = [&](const torch::Tensor& queries, size_t layer) {
    // [T', 2 H d] of the encoder's T' tokens
    const auto read =
        decoder_.blocks[layer].cross_keys_values->forward(encoded.embeddings, compute_, of_encoded);
    BiasedShape shape{input.offsets, encoded.offsets, config_.num_heads};
    shape.dropout = of_cross_attention(dropout, layer);
    shape.mask_rows = dropout.firsts();
    return attend(queries, read, shape);
  };
  const Attend own = packed_attend(decoder_, input.offsets, dropout);
  return run(decoder_, input.embeddings, own, cross, dropout);
}

torch::Tensor T5::for_head(const torch::Tensor& decoded) const {
  if (!config_.scale_decoder_outputs) return decoded;
  return decoded * (1 / std::sqrt(static_cast<double>(config_.d_model)));
}

torch::Tensor T5::hidden_after(const SplitPacked& input, const torch::Tensor& rows) {
  check_packed(input, config_.d_model, longest());
  check_splits(input);
  const Places places(input);
  const auto after = on_device(places.after).index_select(0, rows);
  check(after.numel() == 0 || after.min().item<int64_t>() >= 0,
        "only what follows a prompt is predicted");
  const auto prompts = input.embeddings.index_select(0, on_device(places.encoder));
  Packed encoded{prompts, places.encoder_offsets, {}, input.places};
  encoded.embeddings = encode(encoded);
  const Packed main{
      main_texts(input.embeddings, places.decoder), places.decoder_offsets, {}, input.places};
  return for_head(decode(main, encoded).index_select(0, after));
}

torch::Tensor T5::logits(const torch::Tensor& hidden) {
  return vocabulary_logits(hidden, head_.to(compute_));
}

torch::Tensor T5::logits(const torch::Tensor& hidden, const torch::Tensor& words) {
  return word_logits(hidden, head_, words, compute_);
}

torch::Tensor T5::log_probabilities(const torch::Tensor& hidden, const torch::Tensor& targets) {
  return vocabulary_log_probabilities(hidden, head_.to(compute_), targets);
}

torch::Tensor T5::cross_entropy_sum(const torch::Tensor& hidden, const torch::Tensor& targets) {
  return vocabulary_loss(hidden, head_.to(compute_), targets);
}

std::unique_ptr<Cache> T5::make_cache() {
  auto cache = std::make_unique<T5Cache>();
  cache->own.resize(decoder_.blocks.size());
  return cache;
}

torch::Tensor T5::main_texts(const torch::Tensor& embeddings,
                             const std::vector<int64_t>& places) const {
  const auto start = torch::full({1}, config_.decoder_start_token_id, torch::kInt64);
  return torch::cat({embedded(start.to(device())), embeddings.to(torch::kFloat)})
      .index_select(0, on_device(places));
}

torch::Tensor T5::hidden_first(const SplitPacked& input, std::span<Cache* const> caches) {
  const torch::NoGradGuard no_grad;
  check_packed(input, config_.d_model, longest());
  check_splits(input);
  const std::vector<T5Cache*> own = own_caches(caches, input.sequences());
  const Places places(input);
  const auto prompts = input.embeddings.index_select(0, on_device(places.encoder));
  const auto encoded = encode({prompts, places.encoder_offsets});  // [T', D]
  for (T5Cache* cache : own) {
    check(cache->encoded.empty(), "caches of new sequences are empty");
    cache->encoded.resize(decoder_.blocks.size());
  }
  for (size_t layer = 0; layer < decoder_.blocks.size(); ++layer) {
    // [T', 2 H d]
    const auto read = decoder_.blocks[layer].cross_keys_values->forward(encoded, compute_);
    const int64_t width = read.size(1) / 2;
    for (size_t s = 0; s < own.size(); ++s) {
      const int64_t begin = places.encoder_offsets[s], end = places.encoder_offsets[s + 1];
      const auto rows = read.narrow(0, begin, end - begin);  // [m, 2 H d]
      own[s]->encoded[layer] = {rows.narrow(1, 0, width), rows.narrow(1, width, width)};
    }
  }
  std::vector<int64_t> last(places.decoder_offsets.begin() + 1, places.decoder_offsets.end());
  for (int64_t& position : last) --position;
  const Packed main{main_texts(input.embeddings, places.decoder), places.decoder_offsets};
  return hidden_next(main, caches).index_select(0, on_device(last));
}

torch::Tensor T5::hidden_next(const Packed& next, std::span<Cache* const> caches) {
  const torch::NoGradGuard no_grad;
  check_packed(next, config_.d_model, longest());
  const std::vector<T5Cache*> own = own_caches(caches, next.sequences());
  int64_t most = 1;
  for (size_t s = 0; s < own.size(); ++s) {
    check(!own[s]->encoded.empty(), "a sequence is begun by hidden_first");
    const int64_t length = own[s]->length() + next.offsets[s + 1] - next.offsets[s];
    check_length(s, length, longest());
    most = std::max(most, length);
  }
  const BiasedShape others{next.offsets, {}, config_.num_heads};
  BiasedShape before = others;
  before.causal = true;
  before.bias = relative_bias(decoder_.bias, decoder_.buckets, most);
  const Attend attend = [&](const torch::Tensor& qkv, size_t layer) {
    const int64_t width = qkv.size(1) / 3;
    std::vector<KeyRows> read;
    for (size_t s = 0; s < own.size(); ++s) {
      // [n, 3 H d]
      const auto rows = qkv.narrow(0, next.offsets[s], next.offsets[s + 1] - next.offsets[s]);
      KeysValues& kept = own[s]->own[layer];
      kept.append(rows.narrow(1, width, width), rows.narrow(1, 2 * width, width));
      read.push_back({kept.keys.narrow(0, 0, kept.length), kept.values.narrow(0, 0, kept.length)});
    }
    return biased_attention_over(qkv.narrow(1, 0, width), read, before);
  };
  const Attend cross = [&](const torch::Tensor& queries, size_t layer) {
    std::vector<KeyRows> read;
    for (const T5Cache* cache : own) read.push_back(cache->encoded[layer]);
    return biased_attention_over(queries, read, others);
  };
  return for_head(run(decoder_, next.embeddings, attend, cross, {}));
}

// A copy of a cache shares the encoder's keys and values; its own are those of the start token and
// what was written, a few rows.
torch::Tensor T5::hidden_behind(const Packed& next, std::span<const Cache* const> caches) {
  std::vector<std::unique_ptr<Cache>> copies;
  std::vector<Cache*> read;
  for (const Cache* cache : caches) {
    check(cache != nullptr, "a cache for each sequence");
    copies.push_back(cache->fork());
    read.push_back(copies.back().get());
  }
  return hidden_next(next, read);
}

}  // namespace kindred::lm
