#include "run/recipe.h"

#include "core/error.h"
#include "core/files.h"
#include "core/strings.h"
#include "core/yaml.h"

namespace kindred::run {
namespace {

Recipe read(const Json& json, const std::string& where, std::vector<std::string>& problems) {
  Recipe recipe;
  if (!json.is_object()) {
    problems.push_back(where + ": got no mapping, expected keys such as `data` and `method`");
    return recipe;
  }
  // The method's name is also the name of a section, so it must be known before the rest is read.
  if (json.contains("method") && json["method"].is_string())
    recipe.method = json["method"].get<std::string>();
  OptionReader reader(json, where, problems);
  recipe.visit(reader);
  reader.finish();
  if (recipe.method.empty())
    problems.push_back(where + ": method: is missing; `kindred list recommenders` names them");
  return recipe;
}

}  // namespace

Recipe load_recipe(const fs::path& path, const std::vector<std::string>& assignments,
                   std::vector<std::string>& problems) {
  if (!fs::exists(path))
    throw Error(Exit::missing, path.string(),
                "there is no such recipe; recipes/ holds the shipped ones");
  Json json = parse_yaml(read_file(path, 1 << 20), path.string());
  if (json.is_null()) json = Json::object();
  for (const std::string& assignment : assignments) set_option(json, assignment);
  Recipe recipe = read(json, path.string(), problems);
  recipe.name = path.stem().string();
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
  Recipe recipe = read(json, config_yaml.string(), problems);
  if (!problems.empty()) throw Error(Exit::config, problems);
  recipe.name = name;
  return recipe;
}

}  // namespace kindred::run
