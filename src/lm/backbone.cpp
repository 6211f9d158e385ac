#include "lm/backbone.h"

#include <numeric>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/strings.h"
#include "model/tensors.h"

namespace kindred::lm {

torch::Tensor positions_of(const std::vector<int64_t>& offsets,
                           const std::vector<int64_t>& starts) {
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

void check_packed(const Packed& input, int64_t width, int64_t context) {
  check(!input.offsets.empty() && input.offsets.front() == 0, "packed offsets start at 0");
  check(input.embeddings.dim() == 2 && input.embeddings.size(1) == width &&
            input.embeddings.size(0) == input.tokens(),
        "packed embeddings are [offsets.back(), hidden_size]");
  for (size_t s = 0; s + 1 < input.offsets.size(); ++s) {
    const int64_t n = input.offsets[s + 1] - input.offsets[s];
    check(n >= 0, "packed offsets ascend");
    check_length(s, n, context);
  }
}

void save_backbone(const Backbone& model, const std::filesystem::path& folder,
                   const std::string& dtype) {
  for (const auto& layer : model.linears()) {
    if (layer->parts()[0].weight.defined()) continue;
    throw Error(Exit::config, "precision",
                "a model in int8 has lost its weights and is not written; load it in fp32 or bf16");
  }
  const bool half = dtype == "fp16", brain = dtype == "bf16";
  check(half || brain || dtype == "fp32", "dtype is fp32, fp16 or bf16");
  const auto type = half ? torch::kHalf : brain ? torch::kBFloat16 : torch::kFloat;
  model::NamedTensors tensors;
  for (const auto& parameter : model.named_parameters()) {
    tensors.emplace_back(parameter.key(), parameter.value().detach().to(type));
  }
  Json config = model.config();
  config["dtype"] = half ? "float16" : brain ? "bfloat16" : "float32";
  std::filesystem::create_directories(folder);
  model::save_tensors(folder / "model.safetensors", tensors);
  write_file(folder / "config.json", config.dump(2) + "\n");
}

}  // namespace kindred::lm
