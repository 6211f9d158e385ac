#include "lm/weights.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "core/error.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/random.h"
#include "core/strings.h"
#include "lm/precision.h"

namespace kindred::lm {
namespace {

std::string shape_text(const std::vector<int64_t>& shape) {
  std::vector<std::string> parts;
  for (const int64_t size : shape) parts.push_back(std::to_string(size));
  return cat("[", join(parts, ", "), "]");
}

torch::ScalarType scalar_type(DType type) {
  switch (type) {
    case DType::f64:
      return torch::kDouble;
    case DType::f32:
      return torch::kFloat;
    case DType::f16:
      return torch::kHalf;
    case DType::bf16:
      return torch::kBFloat16;
    default:
      return torch::ScalarType::Undefined;
  }
}

// Finds each tensor of `specs` in a checkpoint, however it spells the name, and collects what does
// not fit.
class TensorMatcher {
 public:
  TensorMatcher(const TensorFile& file, const Matching& matching)
      : file_(file), matching_(matching) {
    for (const auto& [name, view] : file.tensors()) names_.emplace(modern(name), name);
  }

  std::map<std::string, const TensorView*> match(const std::vector<TensorSpec>& specs) {
    std::map<std::string, const TensorView*> found;
    for (const TensorSpec& spec : specs) {
      if (const TensorView* view = find(spec)) found[spec.name] = view;
    }
    for (const auto& [name, view] : file_.tensors()) {
      if (!used_.contains(name) && !matching_.ignored.contains(name) &&
          !(matching_.may_ignore && matching_.may_ignore(name))) {
        problem(name, "is unexpected; this model has no such tensor");
      }
    }
    if (!problems_.empty()) throw Error(Exit::bad_data, std::move(problems_));
    return found;
  }

 private:
  // The name as it is spelled today.
  std::string modern(const std::string& full) const {
    const std::string& leading = matching_.leading;
    const std::string name = full.starts_with(leading) ? full.substr(leading.size()) : full;
    for (const auto& [old_end, end] : matching_.renamed_ends) {
      if (name.ends_with(old_end)) return name.substr(0, name.size() - old_end.size()) + end;
    }
    return name;
  }

  const TensorView* find(const TensorSpec& spec) {
    auto found = names_.find(spec.name);
    if (found == names_.end() && spec.name.starts_with(matching_.prefix)) {
      found = names_.find(spec.name.substr(matching_.prefix.size()));
    }
    if (found == names_.end()) {
      problem(spec.name, cat("is missing; expected shape ", shape_text(spec.shape)));
      return nullptr;
    }
    const std::string& name = found->second;
    used_.insert(name);
    const TensorView& view = file_.tensors().at(name);
    if (view.shape != spec.shape) {
      problem(name,
              cat("got shape ", shape_text(view.shape), ", expected ", shape_text(spec.shape)));
    } else if (scalar_type(view.dtype) == torch::ScalarType::Undefined) {
      problem(name, cat("got type ", dtype_name(view.dtype), ", expected F32, F16, BF16 or F64"));
    }
    return &view;
  }

  void problem(const std::string& name, const std::string& sentence) {
    problems_.push_back(cat(file_.path().string(), ": ", name, ": ", sentence));
  }

