#pragma once
// Mistakes of a recipe that only its method can name, found before any data is read.

#include <string>
#include <vector>

#include "run/recipe.h"

namespace kindred::run {

/// Problems of the recipe's method section, stages and evaluation, a line each: unknown keys, wrong
/// types, values out of range, unknown stages and metrics. What depends on the data is not looked
/// at.
std::vector<std::string> method_problems(const Recipe& recipe);

}  // namespace kindred::run
