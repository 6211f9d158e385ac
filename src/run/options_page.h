#pragma once
// docs/options.md, generated from the option structs.

#include <string>

namespace kindred::run {

/// Every option of a recipe, of a stage and of each recommender as one Markdown page.
std::string options_page();

}  // namespace kindred::run
