#include "lm/adapter.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/random.h"
#include "core/safetensors.h"
#include "core/strings.h"
#include "lm/weights.h"
#include "model/tensors.h"

namespace kindred::lm {
namespace {

const std::string kPrefix = "base_model.model.";

// The modules that hold a parameter, from the outermost to its own: a.b.weight -> a, a.b.
std::vector<std::string> modules_of(const std::string& parameter) {
  std::vector<std::string> modules;
  for (size_t dot = parameter.find('.'); dot != std::string::npos;
       dot = parameter.find('.', dot + 1)) {
    modules.push_back(parameter.substr(0, dot));
  }
  return modules;
}

// What target_modules could have named.
std::string layer_names(const Backbone& model) {
  std::set<std::string> ends;
  for (const auto& layer : model.linears()) {
    for (const Linear::Part& part : layer->parts()) {
      ends.insert(part.name.substr(part.name.rfind('.') + 1));
    }
  }
  return join(std::vector<std::string>(ends.begin(), ends.end()), ", ");
}

torch::Tensor start_of_a(const std::string& module, const std::vector<int64_t>& shape,
                         uint64_t seed) {
  Random random(seed, "lm/adapter/" + module);
  auto generator = torch::make_generator<torch::CPUGeneratorImpl>(random());
  // Kaiming's uniform with a = sqrt(5).
  const double bound = 1 / std::sqrt(static_cast<double>(shape[1]));
  return torch::empty(shape).uniform_(-bound, bound, generator);
}

}  // namespace

Adapter::Adapter(const Backbone& model, AdapterConfig config, uint64_t seed)
    : Adapter(std::move(config)) {
  const torch::NoGradGuard no_grad;
  find_layers(model);
  find_own(model);
  for (Low& low : low_) {
    LowRank& one = *low.low_rank;
    one.a = start_of_a(low.module, one.a.sizes().vec(), seed).to(model.device());
    one.b = torch::zeros(one.b.sizes(), one.a.options());
  }
  const auto parameters = model.named_parameters();
  for (Own& own : own_) own.value = parameters[own.name].detach().to(torch::kFloat, false, true);
  set_trainable(true);
}

// The layers that get an addition; tensors have their shapes and no values yet.
void Adapter::find_layers(const Backbone& model) {
  const AdapterTargets targets(config_);
  for (size_t i = 0; i < model.linears().size(); ++i) {
    const auto& parts = model.linears()[i]->parts();
    for (size_t p = 0; p < parts.size(); ++p) {
      const auto size = targets.low_rank(parts[p].name);
      if (!size) continue;
      auto one = std::make_shared<LowRank>();
      one->a = torch::empty({size->rank, parts[p].in}, torch::kMeta);
      one->b = torch::empty({parts[p].out, size->rank}, torch::kMeta);
      one->scale = size->scale;
      one->dropout = config_.lora_dropout;
      low_.push_back({parts[p].name, i, p, std::move(one)});
    }
  }
  if (low_.empty()) {
    throw Error(Exit::config, "target_modules",
                cat("fits no linear layer of this ", model.kind(), " model, expected some of: ",
                    layer_names(model), " (word tables and heads take no adapter)"));
  }
}

void Adapter::find_own(const Backbone& model) {
  const AdapterTargets targets(config_);
  std::set<std::string> adapted, matched;
  for (const Low& low : low_) adapted.insert(low.module);
  for (const auto& parameter : model.named_parameters()) {
    const std::string& name = parameter.key();
    const std::vector<std::string> modules = modules_of(name);
    const bool is_bias = name.ends_with(".bias"), inside = adapted.contains(modules.back());
    if (std::ranges::any_of(modules, [&](const auto& m) { return targets.saves(m); })) {
      own_.push_back({kPrefix + name, name, {}, {}, {}});
      for (const std::string& one : config_.modules_to_save) {
        if (std::ranges::any_of(modules, [&](const auto& m) { return m.ends_with(one); })) {
          matched.insert(one);
        }
      }
    } else if (is_bias && (config_.bias == "all" || (config_.bias == "lora_only" && inside))) {
      const std::string shown = inside ? modules.back() + ".base_layer.bias" : name;
      own_.push_back({kPrefix + shown, name, {}, {}, {}});
    }
  }
  for (const std::string& one : config_.modules_to_save) {
    if (matched.contains(one)) continue;
    throw Error(Exit::config, cat("modules_to_save: ", one),
                cat("fits no module of this ", model.kind(),
                    " model that has weights of its own (a head tied to the word table has none)"));
  }
  const std::string tied = model.tied_table();
  if (!tied.empty() && owns(tied)) {
    throw Error(Exit::config, "modules_to_save",
                cat("names ", tied,
                    ", which is the head's too; expected a model whose head has "
                    "weights of its own"));
  }
}

bool Adapter::owns(const std::string& parameter) const {
  return std::ranges::any_of(own_, [&](const Own& own) { return own.name == parameter; });
}

std::vector<std::string> Adapter::own_tensors() const {
  std::vector<std::string> names;
  for (const Own& own : own_) names.push_back(own.name);
  return names;
}

std::vector<TensorSpec> Adapter::specs() const {
  std::vector<TensorSpec> specs;
  for (const Low& low : low_) {
    specs.push_back({kPrefix + low.module + ".lora_A.weight", low.low_rank->a.sizes().vec()});
    specs.push_back({kPrefix + low.module + ".lora_B.weight", low.low_rank->b.sizes().vec()});
  }
  for (const Own& own : own_) specs.push_back({own.saved_as, own.value.sizes().vec()});
  return specs;
}

std::shared_ptr<Adapter> Adapter::load(const Backbone& model, const std::filesystem::path& folder) {
  const auto path = (folder / "adapter_config.json").string();
  auto adapter = std::shared_ptr<Adapter>(new Adapter(parse_adapter_config(read_json(path), path)));
  adapter->find_layers(model);
  adapter->find_own(model);
  const auto parameters = model.named_parameters();
  for (Own& own : adapter->own_) own.value = parameters[own.name].detach();
  Matching matching;
  matching.prefix = kPrefix;
  Weights weights(open_checkpoint(folder, "adapter_model"), adapter->specs(), matching);
  const auto take = [&](const std::string& name) {
    return weights.take(name, torch::kFloat).to(model.device());
  };
  for (Low& low : adapter->low_) {
    low.low_rank->a = take(kPrefix + low.module + ".lora_A.weight");
    low.low_rank->b = take(kPrefix + low.module + ".lora_B.weight");
  }
  for (Own& own : adapter->own_) own.value = take(own.saved_as);
  adapter->set_trainable(false);
  return adapter;
}

std::vector<std::pair<std::string, torch::Tensor>> Adapter::named_parameters() const {
  std::vector<std::pair<std::string, torch::Tensor>> named;
  for (const Low& low : low_) {
    named.emplace_back(kPrefix + low.module + ".lora_A.weight", low.low_rank->a);
    named.emplace_back(kPrefix + low.module + ".lora_B.weight", low.low_rank->b);
  }
  for (const Own& own : own_) {
    named.emplace_back(own.saved_as, own.slot.defined() ? own.slot : own.value);
  }
  return named;
}

void Adapter::save(const std::filesystem::path& folder) const {
  model::NamedTensors tensors = named_parameters();
  for (auto& [name, tensor] : tensors) tensor = tensor.to(torch::kFloat);
  std::filesystem::create_directories(folder);
  model::save_tensors(folder / "adapter_model.safetensors", tensors);
  write_file(folder / "adapter_config.json", adapter_config_json(config_).dump(2) + "\n");
}

void Adapter::set_trainable(bool trainable) {
  trainable_ = trainable;
  for (Low& low : low_) {
    low.low_rank->a.set_requires_grad(trainable);
    low.low_rank->b.set_requires_grad(trainable);
  }
  for (Own& own : own_) {
    if (own.slot.defined()) own.slot.set_requires_grad(trainable);
  }
}

void Adapter::enter(Backbone& model) {
  const auto parameters = model.named_parameters();
  for (Own& own : own_) {
    own.slot = parameters[own.name];
    own.original = own.slot.detach();
    own.slot.set_data(own.value);
    own.slot.set_requires_grad(trainable_);
    own.value = torch::Tensor();
  }
}

void Adapter::leave() {
  for (Own& own : own_) {
    own.value = own.slot.detach();
    own.slot.mutable_grad().reset();
    own.slot.set_data(own.original);
    own.slot.set_requires_grad(false);
    own.slot = own.original = torch::Tensor();
  }
}

bool Backbone::adapted() const {
  return replaced_inside_ || std::ranges::any_of(linears_, [](const auto& layer) {
           return !layer->additions().empty();
         });
}

std::vector<torch::Tensor> Backbone::held_tensors() const {
  std::vector<torch::Tensor> held;
  for (const auto& adapter : adapters_) {
    for (auto& [name, tensor] : adapter->named_parameters()) held.push_back(tensor);
  }
  return held;
}

bool Backbone::adapters_learn() const {
  return std::ranges::any_of(adapters_, [](const auto& adapter) {
    return std::ranges::any_of(adapter->named_parameters(),
                               [](const auto& named) { return named.second.requires_grad(); });
  });
}

bool Backbone::adapters_drop() const {
  return std::ranges::any_of(adapters_,
                             [](const auto& one) { return one->config().lora_dropout > 0; });
}

PassDropout Backbone::draw_dropout(PassDropout shares, const Packed& input) const {
  if (!is_training()) return {};
  shares.adapters = adapters_drop();
  if (!shares.adapters && shares.embedding + shares.attention + shares.residual == 0) return {};
  shares.seed = draw_dropout_seed();
  shares.rows = mask_rows(input.offsets, input.places);
  return shares;
}

void Backbone::use(std::vector<std::shared_ptr<Adapter>> adapters) {
  unmerge();
  for (const auto& one : adapters_) one->leave();
  adapters_ = {};
  std::set<std::string> own;
  for (const auto& one : adapters) {
    for (const std::string& tensor : one->own_tensors()) {
      if (own.insert(tensor).second) continue;
      throw Error(Exit::config, "adapters",
                  cat("two of them have their own ", tensor, "; expected one at most"));
    }
  }
  adapters_ = std::move(adapters);
  for (const auto& one : adapters_) one->enter(*this);
  replaced_inside_ = false;
  const std::set<std::string> outside = tables();
  for (const auto& layer : linears_) {
    const bool replaced = std::ranges::any_of(layer->parts(), [&](const Linear::Part& part) {
      return own.contains(part.name + ".weight") || own.contains(part.name + ".bias");
    });
    layer->set_replaced(replaced);
  }
  for (const std::string& name : own) replaced_inside_ |= !outside.contains(name);
  add_all();
}

// Every layer gets the additions of the adapters in use.
void Backbone::add_all() {
  std::map<size_t, std::vector<Linear::Addition>> additions;
  uint64_t place = 0;
  for (const auto& adapter : adapters_) {
    for (const Adapter::Low& low : adapter->additions()) {
      int64_t begin = 0;
      for (size_t p = 0; p < low.part; ++p) begin += linears_[low.layer]->parts()[p].out;
      low.low_rank->place = place++;
      additions[low.layer].push_back({begin, low.low_rank});
    }
  }
  for (size_t i = 0; i < linears_.size(); ++i) linears_[i]->set_additions(additions[i]);
}

void Backbone::merge() {
  const torch::NoGradGuard no_grad;
  if (!originals_.empty()) return;
  for (const auto& layer : linears_) {
    if (layer->additions().empty() || layer->parts()[0].weight.defined()) continue;
    throw Error(Exit::config, "precision",
                "weights in int8 take no adapter into themselves; load the model in fp32 or bf16");
  }
  for (const auto& adapter : adapters_) {
    for (const Adapter::Low& low : adapter->additions()) {
      torch::Tensor weight = linears_[low.layer]->parts()[low.part].weight;
      originals_.emplace_back(weight, weight.clone());
      const LowRank& one = *low.low_rank;
      auto added = torch::mm(one.b, one.a) * one.scale;
      if (linears_[low.layer]->parts()[low.part].input_first) added = added.t();
      weight.copy_(weight.to(torch::kFloat) + added);
    }
  }
  for (const auto& layer : linears_) {
    if (layer->additions().empty()) continue;
    layer->set_additions({});
    layer->repack();
  }
}

void Backbone::unmerge() {
  const torch::NoGradGuard no_grad;
  if (originals_.empty()) return;
  // Backwards: of two adapters on one layer the first saw the weight as it was loaded.
  for (auto one = originals_.rbegin(); one != originals_.rend(); ++one) {
    one->first.copy_(one->second);
  }
  originals_.clear();
  add_all();
  for (const auto& layer : linears_) {
    if (!layer->additions().empty()) layer->repack();
  }
}

}  // namespace kindred::lm
