// Folders to models and back.

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "core/safetensors.h"
#include "core/strings.h"
#include "lm/causal_lm.h"
#include "lm/decoder.h"
#include "lm/t5.h"
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

constexpr const char* kT5Vocabulary = "shared.weight";
constexpr const char* kT5Head = "lm_head.weight";

// Copies of the vocabulary in old folders, and a table that the first ones carried and nobody read.
Matching t5_matching(const TensorFile& file, bool tied) {
  Matching matching;
  matching.ignored = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight",
                      "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"};
  if (tied) matching.ignored.insert(kT5Head);
  // Of equal tensors a folder may keep another one.
  if (!file.tensors().contains(kT5Vocabulary)) {
    matching.renamed_ends = {{"encoder.embed_tokens.weight", kT5Vocabulary}};
  }
  return matching;
}

std::shared_ptr<T5> load_t5(const std::filesystem::path& folder, const Json& json,
                            const LoadOptions& options) {
  T5Config config = parse_t5_config(json, (folder / "config.json").string());
  std::shared_ptr<const TensorFile> file = open_checkpoint(folder);
  // transformers 5 writes version 1.1 as tied too, without scaling; it then reads the head where
  // there is one.
  if (!config.scale_decoder_outputs && file->tensors().contains(kT5Head)) {
    config.tie_word_embeddings = false;
  }
  const Matching matching = t5_matching(*file, config.tie_word_embeddings);
  Weights weights(std::move(file), t5_tensors(config), matching);
  return std::make_shared<T5>(config, std::move(weights), options);
}

std::shared_ptr<T5> make_t5(const Json& json, uint64_t seed, const LoadOptions& options) {
  const T5Config config = parse_t5_config(json, "config");
  Weights weights = random_weights(
      t5_tensors(config), seed, [&](const TensorSpec& spec) { return t5_deviation(config, spec); });
  return std::make_shared<T5>(config, std::move(weights), options);
}

// Whether a configuration is T5's; throws `config` for one of no kind that writes.
bool is_t5(const Json& json, const std::string& where) {
  const Json type = json.is_object() ? json.value("model_type", Json()) : Json();
  if (type == "t5") return true;
  const auto kinds = generative_kinds();
  if (!type.is_string() || std::ranges::find(kinds, type.get<std::string>()) == kinds.end()) {
    throw Error(
        Exit::config, where,
        cat("model_type: got ",
            type.is_null() ? "none" : type.dump(-1, ' ', true, Json::error_handler_t::replace),
            ", expected one of: ", join(kinds, ", "),
            suggestion(type.is_string() ? type.get<std::string>() : "", kinds)));
  }
  return false;
}

}  // namespace

std::vector<std::string> generative_kinds() {
  std::vector<std::string> kinds = decoder_kinds();
  kinds.emplace_back("t5");
  return kinds;
}

std::shared_ptr<GenerativeLM> load_generative_lm(const std::filesystem::path& folder,
                                                 const LoadOptions& options) {
  const auto path = folder / "config.json";
  const Json json = read_json(path.string());
  if (is_t5(json, path.string())) return load_t5(folder, json, options);
  return load_causal_lm(folder, options);
}

std::shared_ptr<GenerativeLM> make_generative_lm(const Json& config, uint64_t seed,
                                                 const LoadOptions& options) {
  if (is_t5(config, "config")) return make_t5(config, seed, options);
  return make_causal_lm(config, seed, options);
}

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