  const TensorFile& file_;
  const Matching& matching_;
  std::map<std::string, std::string> names_;  // as spelled today -> in the file
  std::set<std::string> used_;
  std::vector<std::string> problems_;
};

int64_t element_count(const TensorView& view) {
  return std::accumulate(view.shape.begin(), view.shape.end(), int64_t{1}, std::multiplies<>());
}

// The file's pages are let go piece by piece, so that a folder and the model made of it are never
// in memory together, nor even one large tensor twice.
void copy_into(torch::Tensor flat, const TensorView& view) {
  constexpr int64_t kPiece = int64_t{1} << 22;
  const auto stored = torch::from_blob(const_cast<char*>(view.bytes.data()), {element_count(view)},
                                       torch::dtype(scalar_type(view.dtype)));
  const size_t width = stored.element_size();
  for (int64_t begin = 0; begin < flat.numel(); begin += kPiece) {
    const int64_t n = std::min(kPiece, flat.numel() - begin);
    flat.narrow(0, begin, n).copy_(stored.narrow(0, begin, n));
    release_pages(
        view.bytes.substr(static_cast<size_t>(begin) * width, static_cast<size_t>(n) * width));
  }
}

// Without a tensor of the value's size on the way.
bool all_finite(const torch::Tensor& value) {
  if (value.numel() == 0) return true;
  const auto [low, high] = torch::aminmax(value);
  return std::isfinite(low.item<double>()) && std::isfinite(high.item<double>());
}

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

}  // namespace

Weights::Weights(std::shared_ptr<const TensorFile> file, const std::vector<TensorSpec>& specs,
                 const Matching& matching)
    : file_(std::move(file)), views_(TensorMatcher(*file_, matching).match(specs)) {}

Weights::Weights(std::map<std::string, torch::Tensor> tensors) : tensors_(std::move(tensors)) {}

std::vector<int64_t> Weights::shape(const std::string& name) const {
  if (const auto given = tensors_.find(name); given != tensors_.end()) {
    return given->second.sizes().vec();
  }
  const auto found = views_.find(name);
  check(found != views_.end(), "every tensor of the layout is given");
  return found->second->shape;
}

torch::Tensor Weights::take(const std::string& name, torch::ScalarType type) {
  auto value = torch::empty(shape(name), torch::dtype(type));
  take_into(name, value);
  return value;
}

void Weights::take_into(const std::string& name, const torch::Tensor& value) {
  const torch::NoGradGuard no_grad;
  if (const auto given = tensors_.find(name); given != tensors_.end()) {
    value.copy_(given->second);
    tensors_.erase(given);
    return;
  }
  const auto found = views_.find(name);
  check(found != views_.end(), "every tensor of the layout is given");
  copy_into(value.view({-1}), *found->second);
  if (!all_finite(value)) {
    log::warning(cat(file_->path().string(), ": ", name, " holds values that are not finite"));
  }
  views_.erase(found);
}

Weights random_weights(const std::vector<TensorSpec>& specs, uint64_t seed,
                       const std::function<double(const TensorSpec&)>& deviation) {
  std::map<std::string, torch::Tensor> weights;
  for (const TensorSpec& spec : specs) {
    auto value = torch::zeros(spec.shape);
    const bool is_weight = spec.name.ends_with("weight"), is_norm = spec.shape.size() == 1;
    if (is_norm && is_weight) value.fill_(1);
    if (!is_norm) {
      Random random(seed, "lm/init/" + spec.name);
      auto generator = torch::make_generator<torch::CPUGeneratorImpl>(random());
      value.normal_(0, deviation(spec), generator);
    }
    weights[spec.name] = value;
  }
  return Weights(std::move(weights));
}

LayerLoader::LayerLoader(Backbone& model, Weights weights, const LoadOptions& options)
    : model_(model),
      weights_(std::move(weights)),
      device_(options.device),
      trainable_(options.trainable),
      frozen_(!options.trainable && options.device.is_cpu()) {
  const std::string precision = resolve_precision(options.precision, device_);
  quantises_ = precision == "int8";
  if (quantises_ && !frozen_) {
    throw Error(Exit::config, "precision",
                "got int8, which is for inference on a processor; use auto, fp32 or bf16");
  }
  // What lies between products in int8 is as without it.
  const bool in_bf16 = (quantises_ ? resolve_precision("auto", device_) : precision) == "bf16";
  compute_ = in_bf16 ? torch::kBFloat16 : torch::kFloat;
  stored_ = trainable_ ? torch::kFloat : compute_;
}

torch::Tensor LayerLoader::add(const std::string& name, torch::Tensor value) {
  auto placed = value.to(device_);
  placed.set_requires_grad(trainable_);
  return register_dotted(model_, name, std::move(placed));
}

torch::Tensor LayerLoader::table(const std::string& name, bool precise) {
  if (name.empty()) return {};
  return add(name, weights_.take(name, precise ? torch::kFloat : stored_));
}

NormWeights LayerLoader::norm(const NormLayout& layout, int64_t size) {
  if (layout.name.empty()) return {torch::ones({size}, device_), {}};
  NormWeights weights{table(layout.name + ".weight", true), {}};
  if (layout.bias) weights.bias = table(layout.name + ".bias", true);
  return weights;
}

// The parts' tensors one below the other, each read to its place: what is allocated on the way and
// freed leaves holes between the weights, in a large model a third of it.
torch::Tensor LayerLoader::join(const std::vector<LinearLayout>& parts, const char* suffix) {
  std::vector<int64_t> shape = weights_.shape(parts[0].name + suffix);
  shape[0] = 0;
  for (const LinearLayout& part : parts) {
    check(!part.input_first, "layers in parts are stored [out, in]");
    shape[0] += part.out;
  }
  auto whole = torch::empty(shape, torch::dtype(stored_));
  int64_t at = 0;
  for (const LinearLayout& part : parts) {
    weights_.take_into(part.name + suffix, whole.narrow(0, at, part.out));
    at += part.out;
  }
  return whole;
}

std::shared_ptr<Linear> LayerLoader::linear(const std::vector<LinearLayout>& parts) {
  std::vector<Linear::Part> made;
  std::shared_ptr<FrozenLinear> packed;
  const bool bias = parts[0].bias;
  if (quantises_) {
    made = quantised_parts(parts, packed);
    return add_layer(std::move(made), std::move(packed));
  }
  if (frozen_ && parts.size() > 1) {
    // Of a frozen layer the parts are stretches of one tensor, so that nothing is held twice.
    const auto weights = join(parts, ".weight");
    const auto biases = bias ? join(parts, ".bias") : torch::Tensor();
    int64_t at = 0;
    for (const LinearLayout& part : parts) {
      made.push_back({part.name,
                      add(part.name + ".weight", weights.narrow(0, at, part.out)),
                      {},
                      false,
                      part.in,
                      part.out});
      if (bias) made.back().bias = add(part.name + ".bias", biases.narrow(0, at, part.out));
      at += part.out;
    }
    packed = std::make_shared<FrozenLinear>(weights.t(), biases);
  } else {
    for (const LinearLayout& part : parts) {
      made.push_back(
          {part.name, table(part.name + ".weight"), {}, part.input_first, part.in, part.out});
      if (part.bias) made.back().bias = table(part.name + ".bias");
    }
    if (frozen_) packed = std::make_shared<FrozenLinear>(made[0].matrix(), made[0].bias);
  }
  return add_layer(std::move(made), std::move(packed));
}

std::shared_ptr<Linear> LayerLoader::add_layer(std::vector<Linear::Part> parts,
                                               std::shared_ptr<FrozenLinear> packed) {
  auto layer = std::make_shared<Linear>(std::move(parts), std::move(packed));
  model_.add_linear(layer);
  return layer;
}

// Weights go to 8 bits a layer at a time and are held in no other form; biases stay.
std::vector<Linear::Part> LayerLoader::quantised_parts(const std::vector<LinearLayout>& parts,
                                                       std::shared_ptr<FrozenLinear>& packed) {
  std::vector<Linear::Part> made;
  std::vector<torch::Tensor> weights, biases;
  for (const LinearLayout& part : parts) {
    auto weight = weights_.take(part.name + ".weight", torch::kFloat);
    weights.push_back(part.input_first ? weight.t() : weight);
    made.push_back({part.name, {}, {}, part.input_first, part.in, part.out});
    if (!part.bias) continue;
    made.back().bias = table(part.name + ".bias", true);
    biases.push_back(made.back().bias);
  }
  packed = std::make_shared<FrozenLinear>(std::make_shared<Quantised>(torch::cat(weights)),
                                          biases.empty() ? torch::Tensor() : torch::cat(biases));
  return made;
}

}  // namespace kindred::lm
