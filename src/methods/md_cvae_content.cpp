#include "methods/md_cvae_content.h"

#include <ATen/CPUGeneratorImpl.h>

#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/random.h"
#include "core/strings.h"

namespace kindred::methods {
namespace {

at::Generator stream_of(const ContentOptions& options, const std::string& name,
                        std::initializer_list<uint64_t> counters = {}) {
  return at::make_generator<at::CPUGeneratorImpl>(
      Random(options.seed, cat(options.stream, ".", name), counters)());
}

template <class T>
torch::Tensor as_tensor(const std::vector<T>& values) {
  torch::Tensor tensor =
      torch::empty({static_cast<int64_t>(values.size())}, c10::CppTypeToScalarType<T>::value);
  if (!values.empty()) std::memcpy(tensor.data_ptr(), values.data(), values.size() * sizeof(T));
  return tensor;
}

/// -sum(x log s + (1 - x) log(1 - s)) of logits [B, V] against sparse targets.
torch::Tensor cross_entropy(const torch::Tensor& logits, const ContentBatch& batch) {
  const torch::Tensor taken = logits.index({batch.owners, batch.words});
  return torch::softplus(logits).sum() - (taken * batch.values).sum();
}

/// The same against dense targets of the same shape.
torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& target) {
  return torch::softplus(logits).sum() - (logits * target).sum();
}

}  // namespace

void ContentBatch::to(torch::Device device) {
  for (torch::Tensor* tensor : {&items, &words, &offsets, &owners, &values, &given, &noise})
    *tensor = tensor->to(device);
}

ContentBatches::ContentBatches(std::shared_ptr<const text::BagOfWords> bags, ContentOptions options)
    : bags_(std::move(bags)), options_(std::move(options)) {
  for (int64_t item = 0; item < bags_->documents(); ++item)
    if (bags_->offsets[item] < bags_->offsets[item + 1]) described_.push_back(item);
  order_ = std::make_shared<data::ShuffledBatches>(static_cast<int64_t>(described_.size()),
                                                   options_.batch_size, options_.seed,
                                                   options_.stream + ".order");
}

int64_t ContentBatches::steps() const {
  return order_->steps(0);
}

std::unique_ptr<ContentBatch> ContentBatches::of(const std::vector<int64_t>& items) const {
  std::vector<int64_t> words, offsets, owners;
  std::vector<float> values;
  for (size_t row = 0; row < items.size(); ++row) {
    offsets.push_back(static_cast<int64_t>(words.size()));
    for (int64_t k = bags_->offsets[items[row]]; k < bags_->offsets[items[row] + 1]; ++k) {
      words.push_back(bags_->columns[k]);
      owners.push_back(static_cast<int64_t>(row));
      values.push_back(bags_->values[k]);
    }
  }
  auto batch = std::make_unique<ContentBatch>();
  batch->items = as_tensor(items);
  batch->words = as_tensor(words);
  batch->offsets = as_tensor(offsets);
  batch->owners = as_tensor(owners);
  batch->values = as_tensor(values);
  batch->given = batch->values;
  batch->noise = torch::zeros({batch->rows(), options_.latent});
  return batch;
}

std::unique_ptr<ContentBatch> ContentBatches::make(int64_t epoch, int64_t step) const {
  std::vector<int64_t> items;
  for (const int64_t row : order_->batch(epoch, step)) items.push_back(described_[row]);
  auto batch = of(items);
  const auto at = {static_cast<uint64_t>(epoch), static_cast<uint64_t>(step)};
  if (options_.mask > 0) {
    auto generator = stream_of(options_, "mask", at);
    batch->given =
        batch->values * torch::empty_like(batch->values).bernoulli_(1 - options_.mask, generator);
  }
  auto generator = stream_of(options_, "noise", at);
  batch->noise.normal_(0, 1, generator);
  return batch;
}

ContentVae::ContentVae(int64_t words, const ContentOptions& options) {
  build(words, options, [&](const std::string& name, const std::vector<int64_t>& shape) {
    torch::Tensor values = torch::zeros(shape);
    if (shape.size() == 2) {
      auto generator = stream_of(options, name);
      const double limit = std::sqrt(6.0 / static_cast<double>(shape[0] + shape[1]));
      values.uniform_(-limit, limit, generator);
    }
    return values.to(options.device).requires_grad_();
  });
}

ContentVae::ContentVae(int64_t words, const ContentOptions& options,
                       const model::NamedTensors& saved) {
  build(words, options, [&](const std::string& name, const std::vector<int64_t>& shape) {
    return model::find_tensor(saved, name, shape, "md-cvae");
  });
}

torch::Tensor ContentVae::take(const Maker& make, const std::string& name,
                               const std::vector<int64_t>& shape) {
  parameters_.emplace_back(name, make(name, shape));
  return parameters_.back().second;
}

void ContentVae::build(int64_t words, const ContentOptions& options, const Maker& make) {
  check(!options.hidden.empty(), "the content autoencoder has a layer at least");
  int64_t in = words;
  for (size_t k = 0; k < options.hidden.size(); ++k) {
    const int64_t out = options.hidden[k];
    const std::string name = cat("content.", k);
    Layer layer;
    layer.weight = take(make, name + ".weight",
                        k == 0 ? std::vector<int64_t>{in, out} : std::vector<int64_t>{out, in});
    layer.bias = take(make, name + ".bias", {out});
    layer.back = take(make, name + ".back", {in});
    layers_.push_back(layer);
    in = out;
  }
  mean_ = take(make, "content.mean.weight", {options.latent, in});
  mean_bias_ = take(make, "content.mean.bias", {options.latent});
  spread_ = take(make, "content.spread.weight", {options.latent, in});
  spread_bias_ = take(make, "content.spread.bias", {options.latent});
  out_ = take(make, "content.out.weight", {in, options.latent});
  out_bias_ = take(make, "content.out.bias", {in});
}

