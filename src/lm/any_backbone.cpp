#include "lm/any_backbone.h"

#include "core/error.h"
#include "core/json.h"
#include "core/strings.h"
#include "lm/config/encoders.h"
#include "lm/encoder_lm.h"
#include "lm/generative_lm.h"

namespace kindred::lm {

std::vector<std::pair<std::string, std::string>> backbone_kinds() {
  return {
      {"gpt2", "GPT-2, also made by `kindred lm pretrain`"},
      {"opt", "OPT, the 350M layout too"},
      {"llama", "LLaMA, Vicuna and others of that layout; rotary scaling linear, dynamic, llama3"},
      {"qwen2", "Qwen2"},
      {"t5", "T5 1.0 and 1.1, Flan-T5: encoder and decoder"},
      {"bert", "BERT; MiniLM and other sentence encoders of that layout"},
      {"roberta", "RoBERTa"},
      {"xlm-roberta", "XLM-RoBERTa"},
      {"distilbert", "DistilBERT"},
      {"longformer", "Longformer: windows and global tokens"},
      {"mpnet", "MPNet"}};
}

std::shared_ptr<Backbone> load_any_backbone(const std::filesystem::path& folder,
                                            const LoadOptions& options) {
  const auto path = folder / "config.json";
  const Json json = read_json(path.string());
  if (is_encoder(json)) return load_encoder(folder, options);
  const Json type = json.is_object() ? json.value("model_type", Json()) : Json();
  std::vector<std::string> known;
  for (const auto& [name, about] : backbone_kinds()) known.push_back(name);
  for (const std::string& kind : generative_kinds()) {
    if (type == kind) return load_generative_lm(folder, options);
  }
  const std::string got = type.is_string() ? type.get<std::string>() : "none";
  throw Error(Exit::config, path.string(),
              cat("model_type: got ", got, ", expected one of: ", join(known, ", "),
                  suggestion(got, known)));
}

}  // namespace kindred::lm
