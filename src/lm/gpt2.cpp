#include "lm/gpt2.h"

#include <numeric>
#include <utility>

#include "core/error.h"
#include "core/strings.h"
#include "lm/activation.h"
#include "lm/vocabulary_loss.h"

namespace kindred::lm {
namespace {

// Keys and values [H, L, D/H] of each layer.
struct Gpt2Cache : Cache {
  std::vector<torch::Tensor> keys, values;
  int64_t tokens = 0;
  int64_t length() const override { return tokens; }
};

// Registers `value` under a dotted name, making the modules in between.
torch::Tensor register_dotted(torch::nn::Module& root, const std::string& name,
                              torch::Tensor value) {
  std::vector<std::string> parts = split(name, '.');
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

// Position of every packed token in its sequence, [T] int64.
torch::Tensor positions(const std::vector<int64_t>& offsets) {
  auto result = torch::empty({offsets.back()}, torch::kInt64);
  int64_t* out = result.data_ptr<int64_t>();
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    std::iota(out + offsets[s], out + offsets[s + 1], int64_t{0});
  }
  return result;
}

void check_packed(const Packed& input, int64_t hidden_size, int64_t context) {
  check(!input.offsets.empty() && input.offsets.front() == 0, "packed offsets start at 0");
  check(input.embeddings.dim() == 2 && input.embeddings.size(1) == hidden_size &&
            input.embeddings.size(0) == input.tokens(),
        "packed embeddings are [offsets.back(), hidden_size]");
  for (size_t s = 0; s + 1 < input.offsets.size(); ++s) {
    const int64_t n = input.offsets[s + 1] - input.offsets[s];
    check(n >= 0, "packed offsets ascend");
    if (n > context) {
      throw Error(Exit::bad_data, cat("sequence ", s),
                  cat("got ", n, " tokens, expected at most the context of ", context,
                      "; shorten the text"));
    }
  }
}

}  // namespace

Gpt2::Gpt2(Gpt2Config config, std::map<std::string, torch::Tensor> weights,
           const LoadOptions& options)
    : config_(std::move(config)), blocks_(static_cast<size_t>(config_.n_layer)) {
  compute_ = !options.trainable && options.precision == "bf16" ? torch::kBFloat16 : torch::kFloat;
  const auto take = [&](const std::string& name, torch::ScalarType type) {
    auto found = weights.find(name);
    check(found != weights.end(), "every tensor of the configuration is given");
    auto value = found->second.to(options.device, type).contiguous().detach();
    weights.erase(found);
    value.set_requires_grad(options.trainable);
    return register_dotted(*this, name, std::move(value));
  };
  wte_ = take("transformer.wte.weight", compute_);
  wpe_ = take("transformer.wpe.weight", torch::kFloat);
  for (int64_t i = 0; i < config_.n_layer; ++i) {
    Block& block = blocks_[static_cast<size_t>(i)];
    const std::string at = cat("transformer.h.", i, ".");
    block.ln_1_weight = take(at + "ln_1.weight", torch::kFloat);
    block.ln_1_bias = take(at + "ln_1.bias", torch::kFloat);
    block.qkv_weight = take(at + "attn.c_attn.weight", compute_);
    block.qkv_bias = take(at + "attn.c_attn.bias", compute_);
    block.out_weight = take(at + "attn.c_proj.weight", compute_);
    block.out_bias = take(at + "attn.c_proj.bias", compute_);
    block.ln_2_weight = take(at + "ln_2.weight", torch::kFloat);
    block.ln_2_bias = take(at + "ln_2.bias", torch::kFloat);
    block.fc_weight = take(at + "mlp.c_fc.weight", compute_);
    block.fc_bias = take(at + "mlp.c_fc.bias", compute_);
    block.proj_weight = take(at + "mlp.c_proj.weight", compute_);
    block.proj_bias = take(at + "mlp.c_proj.bias", compute_);
  }
  ln_f_weight_ = take("transformer.ln_f.weight", torch::kFloat);
  ln_f_bias_ = take("transformer.ln_f.bias", torch::kFloat);
  if (!config_.tie_word_embeddings) head_ = take("lm_head.weight", compute_);
  if (!options.trainable && options.device.is_cpu()) frozen_ = prepare_frozen();
  train(false);
}

std::shared_ptr<const FrozenStack> Gpt2::prepare_frozen() const {
  auto stack = std::make_shared<FrozenStack>();
  stack->ln_f = {ln_f_weight_, ln_f_bias_};
  stack->activation = config_.activation;
  stack->heads = config_.n_head;
  stack->epsilon = config_.layer_norm_epsilon;
  stack->compute = compute_;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const Block& b = blocks_[i];
    stack->blocks.push_back({{b.ln_1_weight, b.ln_1_bias},
                             {b.ln_2_weight, b.ln_2_bias},
                             {b.qkv_weight, b.qkv_bias},
                             {b.out_weight, b.out_bias},
                             {b.fc_weight, b.fc_bias},
                             {b.proj_weight, b.proj_bias},
                             config_.attention_scale(static_cast<int64_t>(i))});
  }
  return stack;
}

