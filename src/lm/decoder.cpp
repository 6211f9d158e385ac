#include "lm/decoder.h"

#include <functional>
#include <limits>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "core/strings.h"
#include "lm/activation.h"
#include "lm/vocabulary_loss.h"
#include "model/threads.h"

namespace kindred::lm {
namespace {

// Keys and values of each layer.
struct DecoderCache : Cache {
  std::vector<KeysValues> layers;

  int64_t length() const override { return layers.empty() ? 0 : layers[0].length; }
  std::unique_ptr<Cache> fork() const override {
    auto copy = std::make_unique<DecoderCache>();
    for (const KeysValues& layer : layers) {
      copy->layers.push_back({layer.keys.defined() ? layer.keys.clone() : layer.keys,
                              layer.values.defined() ? layer.values.clone() : layer.values,
                              layer.length});
    }
    return copy;
  }
};

// Registers `value` under a dotted name, making the modules in between.
torch::Tensor register_dotted(torch::nn::Module& root, const std::string& name,
                              torch::Tensor value) {
  const std::vector<std::string> parts = split(name, '.');
  torch::nn::Module* at = &root;
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    const auto children = at->named_children();
    const auto* found = children.find(parts[i]);
    at = found != nullptr
             ? found->get()
             : at->register_module(parts[i], std::make_shared<torch::nn::Module>()).get();
  }
  const bool grad = value.requires_grad();
  return at->register_parameter(parts.back(), std::move(value), grad);
}

// Positions of packed tokens whose sequences begin at `starts`, [T] int64.
torch::Tensor positions_of(const std::vector<int64_t>& offsets,
                           const std::vector<int64_t>& starts = {}) {
  auto result = torch::empty({offsets.back()}, torch::kInt64);
  int64_t* out = result.data_ptr<int64_t>();
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    std::iota(out + offsets[s], out + offsets[s + 1], starts.empty() ? 0 : starts[s]);
  }
  return result;
}

void check_length(size_t sequence, int64_t tokens, int64_t context) {
  if (tokens > context) {
    throw Error(Exit::bad_data, cat("sequence ", sequence),
                cat("got ", tokens, " tokens, expected at most the context of ", context,
                    "; shorten the text"));
  }
}

void check_packed(const Packed& input, int64_t hidden_size, int64_t context) {
  check(!input.offsets.empty() && input.offsets.front() == 0, "packed offsets start at 0");
  check(input.embeddings.dim() == 2 && input.embeddings.size(1) == hidden_size &&
            input.embeddings.size(0) == input.tokens(),
        "packed embeddings are [offsets.back(), hidden_size]");
  for (size_t s = 0; s + 1 < input.offsets.size(); ++s) {
    const int64_t n = input.offsets[s + 1] - input.offsets[s];
    check(n >= 0, "packed offsets ascend");
    check_length(s, n, context);
  }
}

}  // namespace

// Takes weights from a map, converts and registers them.
class Decoder::Weights {
 public:
  Weights(Decoder& model, std::map<std::string, torch::Tensor> given, const LoadOptions& options)
      : model_(model),
        given_(std::move(given)),
        options_(options),
        type_(options.trainable ? torch::kFloat : model.compute_) {}

  torch::Tensor table(const std::string& name, bool precise = false) {
    return name.empty() ? torch::Tensor() : take(name, precise ? torch::kFloat : type_);
  }

  NormWeights norm(const NormLayout& layout) {
    if (layout.name.empty()) {
      return {torch::ones({model_.layout_.hidden_size}, options_.device), {}};
    }
    NormWeights weights{take(layout.name + ".weight", torch::kFloat), {}};
    if (layout.bias) weights.bias = take(layout.name + ".bias", torch::kFloat);
    return weights;
  }

  Linear linear(const std::vector<LinearLayout>& parts) {
    Linear linear;
    const bool frozen = !options_.trainable && options_.device.is_cpu();
    // Of a frozen layer the parts are stretches of one tensor, so that nothing is held twice.
    const bool joined = frozen && parts.size() > 1;
    const auto weight = joined ? join(parts, ".weight") : torch::Tensor();
    const auto bias = joined && parts[0].bias ? join(parts, ".bias") : torch::Tensor();
    for (const LinearLayout& part : parts) {
      Linear::Part one{take(part.name + ".weight", type_), {}};
      if (!part.input_first) one.weight = one.weight.t();
      if (part.bias) one.bias = take(part.name + ".bias", type_);
      linear.parts.push_back(std::move(one));
    }
    if (joined) {
      linear.frozen = std::make_shared<FrozenLinear>(weight.t(), bias);
    } else if (frozen) {
      linear.frozen = std::make_shared<FrozenLinear>(linear.parts[0].weight, linear.parts[0].bias);
    }
    return linear;
  }

