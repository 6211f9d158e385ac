// Folders to models and back.

#include <fstream>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/log.h"
#include "core/random.h"
#include "core/safetensors.h"
#include "core/strings.h"
#include "lm/causal_lm.h"
#include "lm/decoder.h"
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

// Buffers that old folders carry; they follow from the configuration.
bool is_buffer(const std::string& name) {
  return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") ||
         name.ends_with(".rotary_emb.inv_freq");
}

// Finds each tensor of `specs` in a checkpoint, whatever prefix it was saved with, and collects
// what does not fit.
class TensorMatcher {
 public:
  TensorMatcher(const TensorFile& file, std::string prefix)
      : file_(file), prefix_(std::move(prefix)) {}

  std::map<std::string, const TensorView*> match(const std::vector<TensorSpec>& specs) {
    std::map<std::string, const TensorView*> found;
    for (const TensorSpec& spec : specs) {
      if (const TensorView* view = find(spec)) found[spec.name] = view;
    }
    for (const auto& [name, view] : file_.tensors()) {
      if (!used_.contains(name) && !is_buffer(name))
        problem(name, "is unexpected; this model has no such tensor");
    }
    if (!problems_.empty()) throw Error(Exit::bad_data, std::move(problems_));
    return found;
  }

  // A second copy of a tensor under another name, as `lm_head.weight` beside tied embeddings.
  void ignore(const std::string& name) { used_.insert(name); }

 private:
  const TensorView* find(const TensorSpec& spec) {
    const auto& tensors = file_.tensors();
    auto found = tensors.find(spec.name);
    if (found == tensors.end() && spec.name.starts_with(prefix_)) {
      found = tensors.find(spec.name.substr(prefix_.size()));
    }
    if (found == tensors.end()) {
      problem(spec.name, cat("is missing; expected shape ", shape_text(spec.shape)));
      return nullptr;
    }
    used_.insert(found->first);
    const TensorView& view = found->second;
    if (view.shape != spec.shape) {
      problem(found->first,
              cat("got shape ", shape_text(view.shape), ", expected ", shape_text(spec.shape)));
    } else if (scalar_type(view.dtype) == torch::ScalarType::Undefined) {
      problem(found->first,
              cat("got type ", dtype_name(view.dtype), ", expected F32, F16, BF16 or F64"));
    }
    return &view;
  }

  void problem(const std::string& name, const std::string& sentence) {
    problems_.push_back(cat(file_.path().string(), ": ", name, ": ", sentence));
  }

  const TensorFile& file_;
  std::string prefix_;
  std::set<std::string> used_;
  std::vector<std::string> problems_;
};

torch::Tensor to_tensor(const TensorView& view) {
  const auto stored = torch::from_blob(const_cast<char*>(view.bytes.data()), view.shape,
                                       torch::dtype(scalar_type(view.dtype)));
  return stored.to(torch::kFloat, false, true);
}

// Whether a folder that says nothing decides it by what it holds is not ours to guess: the
// configuration does. A tied folder may still carry the head as a copy of the embeddings.
std::map<std::string, torch::Tensor> read_weights(const TensorFile& file,
                                                  const DecoderLayout& layout) {
  TensorMatcher matcher(file, layout.prefix);
  if (layout.head.empty()) matcher.ignore("lm_head.weight");
  std::map<std::string, torch::Tensor> weights;
  for (const auto& [name, view] : matcher.match(layout.tensors())) {
    weights[name] = to_tensor(*view);
    if (!torch::isfinite(weights[name]).all().item<bool>()) {
      log::warning(cat(file.path().string(), ": ", name, " holds values that are not finite"));
    }
  }
  return weights;
}

// The layers that write into the residual stream.
std::set<std::string> residual_weights(const DecoderLayout& layout) {
  std::set<std::string> names;
  for (const BlockLayout& block : layout.blocks) {
    names.insert(block.out.name + ".weight");
    names.insert(block.down.name + ".weight");
  }
  return names;
}

}  // namespace

std::shared_ptr<CausalLM> load_causal_lm(const std::filesystem::path& folder,
                                         const LoadOptions& options) {
  const auto path = folder / "config.json";
  const Json json = read_json(path.string());
  DecoderPlan plan = plan_decoder(json, path.string());
  LoadOptions resolved = options;
  resolved.precision = resolve_precision(options.precision);
  const auto file = open_checkpoint(folder);
  auto weights = read_weights(*file, plan.layout);
  return std::make_shared<Decoder>(std::move(plan), std::move(weights), resolved);
}

std::shared_ptr<CausalLM> make_causal_lm(const Json& json, uint64_t seed,
                                         const LoadOptions& options) {
  DecoderPlan plan = plan_decoder(json, "config");
  const DecoderLayout& layout = plan.layout;
  const auto residual =
      layout.scaled_residual_init ? residual_weights(layout) : std::set<std::string>();
  const double blocks = static_cast<double>(layout.blocks.size());
  std::map<std::string, torch::Tensor> weights;
  for (const TensorSpec& spec : layout.tensors()) {
    auto value = torch::zeros(spec.shape);
    const bool is_weight = spec.name.ends_with("weight"), is_norm = spec.shape.size() == 1;
    if (is_norm && is_weight) value.fill_(1);
    if (!is_norm) {
      // GPT-2's paper scales the layers that write into the residual stream by 1/sqrt(2 blocks).
      const double deviation =
          layout.initializer_range / (residual.contains(spec.name) ? std::sqrt(2.0 * blocks) : 1.0);
      Random random(seed, "lm/init/" + spec.name);
      auto generator = torch::make_generator<torch::CPUGeneratorImpl>(random());
      value.normal_(0, deviation, generator);
    }
    weights[spec.name] = value;
  }
  LoadOptions resolved = options;
  resolved.precision = resolve_precision(options.precision);
  return std::make_shared<Decoder>(std::move(plan), std::move(weights), resolved);
}

void save_causal_lm(const CausalLM& model, const std::filesystem::path& folder,
                    const std::string& dtype) {
  const bool half = dtype == "fp16", brain = dtype == "bf16";
  check(half || brain || dtype == "fp32", "dtype is fp32, fp16 or bf16");
  const auto type = half ? torch::kHalf : brain ? torch::kBFloat16 : torch::kFloat;
  std::vector<torch::Tensor> kept;
  std::vector<TensorToWrite> tensors;
  for (const auto& parameter : model.named_parameters()) {
    kept.push_back(parameter.value().detach().to(torch::kCPU, type).contiguous());
    const auto& value = kept.back();
    const std::string_view bytes(static_cast<const char*>(value.const_data_ptr()), value.nbytes());
    tensors.push_back({parameter.key(),
                       half    ? DType::f16
                       : brain ? DType::bf16
                               : DType::f32,
                       value.sizes().vec(), bytes});
  }
  Json config = model.config();
  config["dtype"] = half ? "float16" : brain ? "bfloat16" : "float32";
  std::filesystem::create_directories(folder);
  write_safetensors(folder / "model.safetensors", tensors);
  write_file(folder / "config.json", config.dump(2) + "\n");
}

}  // namespace kindred::lm
