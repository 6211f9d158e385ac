#include "run/validate.h"

#include <fstream>
#include <optional>

#include "core/error.h"
#include "core/files.h"
#include "core/safetensors.h"
#include "core/strings.h"
#include "core/yaml.h"
#include "data/describe.h"
#include "eval/evaluate.h"
#include "eval/metrics/candidate_file.h"
#include "eval/metrics/dump.h"
#include "eval/metrics/kept_evaluation.h"
#include "eval/metrics/metrics_file.h"
#include "eval/metrics/user_metrics.h"
#include "lm/any_backbone.h"
#include "lm/config/adapter_config.h"
#include "lm/sentence_encoder.h"
#include "run/check_recipe.h"
#include "run/pretrain.h"
#include "run/recipe.h"
#include "run/run_folder.h"
#include "text/tokenizer.h"
#include "train/checkpoint.h"

namespace kindred::run {
namespace {

Validation pretraining_recipe(const fs::path& path) {
  Validation found{"a recipe of a language model", {}};
  read_options<lm::PretrainOptions>(parse_yaml(read_file(path, 1 << 20), path.string()),
                                    path.string() + ":", found.problems);
  return found;
}

Validation resolved_recipe(const fs::path& path) {
  return {cat("the resolved recipe of a run of ", load_resolved(path).method), {}};
}

Validation recipe(const fs::path& path) {
  Validation found;
  Recipe read = load_recipe(path, {}, found.problems);
  found.what = cat("a recipe of ", read.method.empty() ? "no method" : read.method);
  plan_methods(read, found.problems);
  return found;
}

Validation run_folder(const fs::path& path) {
  const RunFolder folder{path};
  Validation found;
  found.what = folder.finished() ? "a finished run" : "an unfinished run";
  if (folder.finished()) {
    const OpenedRun run = open_run(path);
    found.what += cat(" of ", run.method, ", ", with_commas(run.users->size()), " users, ",
                      with_commas(run.items->size()), " items");
  }
  return found;
}

std::string describe_model(lm::Backbone& model) {
  int64_t parameters = 0;
  for (const torch::Tensor& parameter : model.parameters()) parameters += parameter.numel();
  return cat(model.kind() == "opt" ? "an " : "a ", model.kind(), " language model, ",
             with_commas(parameters), " parameters, vocabulary ", with_commas(model.vocab_size()),
             ", context ", model.context());
}

Validation model_folder(const fs::path& path) {
  return {describe_model(*lm::load_any_backbone(path, {})), {}};
}

Validation sentence_folder(const fs::path& path) {
  lm::SentenceEncoder encoder(path, {});
  std::vector<std::string> poolings;
  for (const lm::Pooling kind : encoder.plan().poolings) poolings.emplace_back(pooling_name(kind));
  return {cat("a sentence encoder, pooling ", join(poolings, " and "), ", vectors of ",
              encoder.dimension(), ": ", describe_model(encoder.model())),
          {}};
}

// Whether it fits a model shows only on that model.
Validation adapter_folder(const fs::path& path) {
  const auto file = (path / "adapter_config.json").string();
  const lm::AdapterConfig config = lm::parse_adapter_config(read_json(file), file);
  const auto weights = open_checkpoint(path, "adapter_model");
  const std::string& base = config.base_model_name_or_path;
  return {cat("a LoRA adapter of rank ", config.r, ", ", weights->tensors().size(), " tensors",
              base.empty() ? "" : ", made on " + quote(base)),
          {}};
}

Validation checkpoint(const fs::path& path) {
  const auto file = path.extension() == ".bin" ? open_torch_bin(path) : open_safetensors(path);
  if (!file->tensors().contains("checkpoint/head"))
    return {cat("a checkpoint of ", file->tensors().size(), " tensors"), {}};
  const train::Checkpoint read = train::read_checkpoint(path);
  const std::string stage = read.identity.is_object() ? read.identity.value("stage", "") : "";
  return {cat("a training checkpoint", stage.empty() ? "" : " of stage " + stage, " after epoch ",
              read.state.epoch, ", step ", read.state.steps),
          {}};
}

Validation yaml(const fs::path& path) {
  const Json json = parse_yaml(read_file(path, 1 << 20), path.string());
  if (json.is_object() && json.contains("tokenizer") && !json.contains("method"))
    return pretraining_recipe(path);
  return json.is_object() && json.contains("schema") ? resolved_recipe(path) : recipe(path);
}

Validation described(const text::Tokenizer& tokenizer) {
  return {cat("a tokenizer of ", with_commas(tokenizer.size()), " tokens"), {}};
}

/// A JSON file that belongs to something; nothing where it is unknown.
std::optional<Validation> json_file(const fs::path& path) {
  if (path.filename() == "tokenizer.json") {
    return described(*text::Tokenizer::from_json(read_file(path), path.string()));
  }
  const Json json = Json::parse(read_file(path), nullptr, false);
  if (!json.is_object() || !json.contains("schema")) return {};
  if (path.filename() == "dataset.json")
    return Validation{"the description of a prepared folder", {}};
  read_own_json(path);
  if (json.contains("protocol")) {
    const eval::MetricsFile metrics = eval::read_metrics(path);
    return Validation{cat("metrics: ", eval::describe(metrics.protocol)), {}};
  }
  return Validation{"a file of a run, of this program's schema", {}};
}

/// Tables that `evaluate` writes or reads, known by their header; nothing for others.
std::optional<Validation> table(const fs::path& path) {
  std::ifstream file(path);
  std::string header;
  std::getline(file, header);
  const auto begins = [&](const char* text) { return header.starts_with(text); };
  if (begins("user:token\tcandidates:"))
    return Validation{
        cat("candidates of ", with_commas(eval::read_candidate_file(path).rows.size()), " users"),
        {}};
  if (begins("user:token\tranked:")) {
    const eval::RankingDump dump = eval::read_ranking_dump(path);
    return Validation{cat("a dump of the rankings of ", with_commas(dump.users.size()),
                          " users, depth ", dump.depth()),
                      {}};
  }
  if (begins("user:token\titem:token\tlabel:"))
    return Validation{cat("a dump of ", with_commas(eval::read_pointwise_dump(path).rows.size()),
                          " labelled rows"),
                      {}};
  if (begins("user:token\tanswer:"))
    return Validation{
        cat("a dump of ", with_commas(eval::read_generated_dump(path).size()), " answers"), {}};
  if (begins("user:token\t") && header.find('@') != std::string::npos)
    return Validation{
        cat("metrics of ", with_commas(eval::read_user_metrics(path).users().size()), " users"),
        {}};
  return {};
}

Validation kept_evaluation(const fs::path& path) {
  const eval::KeptEvaluation kept = eval::read_kept_evaluation(path);
  return {cat("an evaluation of ", kept.label, ": ", eval::describe(kept.protocol)), {}};
}

/// A file by its ending, where that says enough.
std::optional<Validation> by_extension(const fs::path& path) {
  const std::string extension = path.extension().string();
  if (extension == ".yaml" || extension == ".yml") return yaml(path);
  if (extension == ".safetensors" || extension == ".bin") return checkpoint(path);
  if (extension == ".json") return json_file(path);
  if (extension == ".tsv") return table(path);
  if (path.string().ends_with(".json.gz")) return kept_evaluation(path);
  if (path.filename() == "log.jsonl")
    return Validation{cat("the log of a run, ", with_commas(read_log(path).size()), " records"),
                      {}};
  return {};
}

Validation look(const fs::path& path) {
  if (fs::is_regular_file(path))
    if (const auto found = by_extension(path)) return *found;
  if (RunFolder{path}.exists()) return run_folder(path);
  if (lm::is_sentence_folder(path)) return sentence_folder(path);
  if (fs::exists(path / "config.json")) return model_folder(path);
  if (fs::exists(path / "adapter_config.json")) return adapter_folder(path);
  if (text::Tokenizer::is_in(path)) return described(*text::Tokenizer::load(path));
  if (const auto data = data::describe(path)) return {data->what, data->problems};
  return {"nothing that Kindred reads",
          {path.string() +
           ": is no recipe, run folder, Hugging Face folder, checkpoint or data that is known"}};
}

}  // namespace

Validation validate(const fs::path& path) {
  if (!fs::exists(path)) throw Error(Exit::missing, path.string(), "there is nothing here");
  try {
    return look(path);
  } catch (const Error& error) {
    return {"not readable", error.lines()};
  }
}

}  // namespace kindred::run
