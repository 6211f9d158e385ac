#pragma once
// The collaborative recommenders on ids, below the methods that take one as a part.

#include <vector>

#include "model/method.h"

namespace kindred::cf {

/// All of them, in the order `kindred list` prints.
const std::vector<model::CatalogEntry>& catalog();

}  // namespace kindred::cf
