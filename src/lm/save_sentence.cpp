// A sentence encoder to a folder of sentence-transformers.

#include <algorithm>

#include "core/files.h"
#include "core/json.h"
#include "core/strings.h"
#include "lm/folder.h"
#include "lm/sentence_encoder.h"
#include "model/tensors.h"

namespace kindred::lm {
namespace {

constexpr const char* kPrompts = "config_sentence_transformers.json";

void write_json(const std::filesystem::path& file, const Json& json) {
  make_folders(file.parent_path());
  write_file(file, json.dump(2) + "\n");
}

Json pooling_json(const std::vector<Pooling>& poolings, int64_t hidden_size) {
  Json json = {{"word_embedding_dimension", hidden_size}};
  if (std::ranges::is_sorted(poolings) && std::ranges::adjacent_find(poolings) == poolings.end()) {
    // The keys that every version of the library reads; they have no order of their own.
    for (const Pooling kind : all_poolings()) {
      json[pooling_key(kind)] = std::ranges::find(poolings, kind) != poolings.end();
    }
  } else {
    json["pooling_mode"] = Json::array();
    for (const Pooling kind : poolings) json["pooling_mode"].push_back(pooling_name(kind));
  }
  json["include_prompt"] = true;
  return json;
}

Json dense_json(const SentenceDense& dense) {
  return {{"in_features", dense.in},
          {"out_features", dense.out},
          {"bias", dense.bias},
          {"activation_function", dense.activation_name}};
}

}  // namespace

void SentenceEncoder::save_dense(const std::filesystem::path& folder, size_t index,
                                 const SentenceDense& plan) const {
  model::NamedTensors tensors;
  const auto add = [&](const char* name, const torch::Tensor& value) {
    if (value.defined()) tensors.emplace_back(name, value.to(torch::kFloat));
  };
  add("linear.weight", dense_[index].weight);
  add("linear.bias", dense_[index].bias);
  write_json(folder / "config.json", dense_json(plan));
  model::save_tensors(folder / "model.safetensors", tensors);
}

void SentenceEncoder::save(const std::filesystem::path& folder) const {
  save_backbone(*model_, folder);
  copy_tokenizer(folder_ / plan_.model_path, folder);
  if (std::filesystem::exists(folder_ / kPrompts))
    write_file(folder / kPrompts, read_file(folder_ / kPrompts));
  write_json(folder / "sentence_bert_config.json",
             {{"max_seq_length", plan_.max_tokens ? Json(*plan_.max_tokens) : Json(nullptr)},
              {"do_lower_case", plan_.lower_case}});
  Json modules = Json::array();
  const auto add = [&](const std::string& type, bool first = false) {
    const std::string number = std::to_string(modules.size());
    modules.push_back({{"idx", modules.size()},
                       {"name", number},
                       {"path", first ? std::string() : number + "_" + type},
                       {"type", "sentence_transformers.models." + type}});
    return folder / modules.back()["path"].get<std::string>();
  };
  add("Transformer", true);
  write_json(add("Pooling") / "config.json", pooling_json(plan_.poolings, model_->hidden_size()));
  size_t next = 0;
  for (const SentenceStep& step : plan_.steps) {
    const auto* dense = std::get_if<SentenceDense>(&step);
    if (dense == nullptr) {
      make_folders(add("Normalize"));
    } else {
      save_dense(add("Dense"), next++, *dense);
    }
  }
  write_json(folder / "modules.json", modules);
}

}  // namespace kindred::lm
