// Folders to models and back.

#include <cmath>
#include <set>
#include <utility>

#include "core/json.h"
#include "core/safetensors.h"
#include "lm/causal_lm.h"
#include "lm/decoder.h"
#include "lm/weights.h"

namespace kindred::lm {
namespace {

// Buffers that old folders carry; they follow from the configuration.
bool is_buffer(const std::string& name) {
  return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") ||
         name.ends_with(".rotary_emb.inv_freq");
}

// Whether a folder that says nothing decides it by what it holds is not ours to guess: the
// configuration does. A tied folder may still carry the head as a copy of the embeddings.
Matching matching_of(const DecoderLayout& layout) {
  Matching matching;
  matching.prefix = layout.prefix;
  matching.may_ignore = is_buffer;
  if (layout.head.empty()) matching.ignored.insert("lm_head.weight");
  return matching;
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
  DecoderPlan plan = plan_decoder(read_json(path.string()), path.string());
  Weights weights(open_checkpoint(folder), plan.layout.tensors(), matching_of(plan.layout));
  return std::make_shared<Decoder>(std::move(plan), std::move(weights), options);
}

std::shared_ptr<CausalLM> make_causal_lm(const Json& json, uint64_t seed,
                                         const LoadOptions& options) {
  DecoderPlan plan = plan_decoder(json, "config");
  const DecoderLayout& layout = plan.layout;
  const auto residual =
      layout.scaled_residual_init ? residual_weights(layout) : std::set<std::string>();
  // GPT-2's paper scales the layers that write into the residual stream by 1/sqrt(2 blocks).
  const double scale = 1 / std::sqrt(2.0 * static_cast<double>(layout.blocks.size()));
  Weights weights = random_weights(layout.tensors(), seed, [&](const TensorSpec& spec) {
    return layout.initializer_range * (residual.contains(spec.name) ? scale : 1.0);
  });
  return std::make_shared<Decoder>(std::move(plan), std::move(weights), options);
}

}  // namespace kindred::lm