 private:
  // The parts' tensors one below the other; afterwards each part is a stretch of that.
  torch::Tensor join(const std::vector<LinearLayout>& parts, const char* suffix) {
    std::vector<torch::Tensor> tensors;
    for (const LinearLayout& part : parts) {
      check(!part.input_first, "layers in parts are stored [out, in]");
      tensors.push_back(find(part.name + suffix).to(type_));
    }
    const auto all = torch::cat(tensors);
    int64_t at = 0;
    for (const LinearLayout& part : parts) {
      given_[part.name + suffix] = all.narrow(0, at, part.out);
      at += part.out;
    }
    return all;
  }

  torch::Tensor& find(const std::string& name) {
    const auto found = given_.find(name);
    check(found != given_.end(), "every tensor of the layout is given");
    return found->second;
  }

  torch::Tensor take(const std::string& name, torch::ScalarType stored) {
    auto value = find(name).detach().to(options_.device, stored).contiguous();
    given_.erase(name);
    value.set_requires_grad(options_.trainable);
    return register_dotted(model_, name, std::move(value));
  }

  Decoder& model_;
  std::map<std::string, torch::Tensor> given_;
  const LoadOptions& options_;
  torch::ScalarType type_;
};

Decoder::Decoder(DecoderPlan plan, std::map<std::string, torch::Tensor> weights,
                 const LoadOptions& options)
    : layout_(std::move(plan.layout)), config_(std::move(plan.config)) {
  model::secure_threads();
  compute_ = options.precision == "bf16" ? torch::kBFloat16 : torch::kFloat;
  Weights given(*this, std::move(weights), options);
  embeddings_ = given.table(layout_.embeddings);
  positions_ = given.table(layout_.positions, true);
  if (layout_.project_in) project_in_ = given.linear({*layout_.project_in});
  for (const BlockLayout& block : layout_.blocks) {
    blocks_.push_back({given.norm(block.norm_1), given.norm(block.norm_2), given.linear(block.qkv),
                       given.linear({block.out}), given.linear(block.up),
                       given.linear({block.down}), block.attention_scale});
  }
  if (layout_.final_norm) final_norm_ = given.norm(*layout_.final_norm);
  if (layout_.project_out) project_out_ = given.linear({*layout_.project_out});
  head_ = given.table(layout_.head);
  if (layout_.rope) rotary_ = std::make_shared<Rotary>(*layout_.rope, layout_);
  if (!options.trainable && options.device.is_cpu()) prepare_frozen();
  train(false);
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
    stack->blocks.push_back({block.norm_1, block.norm_2, block.qkv.frozen, block.out.frozen,
                             block.up.frozen, block.down.frozen, block.attention_scale});
  }
  frozen_ = std::move(stack);
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
  auto x = embeddings.to(torch::kFloat);
  if (layout_.project_in) x = product(project_in_, x).to(torch::kFloat);
  if (!positions_.defined()) return x;
  const auto rows = positions_of(offsets, starts) + layout_.position_offset;
  return x + torch::embedding(positions_, rows.to(positions_.device()));
}

torch::Tensor Decoder::finish(const torch::Tensor& x) const {
  const auto normed = layout_.final_norm ? norm(x, final_norm_) : x;
  return layout_.project_out ? product(project_out_, normed).to(torch::kFloat) : normed;
}

torch::Tensor Decoder::norm(const torch::Tensor& x, const NormWeights& weights) const {
  if (!layout_.centred_norm) {
    return torch::rms_norm(x, {layout_.hidden_size}, weights.weight, layout_.epsilon);
  }
  return torch::layer_norm(x, {layout_.hidden_size}, weights.weight, weights.bias, layout_.epsilon);
}

torch::Tensor Decoder::product(const Linear& linear, const torch::Tensor& x) const {
  const auto input = x.to(compute_);
  if (linear.frozen != nullptr) return frozen_product(linear.frozen, input);
  std::vector<torch::Tensor> outputs;
  for (const Linear::Part& part : linear.parts) {
    const auto weight = part.weight.to(compute_);
    outputs.push_back(part.bias.defined() ? torch::addmm(part.bias.to(compute_), input, weight)
                                          : torch::mm(input, weight));
  }
  return outputs.size() == 1 ? outputs[0] : torch::cat(outputs, 1);
}

PassDropout Decoder::draw_dropout() const {
  PassDropout dropout;
  if (!is_training()) return dropout;
  dropout.embedding = static_cast<float>(layout_.embedding_dropout);
  dropout.attention = static_cast<float>(layout_.attention_dropout);
  dropout.residual = static_cast<float>(layout_.residual_dropout);
  if (dropout.embedding + dropout.attention + dropout.residual > 0) {
    dropout.seed = static_cast<uint64_t>(
        torch::randint(std::numeric_limits<int64_t>::max(), {1}, torch::kInt64).item<int64_t>());
  }
  return dropout;
}

