#include "lm/gpt2.h"

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
struct Gpt2Cache : Cache {
  std::vector<KeysValues> layers;

  int64_t length() const override { return layers.empty() ? 0 : layers[0].length; }
  std::unique_ptr<Cache> fork() const override {
    auto copy = std::make_unique<Gpt2Cache>();
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

Gpt2::Gpt2(Gpt2Config config, std::map<std::string, torch::Tensor> weights,
           const LoadOptions& options)
    : config_(std::move(config)), blocks_(static_cast<size_t>(config_.n_layer)) {
  model::secure_threads();
  compute_ = options.precision == "bf16" ? torch::kBFloat16 : torch::kFloat;
  const auto type = options.trainable ? torch::kFloat : compute_;
  const auto take = [&](const std::string& name, torch::ScalarType stored) {
    auto found = weights.find(name);
    check(found != weights.end(), "every tensor of the configuration is given");
    auto value = found->second.detach().to(options.device, stored).contiguous();
    weights.erase(found);
    value.set_requires_grad(options.trainable);
    return register_dotted(*this, name, std::move(value));
  };
  const auto take_norm = [&](const std::string& name) {
    return NormWeights{take(name + ".weight", torch::kFloat), take(name + ".bias", torch::kFloat)};
  };
  const auto take_linear = [&](const std::string& name) {
    return Linear{take(name + ".weight", type), take(name + ".bias", type), nullptr};
  };
  wte_ = take("transformer.wte.weight", type);
  wpe_ = take("transformer.wpe.weight", torch::kFloat);
  for (int64_t i = 0; i < config_.n_layer; ++i) {
    Block& block = blocks_[static_cast<size_t>(i)];
    const std::string at = cat("transformer.h.", i, ".");
    block.ln_1 = take_norm(at + "ln_1");
    block.qkv = take_linear(at + "attn.c_attn");
    block.out = take_linear(at + "attn.c_proj");
    block.ln_2 = take_norm(at + "ln_2");
    block.fc = take_linear(at + "mlp.c_fc");
    block.proj = take_linear(at + "mlp.c_proj");
    block.attention_scale = config_.attention_scale(i);
  }
  ln_f_ = take_norm("transformer.ln_f");
  if (!config_.tie_word_embeddings) head_ = take("lm_head.weight", type);
  if (!options.trainable && options.device.is_cpu()) prepare_frozen();
  train(false);
}

void Gpt2::prepare_frozen() {
  auto stack = std::make_shared<FrozenStack>();
  stack->ln_f = ln_f_;
  stack->activation = config_.activation;
  stack->heads = config_.n_head;
  stack->epsilon = config_.layer_norm_epsilon;
  stack->compute = compute_;
  for (Block& block : blocks_) {
    for (Linear* linear : {&block.qkv, &block.out, &block.fc, &block.proj}) {
      linear->frozen = std::make_shared<FrozenLinear>(linear->weight, linear->bias);
    }
    stack->blocks.push_back({block.ln_1, block.ln_2, block.qkv.frozen, block.out.frozen,
                             block.fc.frozen, block.proj.frozen, block.attention_scale});
  }
  frozen_ = std::move(stack);
}

double Gpt2::embedding_std() const {
  const torch::NoGradGuard no_grad;
  return wte_.to(torch::kFloat).std().item<double>();
}

torch::Tensor Gpt2::embed(const torch::Tensor& ids) {
  return torch::embedding(wte_, ids).to(torch::kFloat);
}

torch::Tensor Gpt2::start(const torch::Tensor& embeddings, const torch::Tensor& positions) const {
  // The residual stream stays fp32 whatever the products' type: it costs little and rounds less.
  return embeddings.to(torch::kFloat) + torch::embedding(wpe_, positions.to(wpe_.device()));
}

torch::Tensor Gpt2::norm(const torch::Tensor& x, const NormWeights& weights) const {
  return torch::layer_norm(x, {config_.n_embd}, weights.weight, weights.bias,
                           config_.layer_norm_epsilon);
}

torch::Tensor Gpt2::product(const Linear& linear, const torch::Tensor& x) const {
  const auto input = x.to(compute_);
  if (linear.frozen != nullptr && !torch::GradMode::is_enabled()) {
    return linear.frozen->forward(input);
  }
  return torch::addmm(linear.bias.to(compute_), input, linear.weight.to(compute_));
}

PassDropout Gpt2::draw_dropout() const {
  PassDropout dropout;
  if (!is_training()) return dropout;
  dropout.embedding = static_cast<float>(config_.embd_pdrop);
  dropout.attention = static_cast<float>(config_.attn_pdrop);
  dropout.residual = static_cast<float>(config_.resid_pdrop);
  if (dropout.embedding + dropout.attention + dropout.residual > 0) {
    dropout.seed = static_cast<uint64_t>(
        torch::randint(std::numeric_limits<int64_t>::max(), {1}, torch::kInt64).item<int64_t>());
  }
  return dropout;
}

torch::Tensor Gpt2::block_forward(size_t layer, const torch::Tensor& x, const Attend& attend,
                                  const PassDropout& dropout) const {
  const Block& block = blocks_[layer];
  const auto qkv = product(block.qkv, norm(x, block.ln_1));
  const auto out = product(block.out, attend(qkv, block.attention_scale, layer));
  const auto middle = x + dropped(out.to(torch::kFloat), dropout.after_attention(layer));
  const auto inner = activate(config_.activation, product(block.fc, norm(middle, block.ln_2)));
  return middle +
         dropped(product(block.proj, inner).to(torch::kFloat), dropout.after_feed_forward(layer));
}

Gpt2::Attend Gpt2::packed_attend(const std::vector<int64_t>& offsets,
                                 const PassDropout& dropout) const {
  const AttentionShape shape{offsets, config_.n_head, 1, {}};
  return [shape, dropout](const torch::Tensor& qkv, double scale, size_t layer) {
    AttentionShape of_layer = shape;
    of_layer.scale = scale;
    of_layer.dropout = dropout.of_attention(layer);
    return attention(qkv, of_layer);
  };
}

torch::Tensor Gpt2::hidden(const Packed& input, const torch::Tensor& rows) {
  check_packed(input, config_.n_embd, config_.n_positions);
  const PassDropout dropout = draw_dropout();
  auto x = start(input.embeddings, positions_of(input.offsets));
  // Trainable weights take the ordinary graph, a frozen model its own.
  if (frozen_ != nullptr) return frozen_hidden(frozen_, x, input.offsets, rows, dropout);
  x = dropped(x, dropout.of_embedding());
  const Attend attend = packed_attend(input.offsets, dropout);
  for (size_t i = 0; i < blocks_.size(); ++i) x = block_forward(i, x, attend, dropout);
  return norm(rows.defined() ? x.index_select(0, rows) : x, ln_f_);
}

std::vector<torch::Tensor> Gpt2::hidden_layers(const Packed& input) {
  check_packed(input, config_.n_embd, config_.n_positions);
  const PassDropout dropout = draw_dropout();
  std::vector<torch::Tensor> layers = {
      dropped(start(input.embeddings, positions_of(input.offsets)), dropout.of_embedding())};
  const Attend attend = packed_attend(input.offsets, dropout);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    layers.push_back(block_forward(i, layers.back(), attend, dropout));
  }
  layers.back() = norm(layers.back(), ln_f_);
  return layers;
}

torch::Tensor Gpt2::logits(const torch::Tensor& hidden) {
  return vocabulary_logits(hidden, head().to(compute_));
}

torch::Tensor Gpt2::cross_entropy_sum(const torch::Tensor& hidden, const torch::Tensor& targets) {
  return vocabulary_loss(hidden, head().to(compute_), targets);
}

std::unique_ptr<Cache> Gpt2::make_cache() {
  auto cache = std::make_unique<Gpt2Cache>();
  cache->layers.resize(blocks_.size());
  return cache;
}

torch::Tensor Gpt2::hidden_next(const Packed& next, std::span<Cache* const> caches) {
  const torch::NoGradGuard no_grad;
  check_packed(next, config_.n_embd, config_.n_positions);
  check(static_cast<int64_t>(caches.size()) == next.sequences(), "one cache for each sequence");
  std::vector<Gpt2Cache*> own;
  std::vector<int64_t> starts;
  for (size_t s = 0; s < caches.size(); ++s) {
    own.push_back(dynamic_cast<Gpt2Cache*>(caches[s]));
    check(own.back() != nullptr, "the cache was made by this model");
    starts.push_back(own.back()->length());
    check_length(s, starts[s] + next.offsets[s + 1] - next.offsets[s], config_.n_positions);
  }
  auto x = start(next.embeddings, positions_of(next.offsets, starts));
  const Attend attend = [&](const torch::Tensor& qkv, double scale, size_t layer) {
    std::vector<KeysValues*> kept;
    for (Gpt2Cache* cache : own) kept.push_back(&cache->layers[layer]);
    return attention_cached(qkv, {next.offsets, config_.n_head, scale}, kept);
  };
  for (size_t i = 0; i < blocks_.size(); ++i) x = block_forward(i, x, attend);
  return norm(x, ln_f_);
}

}  // namespace kindred::lm
