#include "run/recipe.h"

#include <algorithm>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/strings.h"
#include "core/yaml.h"
#include "methods/catalog.h"

namespace kindred::run {
namespace {

Recipe read(const Json& json, const std::string& where, std::vector<std::string>& problems) {
  Recipe recipe;
  if (!json.is_object()) {
    problems.push_back(where + ": got no mapping, expected keys such as `data` and `method`");
    return recipe;
  }
  name_sections(json, recipe);
  OptionReader reader(json, where, problems);
  recipe.visit(reader);
  reader.finish();
  if (recipe.method.empty())
    problems.push_back(where + ": method: is missing; `kindred list recommenders` names them");
  return recipe;
}

/// `cllm4rec.eval_history` of earlier recipes is `evaluation.history` now. Returns whether it was
/// there.
bool take_eval_history(Json& json, std::vector<std::string>& problems) {
  const auto section = json.find("cllm4rec");
  if (section == json.end() || !section->is_object() || !section->contains("eval_history"))
    return false;
  const Json given = (*section)["eval_history"];
  section->erase("eval_history");
  if (given == "train")
    set_option(json, "evaluation.history=train");
  else if (given != "train+val")
    problems.push_back(cat("cllm4rec.eval_history: got ", given.dump(),
                           ", expected train+val or train; the option is evaluation.history now "
                           "(seen or train), leave this one out"));
  return true;
}

}  // namespace

void name_sections(const Json& json, Recipe& recipe) {
  if (!json.contains("method") || !json["method"].is_string()) return;
  recipe.method = json["method"].get<std::string>();
  const auto method_of = [&](const Json& section) {
    if (!section.is_object() || !section.contains("method") || !section["method"].is_string())
      return;
    const std::string name = section["method"];
    if (name != recipe.method && json.contains(name)) recipe.part_methods[name];
  };
  for (const model::CatalogEntry& entry : methods::catalog()) {
    if (entry.name != recipe.method) continue;
    for (const model::PartSlot& slot : entry.parts) {
      recipe.parts[slot.name];
      const Json section = json.value(slot.name, Json());
      method_of(section);
      if (section.is_array()) std::ranges::for_each(section, method_of);
    }
  }
}

Recipe load_recipe(const fs::path& path, const std::vector<std::string>& assignments,
                   std::vector<std::string>& problems, const Json& on_top) {
  if (!fs::exists(path))
    throw Error(Exit::missing, path.string(),
                "there is no such recipe; recipes/ holds the shipped ones");
  Json json = parse_yaml(read_file(path, 1 << 20), path.string());
  if (json.is_null()) json = Json::object();
  if (on_top.is_object()) json.merge_patch(on_top);
  for (const std::string& assignment : assignments) set_option(json, assignment);
  if (json.is_object() && take_eval_history(json, problems))
    log::warning(cat(path.string(),
                     ": cllm4rec.eval_history is evaluation.history now (seen or train); it was "
                     "taken as that"));
  Recipe recipe = read(json, path.string(), problems);
  recipe.name = path.stem().string();
  recipe.folder = path.parent_path();
  return recipe;
}

std::map<std::string, std::string> take_sources(Json& stages, std::vector<std::string>& problems) {
  std::map<std::string, std::string> sources;
  if (!stages.is_object()) return sources;
  for (auto& [name, section] : stages.items()) {
    if (!section.is_object() || !section.contains("from")) continue;
    if (section["from"].is_string())
      sources[name] = section["from"];
    else
      problems.push_back(cat("stages.", name, ".from: got ", section["from"].dump(),
                             ", expected a run folder or a recipe"));
    section.erase("from");
  }
  return sources;
}

Recipe load_resolved(const fs::path& config_yaml) {
  std::vector<std::string> problems;
  Json json = parse_yaml(read_file(config_yaml), config_yaml.string());
  json.erase("schema");
  std::string name = json.value("recipe", "");
  json.erase("recipe");
  take_eval_history(json, problems);
  Recipe recipe = read(json, config_yaml.string(), problems);
  if (!problems.empty()) throw Error(Exit::config, problems);
  recipe.name = name;
  return recipe;
}

}  // namespace kindred::run
