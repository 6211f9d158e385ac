// Configurations, by the first byte: config.json of a decoder, JSON, a recipe's YAML and what is
// written from it, a section of options, `--set`, config.json of T5, config.json of an encoder, the
// files of a sentence-transformers folder, adapter_config.json.

#include <cstdint>

#include "core/json.h"
#include "core/options.h"
#include "core/yaml.h"
#include "data/prepare_options.h"
#include "fuzz/fuzz.h"
#include "lm/config/adapter_config.h"
#include "lm/config/decoders.h"
#include "lm/config/encoders.h"
#include "lm/config/sentence_config.h"
#include "lm/config/t5_config.h"

using namespace kindred;

namespace {

void backbone(const std::string& text) {
  const auto plan = lm::plan_decoder(parse_json(text, "config.json"), "config.json");
  const auto again = lm::plan_decoder(plan.config, "written");
  fuzz::require(again.config == plan.config);
  const lm::DecoderLayout& layout = plan.layout;
  fuzz::require(layout.heads % layout.key_heads == 0 && layout.heads * layout.head_dim > 0);
  fuzz::require(layout.tensors().size() >= layout.blocks.size());
}

void encoder(const std::string& text) {
  const auto plan = lm::plan_encoder(parse_json(text, "config.json"), "config.json");
  const auto again = lm::plan_encoder(plan.config, "written");
  fuzz::require(again.config == plan.config);
  const lm::EncoderLayout& layout = plan.layout;
  fuzz::require(layout.hidden_size % layout.heads == 0 && layout.context > 0);
  fuzz::require(layout.tensors().size() >= layout.blocks.size());
}

// The same text as each of the four files.
void sentence(const std::string& text) {
  const Json value = parse_json(text, "input");
  const auto one = [&](const auto& parse) { fuzz::parse(parse); };
  one([&] {
    for (const auto& [type, path] : lm::parse_modules(value, "modules.json")) {
      fuzz::require(!path.starts_with("/") && path != ".." && !path.starts_with("../"));
    }
  });
  one([&] { fuzz::require(!lm::parse_pooling(value, "pooling").empty()); });
  one([&] {
    const lm::SentenceDense dense = lm::parse_dense(value, "dense");
    fuzz::require(dense.in > 0 && dense.out > 0);
  });
  one([&] {
    lm::SentencePlan plan;
    lm::parse_sentence_options(value, "options", plan);
    fuzz::require(!plan.max_tokens || *plan.max_tokens > 0);
  });
}

void json(const std::string& text) {
  const Json value = parse_json(text, "input");
  fuzz::require(parse_json(value.dump(), "written") == value);
}

void yaml(const std::string& text) {
  const Json value = parse_yaml(text, "input");
  // As texts: a NaN is not equal to itself.
  fuzz::require(to_yaml(parse_yaml(to_yaml(value), "written")) == to_yaml(value));
}

void options(const std::string& text) {
  const auto read = read_options<data::PrepareOptions>(parse_yaml(text, "input"), "input");
  const Json written = write_options(read);
  const auto again = read_options<data::PrepareOptions>(written, "written");
  fuzz::require(to_yaml(write_options(again)) == to_yaml(written));
}

void set(const std::string& text) {
  Json object = parse_yaml("a: {b: 1, c: [1, 2]}\nd: text", "input");
  set_option(object, text);
  fuzz::require(object.is_object());
}

void t5(const std::string& text) {
  const auto config = lm::parse_t5_config(parse_json(text, "config.json"), "config.json");
  const Json written = lm::t5_config_json(config);
  fuzz::require(lm::t5_config_json(lm::parse_t5_config(written, "written")) == written);
  const lm::T5Layout layout = lm::t5_layout(config);
  fuzz::require(lm::t5_tensors(config).size() >
                layout.encoder.blocks.size() + layout.decoder.blocks.size());
  fuzz::require(config.relative_attention_max_distance > config.relative_attention_num_buckets / 2);
}

void adapter(const std::string& text) {
  const auto config = lm::parse_adapter_config(parse_json(text, "adapter_config.json"), "input");
  const Json written = lm::adapter_config_json(config);
  fuzz::require(lm::adapter_config_json(lm::parse_adapter_config(written, "written")) == written);
  const lm::AdapterTargets targets(config);
  for (const char* module : {"model.layers.1.self_attn.q_proj", "transformer.h.0.attn.c_attn"}) {
    const auto size = targets.low_rank(module);
    fuzz::require(!size || size->rank > 0);
    targets.saves(module);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr void (*parsers[])(const std::string&) = {backbone, json,    yaml,     options, set,
                                                     t5,       encoder, sentence, adapter};
  fuzz::parse([&] { parsers[data[0] % std::size(parsers)](text); });
  return 0;
}
