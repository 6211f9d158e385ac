#pragma once
// `kindred validate`: what anything Kindred reads is, or what is wrong with it and where.

#include <filesystem>
#include <string>
#include <vector>

namespace kindred::run {

/// What a path is. No problem means that Kindred would read it.
struct Validation {
  std::string what;
  std::vector<std::string> problems;
};

/// Looks at a recipe, a run folder, a Hugging Face folder, a checkpoint or data. Throws `missing`
/// where there is nothing.
Validation validate(const std::filesystem::path& path);

}  // namespace kindred::run
