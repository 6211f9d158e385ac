#pragma once
// What a recipe comes to before any data is read: its method and the parts of it with their
// settings, and every mistake that can be named so early.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/method.h"
#include "run/paths.h"
#include "run/recipe.h"

namespace kindred::run {

/// A method of a recipe, or a part of one. Either a recommender that is made here (`entry`), or one
/// that is taken from a finished run (`from`) or from files of vectors (`users`, `items`).
struct MethodPlan {
  std::string path;  ///< of a part: "cf", "members.0"; empty: the recipe's own method
  std::string from;
  std::string users, items;
  const model::CatalogEntry* entry = nullptr;
  /// The sections of this method, its `stages` without `from`; data, seed, device and threads are
  /// the whole recipe's.
  Recipe recipe;
  model::Settings settings;
  std::map<std::string, std::string> stage_sources;       ///< stage -> run folder or recipe
  std::vector<std::pair<std::string, MethodPlan>> parts;  ///< with the slot each fills

  /// A stage's name in logs, folders and stages.json: "cf.train".
  std::string label(const std::string& stage) const {
    return path.empty() ? stage : path + "." + stage;
  }
  /// Its recipe with every option's value, those of its parts included, as config.yaml has it.
  Recipe resolved() const;
};

/// The recipe's method with its parts. Problems of options, stages, parts, metrics and selections
/// are appended to `problems`, a line each. Throws `missing` for a part's recipe that is not there.
MethodPlan plan_methods(const Recipe& recipe, std::vector<std::string>& problems);

/// The rows of a part's section, for the options page.
std::vector<OptionRow> describe_part();

/// The place that `from` names: as it stands, else beside the recipe. Throws `missing` naming
/// `where`.
fs::path find_source(const std::string& from, const fs::path& beside, const std::string& where);

}  // namespace kindred::run
