// Folders to encoders, and encoders with random weights.

#include <utility>

#include "core/json.h"
#include "core/safetensors.h"
#include "lm/encoder.h"
#include "lm/weights.h"

namespace kindred::lm {
namespace {

// What stands beside an encoder in a folder of a model with a head, and buffers of old folders.
// Whatever begins as the encoder's own tensors do must be one of them.
Matching matching_of(const EncoderLayout& layout) {
  Matching matching;
  matching.leading = layout.prefix;
  matching.renamed_ends = {{"LayerNorm.gamma", "LayerNorm.weight"},
                           {"LayerNorm.beta", "LayerNorm.bias"}};
  matching.may_ignore = [prefix = layout.prefix](const std::string& full) {
    const std::string name = full.starts_with(prefix) ? full.substr(prefix.size()) : full;
    if (name == "embeddings.position_ids" || name == "embeddings.token_type_ids") return true;
    return !name.starts_with("embeddings.") && !name.starts_with("encoder.") &&
           !name.starts_with("transformer.");
  };
  return matching;
}

}  // namespace

std::shared_ptr<EncoderLM> load_encoder(const std::filesystem::path& folder,
                                        const LoadOptions& options) {
  const auto path = folder / "config.json";
  EncoderPlan plan = plan_encoder(read_json(path.string()), path.string());
  Weights weights(open_checkpoint(folder), plan.layout.tensors(), matching_of(plan.layout));
  return std::make_shared<Encoder>(std::move(plan), std::move(weights), options);
}

std::shared_ptr<EncoderLM> make_encoder(const Json& json, uint64_t seed,
                                        const LoadOptions& options) {
  EncoderPlan plan = plan_encoder(json, "config");
  const double deviation = plan.layout.initializer_range;
  Weights weights =
      random_weights(plan.layout.tensors(), seed, [&](const TensorSpec&) { return deviation; });
  return std::make_shared<Encoder>(std::move(plan), std::move(weights), options);
}

}  // namespace kindred::lm