torch::Tensor Decoder::feed_forward(const Block& block, const torch::Tensor& x) const {
  const auto inner = product(block.up, x);
  const auto activated = layout_.gated ? activate_gated(layout_.activation, inner)
                                       : activate(layout_.activation, inner);
  return product(block.down, activated).to(torch::kFloat);
}

torch::Tensor Decoder::block_forward(size_t layer, const torch::Tensor& x, const Attend& attend,
                                     const PassDropout& dropout) const {
  const Block& block = blocks_[layer];
  const bool first = layout_.norm_first;
  const auto qkv = product(block.qkv, first ? norm(x, block.norm_1) : x);
  const auto out = product(block.out, attend(qkv, layer)).to(torch::kFloat);
  auto middle = x + dropped(out, dropout.after_attention(layer));
  if (!first) middle = norm(middle, block.norm_1);
  const auto added = feed_forward(block, first ? norm(middle, block.norm_2) : middle);
  const auto end = middle + dropped(added, dropout.after_feed_forward(layer));
  return first ? end : norm(end, block.norm_2);
}

Decoder::Attend Decoder::packed_attend(const std::vector<int64_t>& offsets,
                                       const PassDropout& dropout) const {
  return [this, offsets, dropout](const torch::Tensor& qkv, size_t layer) {
    const AttentionShape shape{offsets, layout_.heads, layout_.key_heads,
                               blocks_[layer].attention_scale, dropout.of_attention(layer)};
    return attention(rotary_ ? rotary_->turned(qkv, offsets, {}) : qkv, shape);
  };
}

torch::Tensor Decoder::hidden(const Packed& input, const torch::Tensor& rows) {
  check_packed(input, layout_.border_size, layout_.context);
  const PassDropout dropout = draw_dropout();
  auto x = start(input.embeddings, input.offsets);
  // Trainable weights take the ordinary graph, a frozen model its own.
  if (frozen_ != nullptr) {
    const auto states = frozen_hidden(frozen_, x, input.offsets, rows, dropout);
    return layout_.project_out ? product(project_out_, states).to(torch::kFloat) : states;
  }
  x = dropped(x, dropout.of_embedding());
  const Attend attend = packed_attend(input.offsets, dropout);
  for (size_t i = 0; i < blocks_.size(); ++i) x = block_forward(i, x, attend, dropout);
  return finish(rows.defined() ? x.index_select(0, rows) : x);
}

std::vector<torch::Tensor> Decoder::hidden_layers(const Packed& input) {
  check_packed(input, layout_.border_size, layout_.context);
  const PassDropout dropout = draw_dropout();
  std::vector<torch::Tensor> layers = {
      dropped(start(input.embeddings, input.offsets), dropout.of_embedding())};
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

torch::Tensor Decoder::cross_entropy_sum(const torch::Tensor& hidden,
                                         const torch::Tensor& targets) {
  return vocabulary_loss(hidden, head().to(compute_), targets);
}

std::unique_ptr<Cache> Decoder::make_cache() {
  auto cache = std::make_unique<DecoderCache>();
  cache->layers.resize(blocks_.size());
  return cache;
}

torch::Tensor Decoder::hidden_next(const Packed& next, std::span<Cache* const> caches) {
  const torch::NoGradGuard no_grad;
  check_packed(next, layout_.border_size, layout_.context);
  check(static_cast<int64_t>(caches.size()) == next.sequences(), "one cache for each sequence");
  std::vector<DecoderCache*> own;
  std::vector<int64_t> starts;
  for (size_t s = 0; s < caches.size(); ++s) {
    own.push_back(dynamic_cast<DecoderCache*>(caches[s]));
    check(own.back() != nullptr, "the cache was made by this model");
    starts.push_back(own.back()->length());
    check_length(s, starts[s] + next.offsets[s + 1] - next.offsets[s], layout_.context);
  }
  auto x = start(next.embeddings, next.offsets, starts);
  const Attend attend = [&](const torch::Tensor& qkv, size_t layer) {
    std::vector<KeysValues*> kept;
    for (DecoderCache* cache : own) kept.push_back(&cache->layers[layer]);
    const AttentionShape shape{next.offsets, layout_.heads, layout_.key_heads,
                               blocks_[layer].attention_scale};
    return attention_cached(rotary_ ? rotary_->turned(qkv, next.offsets, starts) : qkv, shape,
                            kept);
  };
  for (size_t i = 0; i < blocks_.size(); ++i) x = block_forward(i, x, attend);
  return finish(x);
}

}  // namespace kindred::lm
