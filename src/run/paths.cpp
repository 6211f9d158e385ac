#include "run/paths.h"

#include <cstdlib>
#include <vector>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::run {
namespace {

fs::path chosen(const std::string& given, const char* variable, const char* otherwise) {
  if (!given.empty()) return given;
  const char* value = std::getenv(variable);
  return value && *value ? fs::path(value) : fs::path(otherwise);
}

fs::path find(const std::string& path, const char* what, const fs::path& root, const char* shipped,
              const std::string& hint) {
  if (path.empty()) throw Error(Exit::config, what, "got an empty path, expected a file or folder");
  std::vector<fs::path> places;
  if (fs::path(path).is_absolute()) {
    places = {path};
  } else {
    places = {root / path, fs::path(shipped) / path, path};
  }
  std::vector<std::string> tried;
  for (const fs::path& place : places) {
    if (fs::exists(place)) return place;
    const std::string text = place.lexically_normal().string();
    if (tried.empty() || tried.back() != text) tried.push_back(text);
  }
  throw Error(Exit::missing, what, cat("'", path, "' is in none of: ", join(tried, ", "), hint));
}

}  // namespace

fs::path Paths::data_root() const {
  return chosen(data_dir, "KINDRED_DATA", "data");
}
fs::path Paths::model_root() const {
  return chosen(model_dir, "KINDRED_MODELS", "models");
}
fs::path Paths::cache_root() const {
  return chosen(cache_dir, "KINDRED_CACHE", ".kindred");
}

data::DataPlaces Paths::data_places() const {
  return data::DataPlaces::from_environment(data_dir, cache_dir);
}

fs::path Paths::find_model(const std::string& path) const {
  const fs::path recipe = fs::path("recipes/lm") / (path + ".yaml");
  const std::string hint =
      fs::exists(recipe) ? cat("; `kindred lm pretrain ", recipe.string(), "` makes it") : "";
  return find(path, "backbone", model_root(), "models", hint);
}

}  // namespace kindred::run
