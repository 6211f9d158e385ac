#include "cf/user_vae.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/random.h"
#include "core/strings.h"

namespace kindred::cf {
namespace {

torch::Tensor bag_sum(const torch::Tensor& weight, const ItemBags& bags,
                      const torch::Tensor& values) {
  constexpr int64_t sum = 0;
  return std::get<0>(at::embedding_bag(weight, bags.items, bags.offsets,
                                       /*scale_grad_by_freq=*/false, sum, /*sparse=*/false, values,
                                       /*include_last_offset=*/false));
}

at::Generator stream_of(uint64_t seed, const std::string& name,
                        std::initializer_list<uint64_t> counters = {}) {
  return at::make_generator<at::CPUGeneratorImpl>(Random(seed, name, counters)());
}

/// A matrix by Xavier's uniform rule, or a bias from a normal truncated at two deviations.
torch::Tensor drawn(const UserVaeStart& start, const std::string& name,
                    const std::vector<int64_t>& shape, int64_t fan_out) {
  auto generator = stream_of(start.seed, cat(start.stream, ":", name));
  torch::Tensor values = torch::zeros(shape);
  if (shape.size() == 2) {
    // Matrices are [out, in], those over items [N, H]; the rule is symmetric in the two.
    const auto fans = static_cast<double>(fan_out > 0 ? fan_out + shape[1] : shape[0] + shape[1]);
    const double limit = std::sqrt(6.0 / fans);
    values.uniform_(-limit, limit, generator);
  } else if (start.bias_deviation > 0) {
    const double tail = 0.022750131948179195;  // P(x < -2) of a standard normal
    values.uniform_(tail, 1 - tail, generator);
    values = (values * 2 - 1).erfinv() * (std::sqrt(2.0) * start.bias_deviation);
  }
  return values.to(start.device).requires_grad_();
}

}  // namespace

void UserBatch::to(torch::Device device) {
  for (torch::Tensor* tensor : {&bags.items, &bags.offsets, &bags.rows, &values, &noise})
    *tensor = tensor->to(device);
}

UserVae::UserVae(const UserVaeShape& shape, const UserVaeStart& start) : shape_(shape) {
  build([&](const std::string& name, const std::vector<int64_t>& size, int64_t fan_out) {
    return drawn(start, name, size, fan_out);
  });
}

UserVae::UserVae(const UserVaeShape& shape, const model::NamedTensors& saved,
                 const std::string& where)
    : shape_(shape) {
  build([&](const std::string& name, const std::vector<int64_t>& size, int64_t) {
    return model::find_tensor(saved, name, size, where);
  });
}

torch::Tensor UserVae::take(const Maker& make, const std::string& name, std::vector<int64_t> shape,
                            int64_t fan_out) {
  const torch::Tensor tensor = make(name, std::move(shape), fan_out);
  parameters_.emplace_back(name, tensor);
  return tensor;
}

UserVae::Layer UserVae::layer(const Maker& make, const std::string& name,
                              std::array<int64_t, 2> in_out, int64_t fan_out) {
  const auto [in, out] = in_out;
  return {take(make, name + ".weight", {out, in}, fan_out), take(make, name + ".bias", {out})};
}

void UserVae::build(const Maker& make) {
  const auto& [items, hidden, latent, log_deviation, tied] = shape_;
  const int64_t width = hidden.empty() ? latent : hidden.front();
  // Multi-VAE draws both heads as one matrix; the rule that scales it sees twice the outputs.
  const int64_t head_fan = log_deviation ? 0 : 2 * latent;
  first_ = take(make, "encoder.items.weight", {items, width});
  first_bias_ = take(make, "encoder.items.bias", {width});
  for (size_t k = 1; k < hidden.size(); ++k)
    encoder_.push_back(layer(make, cat("encoder.", k), {hidden[k - 1], hidden[k]}));
  if (hidden.empty()) {
    spread_ = take(make, "encoder.spread.weight", {items, latent});
    spread_head_.bias = take(make, "encoder.spread.bias", {latent});
  } else {
    mean_head_ = layer(make, "encoder.mean", {hidden.back(), latent}, head_fan);
    spread_head_ = layer(make, "encoder.spread", {hidden.back(), latent}, head_fan);
  }
  for (size_t k = hidden.size(); k > 0; --k)
    decoder_.push_back(layer(make, cat("decoder.", hidden.size() - k),
                             {k == hidden.size() ? latent : hidden[k], hidden[k - 1]}));
  last_ = tied ? first_ : take(make, "decoder.items.weight", {items, width});
  last_bias_ = take(make, "decoder.items.bias", {items});
}

UserVae::Latent UserVae::encode(const ItemBags& bags, const torch::Tensor& values) const {
  torch::Tensor mean, spread;
  torch::Tensor hidden = bag_sum(first_, bags, values) + first_bias_;  // [B, H]
  if (shape_.hidden.empty()) {
    mean = hidden;
    spread = bag_sum(spread_, bags, values) + spread_head_.bias;
  } else {
    hidden = torch::tanh(hidden);
    for (const Layer& next : encoder_)
      hidden = torch::tanh(torch::linear(hidden, next.weight, next.bias));
    mean = torch::linear(hidden, mean_head_.weight, mean_head_.bias);
    spread = torch::linear(hidden, spread_head_.weight, spread_head_.bias);
  }
  return {mean, shape_.log_deviation ? spread.clamp(-20, 2) * 2 : spread};
}

torch::Tensor UserVae::decode(const torch::Tensor& z) const {
  torch::Tensor hidden = z;
  for (const Layer& next : decoder_)
    hidden = torch::tanh(torch::linear(hidden, next.weight, next.bias));
  return hidden;
}

torch::Tensor UserVae::logits(const torch::Tensor& hidden) const {
  return torch::linear(hidden, last_, last_bias_);  // [B, H] -> [B, N]
}

torch::Tensor UserVae::squared_weights() const {
  if (decoder_.empty()) return torch::zeros({}, first_.options());
  return (first_.square().sum() + decoder_.front().weight.square().sum()) / 2;
}

std::shared_ptr<UserVae> UserVae::with_items(const torch::Tensor& which,
                                             const torch::Tensor& vectors) const {
  torch::NoGradGuard no_grad;
  model::NamedTensors copy;
  const auto rows = which.nonzero().squeeze(1);
  for (const auto& [name, tensor] : parameters_) {
    torch::Tensor values = tensor.detach().clone();
    const bool matrix = name == (shape_.tied ? "encoder.items.weight" : "decoder.items.weight");
    if (matrix) values.index_copy_(0, rows, vectors.index_select(0, rows).to(values.options()));
    if (name == "decoder.items.bias" && rows.numel() < values.numel())
      values.index_fill_(0, rows, values.masked_select(which.logical_not()).mean());
    copy.emplace_back(name, values);
  }
  return std::make_shared<UserVae>(shape_, copy, "the model");
}

torch::Tensor bag_values(const ItemBags& bags, bool normalize) {
  if (!normalize)
    return torch::ones({bags.items.size(0)}, bags.items.options().dtype(torch::kFloat32));
  const torch::Tensor counts = torch::bincount(bags.rows, {}, bags.offsets.size(0));
  return counts.to(torch::kFloat32).rsqrt().index_select(0, bags.rows);
}

UserBatches::UserBatches(std::shared_ptr<const data::Csr> users, UserBatchOptions options)
    : users_(std::move(users)), options_(std::move(options)) {
  for (int64_t u = 0; u < users_->rows(); ++u)
    if (!users_->row(u).empty()) people_.push_back(static_cast<Index>(u));
  order_ = std::make_shared<data::ShuffledBatches>(static_cast<int64_t>(people_.size()),
                                                   options_.batch_size, options_.seed,
                                                   options_.stream + ".order");
}

int64_t UserBatches::steps() const {
  return order_->steps(0);
}

std::unique_ptr<UserBatch> UserBatches::make(int64_t epoch, int64_t step) const {
  auto batch = std::make_unique<UserBatch>();
  std::vector<std::vector<Index>> lists;
  for (const int64_t person : order_->batch(epoch, step)) {
    const auto row = users_->row(people_[static_cast<size_t>(person)]);
    lists.emplace_back(row.begin(), row.end());
  }
  const auto at = {static_cast<uint64_t>(epoch), static_cast<uint64_t>(step)};
  batch->bags = item_bags(lists);
  batch->values = bag_values(batch->bags, options_.normalize);
  if (options_.dropout > 0) {
    auto generator = stream_of(options_.seed, options_.stream + ".dropout", at);
    const double kept = 1 - options_.dropout;
    batch->values =
        batch->values * torch::empty_like(batch->values).bernoulli_(kept, generator) / kept;
  }
  auto generator = stream_of(options_.seed, options_.stream + ".noise", at);
  batch->noise = torch::empty({batch->rows(), options_.latent}).normal_(0, 1, generator);
  batch->kl_weight = options_.kl_weight ? options_.kl_weight(epoch, step) : 1.0;
  batch->epoch = epoch;
  return batch;
}

UserVaeLoss user_vae_loss(const UserVae& vae, const UserBatch& batch) {
  const auto [mean, log_variance] = vae.encode(batch.bags, batch.values);
  const torch::Tensor z = mean + batch.noise * torch::exp(log_variance / 2);
  const torch::Tensor logits = vae.logits(vae.decode(z));  // [B, N]
  const torch::Tensor counts = torch::bincount(batch.bags.rows, {}, batch.rows());
  const torch::Tensor taken = logits.index({batch.bags.rows, batch.bags.items});  // [nnz]
  const torch::Tensor normaliser = torch::logsumexp(logits, 1);                   // [B]
  return {(normaliser * counts).sum() - taken.sum(),
          (mean.square() + log_variance.exp() - 1 - log_variance).sum() / 2};
}

UserVaeObjective::UserVaeObjective(std::string name, std::shared_ptr<UserVae> vae,
                                   std::shared_ptr<const data::Csr> users, UserBatchOptions options,
                                   Penalty penalty)
    : name_(std::move(name)),
      vae_(std::move(vae)),
      batches_(std::move(users), std::move(options)),
      penalty_(std::move(penalty)) {}

model::LossParts UserVaeObjective::loss(const model::Batch& any) {
  const auto& batch = dynamic_cast<const UserBatch&>(any);
  const auto [likelihood, divergence] = user_vae_loss(*vae_, batch);
  const double count = batch.label_count();
  model::LossParts parts{likelihood + batch.kl_weight * divergence, count, {}};
  parts.shown = {{"likelihood", likelihood.item<double>() / count},
                 {"divergence", divergence.item<double>() / count},
                 {"kl_weight", batch.kl_weight}};
  if (!penalty_) return parts;
  const torch::Tensor penalty = penalty_(batch);
  parts.sum = parts.sum + penalty * count;
  parts.shown.emplace_back("penalty", penalty.item<double>());
  return parts;
}

UserVaeRecommender::UserVaeRecommender(std::string name, std::shared_ptr<UserVae> vae,
                                       data::Csr users, bool normalize)
    : HistoryRecommender(std::move(users), static_cast<Index>(vae->shape().items)),
      name_(std::move(name)),
      normalize_(normalize) {
  serve(std::move(vae));
}

torch::Tensor UserVaeRecommender::user_vectors(std::span<const model::Query> queries,
                                               const torch::Tensor&) {
  std::vector<std::vector<Index>> lists;
  for (const model::Query& query : queries) lists.push_back(items_of(query));
  ItemBags bags = item_bags(lists);
  const auto device = vae_->last().device();
  for (torch::Tensor* tensor : {&bags.items, &bags.offsets, &bags.rows})
    *tensor = tensor->to(device);
  const auto latent = vae_->encode(bags, bag_values(bags, normalize_));
  return vae_->decode(latent.mean);
}

torch::Tensor UserVaeRecommender::item_vectors(const torch::Tensor& ids) {
  return ids.defined() ? vae_->last().index_select(0, ids.to(vae_->last().device())) : vae_->last();
}

Json UserVaeRecommender::save(const std::filesystem::path& folder) const {
  model::NamedTensors tensors = vae_->parameters();
  for (auto& tensor : popularity_tensors()) tensors.push_back(tensor);
  model::save_tensors(folder / "model.safetensors", tensors);
  const auto& [items, hidden, latent, log_deviation, tied] = vae_->shape();
  return {{"name", name_}, {"hidden_sizes", hidden},         {"latent_size", latent},
          {"tied", tied},  {"log_deviation", log_deviation}, {"normalize", normalize_}};
}

UserVaeRecommender::UserVaeRecommender(const model::SavedModel& saved) {
  const std::string where = (saved.folder / "model.safetensors").string();
  const auto tensors = model::load_tensors(where);
  UserVaeShape shape;
  shape.items = saved.items->size();
  try {
    name_ = saved.json.at("name");
    shape.hidden = saved.json.at("hidden_sizes").get<std::vector<int64_t>>();
    shape.latent = saved.json.at("latent_size");
    shape.tied = saved.json.at("tied");
    shape.log_deviation = saved.json.at("log_deviation");
    normalize_ = saved.json.at("normalize");
  } catch (const Json::exception& problem) {
    throw Error(Exit::bad_data, (saved.folder / "kindred.json").string(),
                cat("the model's description is not whole: ", problem.what()));
  }
  const auto empty = [](int64_t size) { return size < 1; };
  if (shape.latent < 1 || std::any_of(shape.hidden.begin(), shape.hidden.end(), empty))
    throw Error(Exit::bad_data, (saved.folder / "kindred.json").string(),
                "got a layer without units, expected hidden_sizes and latent_size of at least 1");
  read_popularity(tensors, saved, where);
  model::NamedTensors placed;
  for (const auto& [name, tensor] : tensors) placed.emplace_back(name, tensor.to(saved.device));
  serve(std::make_shared<UserVae>(shape, placed, where));
}

}  // namespace kindred::cf