model::NamedTensors ContentVae::trained_by(size_t layer) const {
  const std::string own = cat("content.", layer, ".");
  model::NamedTensors chosen;
  for (const auto& parameter : parameters_) {
    const bool numbered = std::isdigit(static_cast<unsigned char>(parameter.first[8]));
    if (layer < layers_.size() ? parameter.first.starts_with(own) : !numbered)
      chosen.push_back(parameter);
  }
  return chosen;
}

torch::Tensor ContentVae::encode(const ContentBatch& batch, const torch::Tensor& given,
                                 size_t depth) const {
  constexpr int64_t sum = 0;
  const Layer& first = layers_.front();
  const auto bags =
      at::embedding_bag(first.weight, batch.words, batch.offsets, false, sum, false, given, false);
  torch::Tensor hidden = torch::sigmoid(std::get<0>(bags) + first.bias);  // [B, H]
  for (size_t k = 1; k < depth; ++k)
    hidden = torch::sigmoid(torch::linear(hidden, layers_[k].weight, layers_[k].bias));
  return hidden;
}

ContentVae::Loss ContentVae::layer_loss(size_t layer, const ContentBatch& batch) const {
  Loss loss;
  const Layer& own = layers_.at(layer);
  if (layer == 0) {
    const torch::Tensor hidden = encode(batch, batch.given, 1);
    loss.reconstruction = cross_entropy(torch::linear(hidden, own.weight, own.back), batch);
    return loss;
  }
  torch::Tensor below;
  {
    torch::NoGradGuard no_grad;
    below = encode(batch, batch.values, layer);
  }
  const torch::Tensor hidden = torch::sigmoid(torch::linear(below, own.weight, own.bias));
  loss.reconstruction = cross_entropy(torch::linear(hidden, own.weight.t(), own.back), below);
  return loss;
}

ContentVae::Loss ContentVae::latent(const torch::Tensor& hidden, const torch::Tensor& noise,
                                    torch::Tensor& decoded) const {
  Loss loss;
  loss.mean = torch::linear(hidden, mean_, mean_bias_);
  const torch::Tensor log_variance = torch::linear(hidden, spread_, spread_bias_).clamp(-20, 2) * 2;
  const torch::Tensor z = loss.mean + noise * torch::exp(log_variance / 2);
  loss.divergence = (loss.mean.square() + log_variance.exp() - 1 - log_variance).sum() / 2;
  decoded = torch::linear(z, out_, out_bias_);  // logits of the last layer [B, H]
  return loss;
}

ContentVae::Loss ContentVae::core_loss(const ContentBatch& batch) const {
  torch::Tensor below, decoded;
  {
    torch::NoGradGuard no_grad;
    below = encode(batch, batch.values, layers_.size());
  }
  Loss loss = latent(below, batch.noise, decoded);
  loss.reconstruction = cross_entropy(decoded, below);
  return loss;
}

ContentVae::Loss ContentVae::loss(const ContentBatch& batch) const {
  torch::Tensor decoded;
  Loss loss = latent(encode(batch, batch.given, layers_.size()), batch.noise, decoded);
  decoded = torch::sigmoid(decoded);
  for (size_t k = layers_.size() - 1; k > 0; --k)
    decoded = torch::sigmoid(torch::linear(decoded, layers_[k].weight.t(), layers_[k].back));
  const Layer& first = layers_.front();
  loss.reconstruction = cross_entropy(torch::linear(decoded, first.weight, first.back), batch);
  return loss;
}

torch::Tensor ContentVae::means(const ContentBatch& batch) const {
  torch::NoGradGuard no_grad;
  return torch::linear(encode(batch, batch.values, layers_.size()), mean_, mean_bias_);
}

torch::Tensor ContentVae::squared_weights() const {
  torch::Tensor sum = torch::zeros({}, mean_.options());
  for (const Layer& layer : layers_) sum = sum + layer.weight.square().sum();
  return sum;
}

ContentVaeObjective::ContentVaeObjective(std::shared_ptr<ContentVae> vae,
                                         std::shared_ptr<ContentBatches> batches, ContentPart part,
                                         size_t layer, ContentPenalty penalty)
    : vae_(std::move(vae)),
      batches_(std::move(batches)),
      part_(part),
      layer_(layer),
      penalty_(std::move(penalty)) {}

model::LossParts ContentVaeObjective::loss(const model::Batch& any) {
  const auto& batch = dynamic_cast<const ContentBatch&>(any);
  const ContentVae::Loss loss = part_ == ContentPart::layer  ? vae_->layer_loss(layer_, batch)
                                : part_ == ContentPart::core ? vae_->core_loss(batch)
                                                             : vae_->loss(batch);
  const double count = batch.label_count();
  model::LossParts parts{loss.reconstruction, count, {}};
  parts.shown.emplace_back("reconstruction", loss.reconstruction.item<double>() / count);
  if (loss.divergence.defined()) {
    parts.sum = parts.sum + loss.divergence;
    parts.shown.emplace_back("divergence", loss.divergence.item<double>() / count);
  }
  if (penalty_) {
    const torch::Tensor penalty = penalty_(batch, loss.mean);
    parts.sum = parts.sum + penalty * count;
    parts.shown.emplace_back("penalty", penalty.item<double>());
  }
  return parts;
}

}  // namespace kindred::methods
