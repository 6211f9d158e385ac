#include "run/validate.h"

#include "core/error.h"
#include "core/safetensors.h"
#include "core/strings.h"
#include "data/describe.h"
#include "eval/evaluate.h"
#include "lm/causal_lm.h"
#include "methods/catalog.h"
#include "run/recipe.h"
#include "run/run_folder.h"

namespace kindred::run {
namespace {

Validation recipe(const fs::path& path) {
  Validation found;
  Recipe read = load_recipe(path, {}, found.problems);
  found.what = cat("a recipe of ", read.method.empty() ? "no method" : read.method);
  if (read.method.empty()) return found;
  const model::CatalogEntry& entry = methods::find(read.method);
  try {
    eval::check_options(read.evaluation);
  } catch (const Error& error) {
    found.problems.insert(found.problems.end(), error.lines().begin(), error.lines().end());
  }
  // The options page of the method names every key of its section; values are checked in training.
  std::vector<std::string> known;
  for (const OptionRow& row : entry.options())
    known.push_back(row.name.substr(0, row.name.find('.')));
  for (const auto& [key, value] : read.method_options.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      found.problems.push_back(
          cat(path.string(), ": ", read.method, ".", key, ": unknown key", suggestion(key, known)));
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

Validation model_folder(const fs::path& path) {
  const auto model = lm::load_causal_lm(path, {});
  int64_t parameters = 0;
  for (const torch::Tensor& parameter : model->parameters()) parameters += parameter.numel();
  return {cat("a ", model->kind(), " language model, ", with_commas(parameters),
              " parameters, vocabulary ", with_commas(model->vocab_size()), ", context ",
              model->context()),
          {}};
}

Validation checkpoint(const fs::path& path) {
  const auto file = path.extension() == ".bin" ? open_torch_bin(path) : open_safetensors(path);
  return {cat("a checkpoint of ", file->tensors().size(), " tensors"), {}};
}

Validation look(const fs::path& path) {
  const std::string extension = path.extension().string();
  if (extension == ".yaml" || extension == ".yml") return recipe(path);
  if (extension == ".safetensors" || extension == ".bin") return checkpoint(path);
  if (RunFolder{path}.exists()) return run_folder(path);
  if (fs::exists(path / "config.json")) return model_folder(path);
  if (const auto described = data::describe(path)) return {described->what, described->problems};
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