double Gpt2::embedding_std() const {
  const torch::NoGradGuard no_grad;
  return wte_.to(torch::kFloat).std().item<double>();
}

torch::Tensor Gpt2::embed(const torch::Tensor& ids) {
  return torch::embedding(wte_, ids).to(torch::kFloat);
}

torch::Tensor Gpt2::norm(const torch::Tensor& x, const torch::Tensor& weight,
                         const torch::Tensor& bias) const {
  return torch::layer_norm(x, {config_.n_embd}, weight, bias, config_.layer_norm_epsilon);
}

torch::Tensor Gpt2::drop(const torch::Tensor& x, double probability) const {
  return is_training() && probability > 0 ? torch::dropout(x, probability, true) : x;
}

torch::Tensor Gpt2::mlp(const Block& block, const torch::Tensor& x) const {
  const auto inner = torch::addmm(block.fc_bias, x.to(compute_), block.fc_weight);
  const auto out =
      torch::addmm(block.proj_bias, activate(config_.activation, inner), block.proj_weight);
  return drop(out.to(torch::kFloat), config_.resid_pdrop);
}

torch::Tensor Gpt2::hidden(const Packed& input) {
  check_packed(input, config_.n_embd, config_.n_positions);
  // The residual stream stays fp32 whatever the products' type: it costs little and rounds less.
  auto x = input.embeddings.to(torch::kFloat) +
           torch::embedding(wpe_, positions(input.offsets).to(wpe_.device()));
  // Dropout and trainable weights take the ordinary graph; a frozen model in use its own.
  if (frozen_ != nullptr && !is_training()) return frozen_hidden(frozen_, x, input.offsets);
  x = drop(x, config_.embd_pdrop);
  AttentionShape shape{input.offsets, config_.n_head, 1};
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    shape.scale = config_.attention_scale(static_cast<int64_t>(i));
    const auto qkv = torch::addmm(
        block.qkv_bias, norm(x, block.ln_1_weight, block.ln_1_bias).to(compute_), block.qkv_weight);
    const bool dropping = is_training() && config_.attn_pdrop > 0;
    const auto mixed =
        dropping ? attention_plain(qkv, shape, config_.attn_pdrop) : attention(qkv, shape);
    const auto out = torch::addmm(block.out_bias, mixed, block.out_weight);
    x = x + drop(out.to(torch::kFloat), config_.resid_pdrop);
    x = x + mlp(block, norm(x, block.ln_2_weight, block.ln_2_bias));
  }
  return norm(x, ln_f_weight_, ln_f_bias_);
}

torch::Tensor Gpt2::logits(const torch::Tensor& hidden) {
  return vocabulary_logits(hidden, head());
}

torch::Tensor Gpt2::cross_entropy_sum(const torch::Tensor& hidden, const torch::Tensor& targets) {
  return vocabulary_loss(hidden, head(), targets);
}

std::unique_ptr<Cache> Gpt2::make_cache() {
  auto cache = std::make_unique<Gpt2Cache>();
  cache->keys.resize(blocks_.size());
  cache->values.resize(blocks_.size());
  return cache;
}

torch::Tensor Gpt2::hidden_next(const torch::Tensor& embeddings, Cache& any) {
  auto* cache = dynamic_cast<Gpt2Cache*>(&any);
  check(cache != nullptr, "the cache was made by this model");
  const int64_t n = embeddings.size(0), past = cache->tokens, heads = config_.n_head;
  if (past + n > config_.n_positions) {
    throw Error(Exit::bad_data, "sequence",
                cat("got ", past + n, " tokens, expected at most the context of ",
                    config_.n_positions, "; shorten the text"));
  }
  auto x = embeddings.to(torch::kFloat) + wpe_.narrow(0, past, n);
  const auto future = torch::ones({n, past + n}, x.options().dtype(torch::kBool)).triu(past + 1);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    const auto qkv = torch::addmm(
        block.qkv_bias, norm(x, block.ln_1_weight, block.ln_1_bias).to(compute_), block.qkv_weight);
    const auto parts = qkv.view({n, 3, heads, config_.head_dim()}).permute({1, 2, 0, 3});
    auto& keys = cache->keys[i];
    auto& values = cache->values[i];
    keys = keys.defined() ? torch::cat({keys, parts[1]}, 1) : parts[1];
    values = values.defined() ? torch::cat({values, parts[2]}, 1) : parts[2];
    auto scores = torch::matmul(parts[0], keys.transpose(1, 2)).to(torch::kFloat) *
                  config_.attention_scale(static_cast<int64_t>(i));
    const auto weights = torch::softmax(scores.masked_fill(future, -INFINITY), -1).to(compute_);
    const auto mixed = torch::matmul(weights, values).transpose(0, 1).reshape({n, config_.n_embd});
    x = x + torch::addmm(block.out_bias, mixed, block.out_weight).to(torch::kFloat);
    x = x + mlp(block, norm(x, block.ln_2_weight, block.ln_2_bias));
  }
  cache->tokens += n;
  return norm(x, ln_f_weight_, ln_f_bias_);
}

}  // namespace kindred::lm
